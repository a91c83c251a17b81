//! Videos that a network is run on, one after the other; what came of those before an interruption is kept.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use candle::{Device, Tensor};
use marey::data::Dataset;
use marey::layers::Network;
use marey::train::{Average, EvaluateConfig, Evaluation, VideoScore, score};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::clips::Clips;
use super::ledger::{Ledger, Line};
use super::recipe::Recipe;
use super::sections::Averaged;
use crate::exit::{self, failure};
use crate::interrupt;
use crate::out::{bar, note};

/// A network, and the videos it is run on.
pub struct Testing<'a> {
    pub network: &'a dyn Network,
    pub videos: &'a Arc<dyn Dataset>,
    pub clips: &'a Clips,
    pub config: EvaluateConfig,
    /// What the results depend on.
    pub fingerprint: String,
    /// Where they are kept until all are there.
    pub ledger: PathBuf,
    pub device: &'a Device,
}

/// What came of the videos that could be read.
pub struct Passed<T> {
    pub results: Vec<T>,
    /// What these videos are called.
    pub names: Vec<String>,
    /// Their numbers in the dataset.
    pub indices: Vec<usize>,
    /// The videos that could not be read, each with its cause.
    pub unreadable: Vec<(String, String)>,
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
    /// The scores of the videos.
    pub fn scores(&self, title: &str) -> anyhow::Result<(Evaluation, Passed<()>)> {
        let passed = self.pass(title, |clips, label| {
            Ok::<VideoScore, anyhow::Error>(score(self.network, clips, label, &self.config)?)
        })?;
        let Passed { results, names, indices, unreadable } = passed;
        Ok((Evaluation::of(results)?, Passed { results: vec![], names, indices, unreadable }))
    }

    /// The features of the videos, each the mean of those of its clips.
    pub fn features(&self, title: &str) -> anyhow::Result<Passed<Vec<f32>>> {
        self.pass(title, |clips, _| {
            let (all, most) = (clips.dim(0)?, self.config.max_clips.max(1));
            let mut sum: Option<Tensor> = None;
            for first in (0..all).step_by(most) {
                let some = clips.narrow(0, first, most.min(all - first))?.contiguous()?;
                let features = self.network.features_t(&some, false)?.sum(0)?;
                sum = Some(sum.map_or(Ok(features.clone()), |sum| sum + &features)?);
            }
            let sum = sum.context("a video without clips")?;
            Ok((sum / all as f64)?.to_vec1::<f32>()?)
        })
    }

    /// Runs `f` on the clips and label of each video that nothing came of yet.
    fn pass<T: Serialize + DeserializeOwned>(
        &self,
        title: &str,
        f: impl Fn(&Tensor, u32) -> anyhow::Result<T>,
    ) -> anyhow::Result<Passed<T>> {
        let (mut ledger, mut lines) = Ledger::<T>::open(&self.ledger, &self.fingerprint)?;
        let (done, all) = (lines.len(), self.videos.len());
        if done > 0 {
            note(format_args!("{title}: {done} of {all} videos were done before"));
        }
        let bar = bar(title, all as u64, "videos");
        bar.set_position(done as u64);
        for video in self.clips.testing(self.videos.clone(), done)? {
            if interrupt::asked() {
                return Err(interrupt::stopped());
            }
            let line = match video {
                Ok(video) => {
                    let name = || format!("video `{}`", self.videos.name(video.index));
                    let clips = video.clips.to_device(self.device)?;
                    Line::Done(f(&clips, video.label).with_context(name)?)
                }
                Err(error) if error.is_damage() => {
                    let error = exit::line(&error.into());
                    note(format_args!("skipped: {error}"));
                    Line::Unreadable(error)
                }
                Err(error) => return Err(error.into()),
            };
            ledger.add(&line)?;
            lines.push(line);
            bar.inc(1);
        }
        bar.finish_and_clear();
        self.sorted(lines)
    }

    fn sorted<T>(&self, lines: Vec<Line<T>>) -> anyhow::Result<Passed<T>> {
        let (results, names, indices) = (Vec::new(), Vec::new(), Vec::new());
        let mut passed = Passed { results, names, indices, unreadable: Vec::new() };
        for (index, line) in lines.into_iter().enumerate() {
            let name = self.videos.name(index);
            match line {
                Line::Done(result) => {
                    passed.results.push(result);
                    passed.names.push(name);
                    passed.indices.push(index);
                }
                Line::Unreadable(cause) => passed.unreadable.push((name, cause)),
            }
        }
        if passed.results.is_empty() {
            let what = format!("none of {} videos could be read", passed.unreadable.len());
            return Err(failure(exit::CORRUPT, what));
        }
        Ok(passed)
    }
}
