//! The test of a network, which goes on where it was interrupted.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use candle::Device;
use marey::data::Dataset;
use marey::layers::Network;
use marey::train::{Average, EvaluateConfig, Evaluation, VideoScore, score};
use serde::{Deserialize, Serialize};

use super::clips::Clips;
use super::recipe::Recipe;
use super::sections::Averaged;
use crate::exit::{self, failure};
use crate::interrupt;
use crate::out::{bar, note};

/// A network, and the videos it is tested on.
pub struct Testing<'a> {
    pub network: &'a dyn Network,
    pub videos: &'a Arc<dyn Dataset>,
    pub clips: &'a Clips,
    pub config: EvaluateConfig,
    /// What the scores depend on.
    pub fingerprint: String,
    /// Where the scores of each video are kept until all are there.
    pub journal: PathBuf,
    pub device: &'a Device,
}

/// What came of it.
pub struct Tested {
    pub evaluation: Evaluation,
    /// The videos that were scored, in the order of the scores.
    pub names: Vec<String>,
    /// Their numbers in the dataset.
    pub indices: Vec<usize>,
    /// The videos that could not be read, each with its cause.
    pub unreadable: Vec<(String, String)>,
}

/// The first line of a journal.
#[derive(Serialize, Deserialize, PartialEq)]
struct Head {
    fingerprint: String,
}

/// One line of a journal for each video, in their order.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Scored(VideoScore),
    Unreadable(String),
}

/// How the scores of clips become one.
pub fn config(recipe: &Recipe) -> EvaluateConfig {
    let average = match recipe.test.average {
        Averaged::Softmax => Average::Softmax,
        Averaged::Logits => Average::Logits,
    };
    EvaluateConfig { average, max_clips: recipe.test.at_once.unwrap_or(8) }
}

impl Testing<'_> {
    /// Scores all videos that have no score yet.
    pub fn run(&self, title: &str) -> anyhow::Result<Tested> {
        let mut lines = self.kept()?;
        let (done, all) = (lines.len(), self.videos.len());
        if done > 0 {
            note(format_args!("{title}: {done} of {all} videos were scored before"));
        }
        let said = || self.journal.display().to_string();
        let mut journal = OpenOptions::new().append(true).open(&self.journal).with_context(said)?;
        let bar = bar(title, all as u64, "videos");
        bar.set_position(done as u64);
        for video in self.clips.testing(self.videos.clone(), done)? {
            if interrupt::asked() {
                return Err(interrupt::stopped());
            }
            let line = match video {
                Ok(video) => {
                    let clips = video.clips.to_device(self.device)?;
                    let scored = score(self.network, &clips, video.label, &self.config);
                    let name = || format!("video `{}`", self.videos.name(video.index));
                    Line::Scored(scored.with_context(name)?)
                }
                Err(error @ marey::data::Error::Sample { .. }) => {
                    let error = exit::line(&error.into());
                    note(format_args!("skipped: {error}"));
                    Line::Unreadable(error)
                }
                Err(error) => return Err(error.into()),
            };
            let text = serde_json::to_string(&line)? + "\n";
            journal.write_all(text.as_bytes()).with_context(said)?;
            lines.push(line);
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.tested(lines)
    }

    fn tested(&self, lines: Vec<Line>) -> anyhow::Result<Tested> {
        let (mut scores, mut indices, mut unreadable) = (Vec::new(), Vec::new(), Vec::new());
        for (index, line) in lines.into_iter().enumerate() {
            match line {
                Line::Scored(score) => {
                    scores.push(score);
                    indices.push(index);
                }
                Line::Unreadable(cause) => unreadable.push((self.videos.name(index), cause)),
            }
        }
        if scores.is_empty() {
            let what = format!("none of {} test videos could be read", unreadable.len());
            return Err(failure(exit::CORRUPT, what));
        }
        let names = indices.iter().map(|index| self.videos.name(*index)).collect();
        Ok(Tested { evaluation: Evaluation::of(scores)?, names, indices, unreadable })
    }

    /// What the journal holds of this very test; it is begun anew where it is of another.
    fn kept(&self) -> anyhow::Result<Vec<Line>> {
        let said = || self.journal.display().to_string();
        let head = Head { fingerprint: self.fingerprint.clone() };
        let text = match fs::read_to_string(&self.journal) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(said),
        };
        // A line without its end was torn when the process was killed.
        let mut whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let same = whole
            .next()
            .is_some_and(|line| serde_json::from_str::<Head>(line).is_ok_and(|met| met == head));
        let mut lines = Vec::new();
        if same {
            lines.extend(whole.map_while(|line| serde_json::from_str(line).ok()));
            lines.truncate(self.videos.len());
        }
        let mut text = serde_json::to_string(&head)? + "\n";
        for line in &lines {
            text += &(serde_json::to_string(line)? + "\n");
        }
        marey::weights::write_atomically(&self.journal, text.as_bytes())?;
        Ok(lines)
    }
}

/// Removes the journal of a test whose results are written.
pub fn remove(journal: &Path) {
    // One that stays is only taken for what it is.
    let _ = fs::remove_file(journal);
}
