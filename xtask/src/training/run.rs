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
    Error, EvaluateConfig, EventWriter, FitConfig, Journal, Outcome, StepReport, TrainState,
    evaluate, fit, fit_watched, latest, precise_norms, resume, with_averages,
};

use super::optimisation::fit_config;
use super::plan::Plan;
use super::sections::Watched;
use crate::interrupt;
use crate::out::note;
use crate::progress::Progress;

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
    /// Trains until all steps are done, and leaves in the variables the weights to be tested: the best where they are kept,
    /// averages where there are some, else the last. `begin` gives a new run its first weights, where they are not those that
    /// were drawn. Also the videos that were left out.
    pub fn train(
        &self,
        begin: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<(TrainState, Vec<Skipped>)> {
        let Self { plan, vars, ranks, .. } = self;
        let checkpoints = self.folder.join("checkpoints");
        let mut state = self.begun(&checkpoints, begin)?;
        share(&**ranks, vars, &mut state)?;
        let shard = Shard { rank: ranks.rank(), world: ranks.world() };
        let loader = plan.clips.training(plan.train.clone(), plan.recipe.train.batch, shard)?;
        let config = fit_config(plan, loader.steps_per_epoch(), &checkpoints)?;
        let config = FitConfig { collective: Some(ranks.clone()), ..config };
        if state.step() < config.steps {
            self.steps(&loader, &config, &mut state)?;
        }
        if self.is_first() {
            self.settle(&loader, &config, &checkpoints, &mut state)?;
        }
        Ok((state, loader.skipped()))
    }

    fn is_first(&self) -> bool {
        self.ranks.rank() == 0
    }

    /// Where the run stands: after the last checkpoint, if there is one, which the first rank reads for all.
    fn begun(
        &self,
        checkpoints: &Path,
        begin: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<TrainState> {
        let new = || TrainState::new(self.plan.fingerprint.clone());
        if !self.is_first() {
            return Ok(new());
        }
        if !checkpoints.is_dir() || latest(checkpoints)?.checkpoint.is_none() {
            begin()?;
            return Ok(new());
        }
        let resumed = resume(checkpoints, self.vars, &self.plan.fingerprint)?;
        for error in &resumed.damaged {
            note(format_args!("passed over: {error}"));
        }
        let (step, path) = (resumed.state.step(), resumed.path.display());
        note(format_args!("goes on after step {step}: {path}"));
        Ok(resumed.state)
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

    /// Puts the weights that are tested into the variables.
    fn settle(
        &self,
        loader: &Loader,
        config: &FitConfig,
        checkpoints: &Path,
        state: &mut TrainState,
    ) -> anyhow::Result<()> {
        let (plan, vars) = (self.plan, self.vars);
        if plan.recipe.watch.keep_best && checkpoints.join(BEST).exists() {
            let whole = state.clone();
            *state = resume(checkpoints.join(BEST), vars, &plan.fingerprint)?.state;
            note(format_args!("the best weights are those after step {}", state.step()));
            self.average(config, state)?;
            *state = whole;
        } else {
            self.average(config, state)?;
        }
        match plan.recipe.train.precise_norms {
            0 => Ok(()),
            count => Ok(precise_norms(self.network, self.batches(loader, 0)?, count)?),
        }
    }

    /// Puts the averages of `state` in the place of the weights, where the run keeps some.
    fn average(&self, config: &FitConfig, state: &TrainState) -> anyhow::Result<()> {
        if config.ema.is_none() {
            return Ok(());
        }
        let all = || {
            let vars = self.vars.data().lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            let copy = |(name, var): (&String, &candle::Var)| Ok((name.clone(), var.copy()?));
            vars.iter().map(copy).collect::<candle::Result<Vec<(String, Tensor)>>>()
        };
        let averages = with_averages(self.vars, state, || Ok(all()?))?;
        let vars = self.vars.data().lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (name, average) in averages {
            vars.get(&name).map_or(Ok(()), |var| var.set(&average))?;
        }
        Ok(())
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
        let videos = self.plan.clips.watching(self.plan.watched().0.clone()).map_err(outside)?;
        let readable = videos.filter(|video| !matches!(video, Err(error) if error.is_damage()));
        let clips = readable.map(|video| -> data::Result<_> {
            let video = video?;
            Ok((video.clips.to_device(self.device)?, video.label))
        });
        let network = self.plan.judged(self.network);
        Ok(evaluate(&network, clips, &EvaluateConfig::default())?.video.top1)
    }
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
