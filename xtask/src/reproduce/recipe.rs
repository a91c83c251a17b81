//! Recipes: a table of a paper as data.

use serde::{Deserialize, Serialize};

use crate::source::Scale;

/// A table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What `reproduce` calls it.
    pub id: String,
    /// Other names for it.
    pub aliases: Vec<String>,
    /// What the table shows.
    pub title: String,
    /// Paper and table.
    pub source: String,
    /// What the published numbers were measured on.
    pub dataset: String,
    /// What the numbers are.
    pub metric: String,
    /// How much is drawn of the generated benchmark.
    pub scale: Scales<Scale>,
    /// The rows.
    pub row: Vec<Row>,
}

/// A setting for each size of a run.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scales<T> {
    pub quick: T,
    pub default: T,
    pub full: T,
}

/// The size of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Quick,
    Default,
    Full,
}

impl Length {
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Default => "default",
            Self::Full => "full",
        }
    }
}

impl<T> Scales<T> {
    pub fn of(&self, length: Length) -> &T {
        match length {
            Length::Quick => &self.quick,
            Length::Default => &self.default,
            Length::Full => &self.full,
        }
    }
}

/// A row.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// As printed in the paper, or what was run instead.
    pub method: String,
    /// The published number; none where no published row has the protocol that is run.
    pub published: Option<f64>,
    /// How far the published number was confirmed.
    pub evidence: Option<String>,
    /// Why the row cannot be run yet.
    pub waits: Option<String>,
    /// What is run: a name of the zoo.
    pub model: Option<String>,
    /// How it is measured, and what differs from the paper.
    pub protocol: Option<String>,
    pub quick: Option<Training>,
    pub default: Option<Training>,
    pub full: Option<Training>,
}

/// How a row's network is trained and tested.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// The paper's channel counts are divided by this.
    pub shrink: usize,
    /// Frames of a clip.
    pub frames: usize,
    /// Frames of the video from one of the clip to the next.
    pub stride: usize,
    /// Frames are brought to this by their shorter side.
    pub side: usize,
    /// Side of the square the network sees.
    pub crop: usize,
    /// Clips of a test video.
    pub clips: usize,
    /// Clips of a batch.
    pub batch: usize,
    /// Batches.
    pub steps: u64,
    /// The highest learning rate.
    pub rate: f64,
    pub weight_decay: f64,
    /// Chance that a unit is dropped; the paper's if there is none.
    pub dropout: Option<f32>,
    /// Steps at which the rate is divided by 10; where there are none it falls along half a cosine.
    #[serde(default)]
    pub decay_at: Vec<u64>,
}

impl Row {
    /// The model to run, and how. `None` where the row waits.
    pub fn trial(&self, length: Length) -> Option<(&str, &Training)> {
        let training = match length {
            Length::Quick => &self.quick,
            Length::Default => &self.default,
            Length::Full => &self.full,
        };
        Some((self.model.as_deref()?, training.as_ref()?))
    }
}

const RECIPES: [&str; 1] = [include_str!("../../recipes/survey-table4.toml")];

/// All recipes.
pub fn all() -> anyhow::Result<Vec<Recipe>> {
    RECIPES.into_iter().map(|text| Ok(toml::from_str(text)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_run_or_says_why_not() {
        for recipe in all().unwrap() {
            for row in &recipe.row {
                let runs =
                    [Length::Quick, Length::Default, Length::Full].map(|l| row.trial(l).is_some());
                assert!(runs == [row.waits.is_none(); 3], "{}", row.method);
                assert_eq!(row.published.is_some(), row.evidence.is_some(), "{}", row.method);
                assert_eq!(row.model.is_some(), row.protocol.is_some(), "{}", row.method);
                if let Some(model) = &row.model {
                    marey::zoo::find(model).unwrap();
                }
            }
        }
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let text = RECIPES[0].replacen("metric =", "metrik =", 1);
        assert!(toml::from_str::<Recipe>(&text).is_err());
    }
}
