//! A table as Markdown and JSON.

use serde::Serialize;

use super::recipe::{Recipe, Row, Training};
use super::trial::Measured;
use crate::out::thousands;
use crate::source::Source;

/// A table with what was measured.
#[derive(Serialize)]
pub struct Report<'a> {
    pub id: &'a str,
    pub title: &'a str,
    pub source: &'a str,
    pub published_on: &'a str,
    pub measured_on: &'a str,
    pub dataset: &'a str,
    pub metric: &'a str,
    pub seed: u64,
    pub rows: Vec<Line<'a>>,
}

/// A row of it.
#[derive(Serialize)]
pub struct Line<'a> {
    pub method: &'a str,
    pub published: Option<f64>,
    pub evidence: Option<&'a str>,
    pub protocol: Option<String>,
    pub measured: Option<Measured>,
    /// Why nothing was measured.
    pub skipped: Option<&'a str>,
}

impl<'a> Report<'a> {
    pub fn new(recipe: &'a Recipe, source: &'a Source, seed: u64) -> Self {
        Self {
            id: &recipe.id,
            title: &recipe.title,
            source: &recipe.source,
            published_on: &recipe.dataset,
            measured_on: &source.name,
            dataset: &source.dataset,
            metric: &recipe.metric,
            seed,
            rows: Vec::new(),
        }
    }

    /// Adds a row that was run.
    pub fn add(&mut self, row: &'a Row, measured: Measured) {
        let training = &measured.training;
        let protocol = format!(
            "{}. Here: from scratch, {} steps of {} {} of {side}x{side}, channels / {}{}, {} of them a test video",
            row.protocol.as_deref().unwrap_or_default(),
            training.steps,
            training.batch,
            clips(training),
            training.shrink,
            training.dropout.map_or_else(String::new, |p| format!(", dropout {p}")),
            training.clips,
            side = training.crop,
        );
        let line = Line { protocol: Some(protocol), measured: Some(measured), ..Line::of(row) };
        self.rows.push(line);
    }

    /// Adds a row that cannot be run.
    pub fn skip(&mut self, row: &'a Row) {
        let skipped = row.waits.as_deref().or(Some("not of this size of run"));
        self.rows.push(Line { skipped, ..Line::of(row) });
    }

    /// The whole table.
    pub fn markdown(&self) -> String {
        let mut text = format!(
            "# {}\n\n{}. Published: {} on {}. Measured here: {} (seed {}).\n\n",
            self.title, self.source, self.metric, self.published_on, self.measured_on, self.seed
        );
        text += "| method | published | measured here | 95 % interval | test videos | each seen as | parameters | time |\n";
        text += "|---|---|---|---|---|---|---|---|\n";
        for row in &self.rows {
            let published = row.published.map_or("-".into(), |value| format!("{value:.1}"));
            let rest = match &row.measured {
                Some(m) => format!(
                    "{:.1} | {:.1} to {:.1} | {} of {} | {} {} | {} | {:.0} s",
                    m.top1 * 100.,
                    m.interval.0 * 100.,
                    m.interval.1 * 100.,
                    m.videos,
                    self.dataset,
                    m.training.clips,
                    clips(&m.training),
                    thousands(m.parameters),
                    m.seconds
                ),
                None => format!("skipped: {} | | | | |", row.skipped.unwrap_or_default()),
            };
            text += &format!("| {} | {published} | {rest} |\n", row.method);
        }
        text += &format!(
            "\nPublished numbers are of {}, measured ones of {}: they are not to be compared.\n",
            self.published_on, self.dataset
        );
        text += "\n## Protocols\n\n";
        for (row, m) in self.rows.iter().filter_map(|row| Some((row, row.measured.as_ref()?))) {
            text += &format!(
                "* **{}**: {}. Top-5 {:.1} %, mean class {:.1} %, clips {:.1} % (top-5 {:.1} %), {} videos; waited {:.0} s for data.\n",
                row.method,
                row.protocol.as_deref().unwrap_or_default(),
                m.top5 * 100.,
                m.mean_class * 100.,
                m.clip_top1 * 100.,
                m.clip_top5 * 100.,
                m.videos,
                m.waited,
            );
        }
        text += "\n## Where the published numbers are from\n\n";
        for (method, evidence) in
            self.rows.iter().filter_map(|row| Some((row.method, row.evidence?)))
        {
            text += &format!("* {method}: {evidence}.\n");
        }
        text
    }
}

impl<'a> Line<'a> {
    fn of(row: &'a Row) -> Self {
        Self {
            method: &row.method,
            published: row.published,
            evidence: row.evidence.as_deref(),
            protocol: row.protocol.clone(),
            measured: None,
            skipped: None,
        }
    }
}

/// What a network sees at once: "frames", "clips of 16 frames", "clips of 16 frames (each 5 after the last)".
fn clips(training: &Training) -> String {
    match (training.frames, training.stride) {
        (1, _) => "frames".into(),
        (frames, 1) => format!("clips of {frames} frames"),
        (frames, stride) => format!("clips of {frames} frames (each {stride} after the last)"),
    }
}
