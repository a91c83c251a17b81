//! A run of training: from its last checkpoint to its last step.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use candle::{Device, Tensor};
use candle_nn::VarMap;
use marey::data::{self, Loader, Shard, Skipped};
use marey::layers::Network;
use marey::train::checkpoint::BEST;
use marey::train::collective::{Collective, agree, share};
use marey::train::{
    Error, EvaluateConfig, EventWriter, FitConfig, Journal, Latest, Outcome, StepReport,
    TrainState, evaluate, fit, fit_watched, latest, precise_norms, put_averages, resume,
};

use super::optimisation::fit_config;
use super::plan::Plan;
use super::sections::Watched;
use crate::exit::{self, failure};
use crate::interrupt;
use crate::out::note;
use crate::progress::Progress;

const CHECKPOINTS: &str = "checkpoints";

/// What came of a run.
pub struct Trained {
    /// Where it ended.
    pub state: TrainState,
    /// After which step the weights were that are left in the variables.
    pub step: u64,
    /// The videos that were left out.
    pub skipped: Vec<Skipped>,
}

/// A network that is trained, by this process and perhaps others.
pub struct Run<'a> {
    pub plan: &'a Plan,
    pub network: &'a dyn Network,
    /// The variables of the network.
    pub vars: &'a VarMap,
    /// The folder of the run, into which the first rank alone writes.
    pub folder: &'a Path,
    pub device: &'a Device,
    pub ranks: Arc<dyn Collective>,
}

impl Run<'_> {
    /// Trains from where the run has [`begun`](Self::begun) until all steps are done, and leaves in the variables the weights
    /// to be tested: the best where they are kept, averages where there are some, else the last.
    pub fn train(&self, mut state: TrainState) -> anyhow::Result<Trained> {
        let Self { plan, vars, ranks, .. } = self;
        let checkpoints = self.folder.join(CHECKPOINTS);
        share(&**ranks, vars, &mut state)?;
        let shard = Shard { rank: ranks.rank(), world: ranks.world() };
        let loader = plan.clips.training(plan.train.clone(), plan.recipe.train.batch, shard)?;
        let config = fit_config(plan, loader.steps_per_epoch(), &checkpoints)?;
        let config = FitConfig { collective: Some(ranks.clone()), ..config };
        if state.step() < config.steps {
            self.steps(&loader, &config, &mut state)?;
        }
        let step = match self.is_first() {
            true => self.settle(&config, &checkpoints, &state)?,
            false => state.step(),
        };
        Ok(Trained { state, step, skipped: loader.skipped() })
    }

    fn is_first(&self) -> bool {
        self.ranks.rank() == 0
    }

    /// Where the run stands: after the last checkpoint, if there is one, which the first rank reads for all. `begin` gives a
    /// new run its first weights, where they are not those that were drawn.
    pub fn begun(&self, begin: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<TrainState> {
        let checkpoints = self.folder.join(CHECKPOINTS);
        let new = || TrainState::new(self.plan.fingerprint.clone());
        if !self.is_first() {
            return Ok(new());
        }
        let found = if checkpoints.is_dir() { Some(latest(&checkpoints)?) } else { None };
        let Some(Latest { checkpoint: Some(checkpoint), damaged }) = found else {
            begin()?;
            return Ok(new());
        };
        let path = checkpoint.path().to_path_buf();
        let state = checkpoint.restore(self.vars, &self.plan.fingerprint);
        let state = state.map_err(|error| match error {
            Error::Fingerprint { found, wanted, .. } => {
                of_another_recipe(self.folder, &found, &wanted)
            }
            error => error.into(),
        })?;
        for error in &damaged {
            note(format_args!("passed over: {error}"));
        }
        note(format_args!("goes on after step {}: {}", state.step(), path.display()));
        Ok(state)
    }

    fn steps(
        &self,
        loader: &Loader,
        config: &FitConfig,
        state: &mut TrainState,
    ) -> anyhow::Result<()> {
        let Self { plan, network, vars, folder, .. } = *self;
        let batches = self.batches(loader, state.step())?;
        let mut records = match self.is_first() {
            true => Some(Records::open(self, config, state)?),
            false => None,
        };
        let mut failed = None;
        let mut observe = |report: &StepReport<'_>| {
            if let Some(Err(error)) = records.as_mut().map(|records| records.step(report)) {
                failed = Some(error);
            }
            match failed.is_some() || interrupt::asked() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let watches = config.watch.is_some() && plan.recipe.watch.value == Watched::Top1;
        let outcome = if watches {
            if self.is_first() {
                note(format_args!("{} is watched", plan.watched_value()));
            }
            let mut watch = |_| self.watched();
            fit_watched(network, vars, batches, config, state, &mut watch, &mut observe)
        } else {
            fit(network, vars, batches, config, state, &mut observe)
        };
        if let Some(records) = records {
            records.progress.finish();
        }
        let outcome =
            outcome.with_context(|| format!("{}, {}", plan.model.name, folder.display()))?;
        agree(&*self.ranks, failed.map_or(Ok(()), Err))?;
        match outcome {
            Outcome::Finished | Outcome::NoProgress => Ok(()),
            Outcome::Stopped => Err(interrupt::stopped()),
            Outcome::OutOfBatches => anyhow::bail!("the batches ended before the steps did"),
        }
    }

    /// Puts the weights that are tested into the variables: those after which step?
    fn settle(
        &self,
        config: &FitConfig,
        checkpoints: &Path,
        state: &TrainState,
    ) -> anyhow::Result<u64> {
        let (recipe, best) = (&self.plan.recipe, checkpoints.join(BEST));
        let best = match recipe.watch.keep_best && best.exists() {
            true => Some(resume(best, self.vars, &self.plan.fingerprint)?.state),
            false => None,
        };
        let state = best.as_ref().unwrap_or(state);
        if config.ema.is_some() {
            put_averages(self.vars, state)?;
        }
        if recipe.train.precise_norms > 0 {
            // The first rank does it alone, of whole batches.
            let (videos, batch) = (self.plan.train.clone(), recipe.train.batch);
            let loader = self.plan.clips.training(videos, batch, Shard::default())?;
            let batches = self.batches(&loader, 0)?;
            precise_norms(self.network, batches, recipe.train.precise_norms)?;
        }
        Ok(state.step())
    }

    /// The batches of this process from number `step` on.
    fn batches(
        &self,
        loader: &Loader,
        step: u64,
    ) -> anyhow::Result<impl Iterator<Item = data::Result<(Tensor, Tensor)>>> {
        let device = self.device.clone();
        Ok(loader.batches_from(step)?.map(move |batch| {
            let batch = batch?;
            Ok((batch.clips.to_device(&device)?, batch.labels.to_device(&device)?))
        }))
    }

    /// The accuracy on the videos that are watched, one clip each; those that cannot be decoded are left out.
    fn watched(&self) -> marey::train::Result<f64> {
        let outside = |error: anyhow::Error| Error::Config(crate::exit::line(&error));
        let videos = self.plan.clips.watching(self.plan.watched().clone()).map_err(outside)?;
        let readable = videos.filter(|video| !matches!(video, Err(error) if error.is_damage()));
        let clips = readable.map(|video| -> data::Result<_> {
            let video = video?;
            Ok((video.clips.to_device(self.device)?, video.label))
        });
        let network = self.plan.judged(self.network);
        Ok(evaluate(&network, clips, &EvaluateConfig::default())?.video.top1)
    }
}

