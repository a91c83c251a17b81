//! One row: a network trained and tested.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use candle::DType;
use candle_nn::VarMap;
use marey::clip::{ClipSampler, Window};
use marey::data::{Loader, LoaderConfig};
use marey::layers::rng::fnv1a;
use marey::layers::{Network, seeded};
use marey::train::{
    CheckpointConfig, EvaluateConfig, Evaluation, FitConfig, Objective, Outcome, Parameters,
    Schedule, SgdConfig, TrainState, Warmup, evaluate, fit, latest,
};
use marey::weights::write_atomically;
use marey::zoo::{self, Model, Sizes};
use serde::{Deserialize, Serialize};

use super::recipe::Training;
use crate::interrupt;
use crate::out::{bar, note};
use crate::progress::Progress;

use crate::source::{Source, test_transform, train_transform};

/// What a row needs to be run.
pub struct Trial<'a> {
    pub method: &'a str,
    pub model: &'a str,
    pub training: &'a Training,
    pub source: &'a Source,
    pub seed: u64,
    pub device: &'a candle::Device,
    /// The folder of the table's run.
    pub folder: &'a Path,
}

/// What came of it. Shares are of 1.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Measured {
    pub videos: usize,
    pub top1: f64,
    pub top5: f64,
    /// The 95 % interval of `top1` (Wilson).
    pub interval: (f64, f64),
    pub mean_class: f64,
    pub clip_top1: f64,
    pub clip_top5: f64,
    /// `confusion[label][answer]`.
    pub confusion: Vec<Vec<u64>>,
    pub parameters: u64,
    /// Of training and testing, in seconds.
    pub seconds: f64,
    /// Seconds of training that waited for data.
    pub waited: f64,
    pub losses: Vec<f32>,
    /// Share of the training batch that was right, where it was measured.
    pub accuracies: Vec<Option<f32>>,
    pub training: Training,
    fingerprint: String,
}

/// Steps between two checkpoints.
const SAVE_EVERY: u64 = 100;

impl Trial<'_> {
    /// What was measured, now or by an earlier run that ended.
    pub fn run(&self) -> anyhow::Result<Measured> {
        let fingerprint = format!(
            "marey {}, {}, {:?}, seed {}, on {}",
            env!("CARGO_PKG_VERSION"),
            self.model,
            self.training,
            self.seed,
            self.source.fingerprint
        );
        let folder = self.folder.join(format!("{}-{:08x}", self.model, fnv1a(&fingerprint) as u32));
        let result = folder.join("result.json");
        if let Some(measured) = finished(&result, &fingerprint)? {
            note(format_args!("{}: taken from {}", self.method, result.display()));
            return Ok(measured);
        }
        let model = zoo::find(self.model)?;
        let sizes = self.sizes(model);
        let vars = VarMap::new();
        let network = model.build(&sizes, seeded(&vars, self.seed, DType::F32, self.device))?;
        let state = self.train(&*network, &vars, &folder, &fingerprint)?;
        let tested = Instant::now();
        let evaluation = self.evaluate(&*network)?;
        let measured = Measured {
            videos: evaluation.video.count,
            top1: evaluation.video.top1,
            top5: evaluation.video.top5,
            interval: evaluation.video.interval,
            mean_class: evaluation.video.mean_class,
            clip_top1: evaluation.clip_top1,
            clip_top5: evaluation.clip_top5,
            confusion: (0..sizes.classes)
                .map(|label| evaluation.video.confusion.row(label).to_vec())
                .collect(),
            parameters: model.summary(&sizes)?.parameters,
            seconds: state.curve().iter().map(|point| point.seconds + point.wait).sum::<f64>()
                + tested.elapsed().as_secs_f64(),
            waited: state.curve().iter().map(|point| point.wait).sum(),
            losses: state.curve().iter().map(|point| point.loss).collect(),
            accuracies: state.curve().iter().map(|point| point.accuracy).collect(),
            training: self.training.clone(),
            fingerprint,
        };
        write_atomically(&result, serde_json::to_string_pretty(&measured)?.as_bytes())?;
        Ok(measured)
    }

    fn sizes(&self, model: &Model) -> Sizes {
        let Training { shrink, frames, crop, dropout, .. } = *self.training;
        let classes = self.source.train.classes().len();
        Sizes { input: [frames, crop, crop], shrink, dropout, ..model.sizes(classes) }
    }

    fn loader_config(&self) -> LoaderConfig {
        let Training { frames, stride, batch, .. } = *self.training;
        let window = Window { length: frames, stride };
        LoaderConfig {
            batch,
            sampler: ClipSampler::Random(window),
            seed: self.seed,
            threads: rayon::current_num_threads(),
            ..Default::default()
        }
    }

    fn fit_config(&self, folder: &Path) -> FitConfig {
        let Training { steps, rate, weight_decay, ref decay_at, .. } = *self.training;
        let decay = if decay_at.is_empty() {
            Schedule::cosine(steps)
        } else {
            Schedule::step(0.1, decay_at.clone())
        };
        FitConfig {
            optimizer: SgdConfig {
                rate,
                momentum: 0.9,
                nesterov: true,
                weight_decay,
                parameters: Parameters::no_decay_on_vectors(),
            }
            .into(),
            schedule: decay.with_warmup(Warmup { steps: steps / 20, start: 0.1 }),
            steps,
            seed: self.seed,
            clip_grad_norm: Some(5.),
            checkpoint: Some(CheckpointConfig {
                dir: folder.to_path_buf(),
                every: SAVE_EVERY,
                keep: 2,
            }),
            objective: Objective::CrossEntropy,
            ..FitConfig::default()
        }
    }

    /// Trains until all steps are done, from the last checkpoint in `folder` if there is one.
    fn train(
        &self,
        network: &dyn Network,
        vars: &VarMap,
        folder: &Path,
        fingerprint: &str,
    ) -> anyhow::Result<TrainState> {
        let found = if folder.is_dir() { latest(folder)?.checkpoint } else { None };
        let mut state = match found {
            Some(checkpoint) => checkpoint.restore(vars, fingerprint)?,
            None => TrainState::new(fingerprint),
        };
        let steps = self.training.steps;
        if state.step() >= steps {
            return Ok(state);
        }
        let transform = train_transform(self.training.side, self.training.crop);
        let loader = Loader::new(self.source.train.clone(), self.loader_config(), transform)?;
        let batches = loader.batches_from(state.step())?;
        let device = self.device.clone();
        let batches = batches.map(|batch| -> marey::data::Result<_> {
            let batch = batch?;
            Ok((batch.clips.to_device(&device)?, batch.labels.to_device(&device)?))
        });
        let mut progress = Progress::new(self.method, state.step(), steps, self.training.batch);
        let mut observe = |report: &marey::train::StepReport<'_>| {
            progress.step(report);
            if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let outcome =
            fit(network, vars, batches, &self.fit_config(folder), &mut state, &mut observe)
                .with_context(|| self.method.to_string())?;
        progress.finish();
        match outcome {
            Outcome::Finished | Outcome::NoProgress => Ok(state),
            Outcome::Stopped => Err(interrupt::stopped()),
            Outcome::OutOfBatches => {
                anyhow::bail!("{}: the batches ended before the steps did", self.method)
            }
        }
    }

    fn evaluate(&self, network: &dyn Network) -> anyhow::Result<Evaluation> {
        let Training { frames, stride, side, crop, clips, .. } = *self.training;
        let test = &self.source.test;
        let config = LoaderConfig { batch: 1, shuffle: false, ..self.loader_config() };
        let loader = Loader::new(test.clone(), config, test_transform(side, crop))?;
        let bar = bar(&format!("{}, test", self.method), test.len() as u64, "videos");
        let videos =
            loader.videos(ClipSampler::Uniform(Window { length: frames, stride }, clips))?;
        let videos =
            videos.take_while(|_| !interrupt::asked()).map(|video| -> marey::data::Result<_> {
                let video = video?;
                bar.inc(1);
                Ok((video.clips.to_device(self.device)?, video.label))
            });
        let evaluation = evaluate(network, videos, &EvaluateConfig::default());
        bar.finish_and_clear();
        if interrupt::asked() {
            return Err(interrupt::stopped());
        }
        evaluation.with_context(|| format!("{}, test", self.method))
    }
}

/// The result of an earlier run with the same settings.
fn finished(path: &PathBuf, fingerprint: &str) -> anyhow::Result<Option<Measured>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    let measured: Measured = serde_json::from_str(&text).map_err(|error| {
        crate::exit::failure(crate::exit::CORRUPT, format!("{}: {error}", path.display()))
    })?;
    Ok((measured.fingerprint == fingerprint).then_some(measured))
}