/// The error of a folder in which there is the run `found`, and not the one that was `wanted`.
fn of_another_recipe(folder: &Path, found: &str, wanted: &str) -> anyhow::Error {
    let without = |lines: &str, others: &str| -> String {
        let others: Vec<&str> = others.lines().collect();
        let own: Vec<&str> = lines.lines().filter(|line| !others.contains(line)).collect();
        if own.is_empty() { "nothing more".into() } else { own.join(", ") }
    };
    let (folder, there, here) = (folder.display(), without(found, wanted), without(wanted, found));
    let what = format!(
        "{folder}: a run of another recipe is there, with {there}; this one has {here}; take another folder (--out)"
    );
    failure(exit::USAGE, what)
}

/// What the first rank leaves of each step.
struct Records {
    journal: Journal,
    events: EventWriter,
    progress: Progress,
}

impl Records {
    fn open(run: &Run<'_>, config: &FitConfig, state: &TrainState) -> anyhow::Result<Self> {
        let (name, batch) = (run.plan.model.name, run.plan.recipe.train.batch);
        Ok(Self {
            journal: Journal::open(run.folder.join("metrics.jsonl"), state)?,
            events: EventWriter::create(run.folder.join("events"), state.step())?,
            progress: Progress::new(name, state.step(), config.steps, batch),
        })
    }

    fn step(&mut self, report: &StepReport<'_>) -> marey::train::Result<()> {
        self.progress.step(report);
        self.journal.step(report)?;
        self.events.step(report)
    }
}
