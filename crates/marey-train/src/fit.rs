//! The training loop.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle::{Device, Tensor};
use candle_nn::VarMap;
use marey_layers::Network;

use crate::checkpoint::{self, BEST};
use crate::curve::Point;
use crate::ema::{Ema, exchanged};
use crate::error::{Error, Result};
use crate::optimizer::Optimizer;
use crate::state::TrainState;
use crate::watch::Verdict;

mod config;
mod ranks;
mod step;

pub use config::FitConfig;
use ranks::Ranks;

/// How [`fit`] ended. In each case the last step is saved, where anything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a run that was stopped or ran out of batches is not a trained network"]
pub enum Outcome {
    /// All steps are done.
    Finished,
    /// The observer stopped it.
    Stopped,
    /// The batches ended before the steps did.
    OutOfBatches,
    /// The watched value got no better for as long as
    /// [`WatchConfig::patience`](crate::WatchConfig::patience) lets it.
    NoProgress,
}

/// What an observer is told after each step.
#[derive(Debug, Clone, Copy)]
pub struct StepReport<'a> {
    /// The step, from 0.
    pub step: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// What was recorded of it.
    pub point: &'a Point,
    /// The watched value, if it was this step's turn.
    pub watched: Option<f64>,
    /// The checkpoint that was written after it, by this rank.
    pub saved: Option<&'a Path>,
}

/// Trains `network`, whose variables are in `vars`, until `config.steps` steps are done.
///
/// `batches` yields clips `[N, C, T, H, W]` and labels `[N]` (`u32`), beginning with batch number
/// [`TrainState::step`] of the run: of a resumed run, those that it has seen are not asked for.
/// Then the run that was stopped after any step, or killed at any moment, ends with the same bits
/// as one that was not. Each step runs inside
/// [`train_step`](marey_layers::rng::train_step).
///
/// `observe` is called after each step, and may stop the run there.
///
/// With [`FitConfig::collective`] every rank calls this at once, with `batches` that together are
/// the run's. A step is that of all their clips as one batch, but for what clips of a batch know of
/// each other (batch norms without `sync_norms`, mixup) and for dropout, whose masks are each
/// rank's own. Weights, running statistics and losses are the same bits on all ranks after each
/// step, the statistics those of rank 0, which alone saves. The run is stopped, or out of batches,
/// as soon as that of one rank is. As many ranks give the same bits on every run.
///
/// # Errors
///
/// [`Error::Diverged`] before a step whose loss or gradient is not finite is taken, and
/// [`Error::NotFinite`] rather than saving such weights: the last checkpoint stays good. After an
/// error `state` stands at the last step that was taken and is not saved; a network with running
/// statistics may have updated them for the step that failed.
///
/// Of several ranks, all fail where a batch, a value to watch or a checkpoint of one of them does.
/// After any other error of one rank the others wait for it: it then calls
/// [`Collective::abort`](crate::Collective::abort).
pub fn fit<E>(
    network: &dyn Network,
    vars: &VarMap,
    batches: impl IntoIterator<Item = std::result::Result<(Tensor, Tensor), E>>,
    config: &FitConfig,
    state: &mut TrainState,
    observe: &mut dyn FnMut(&StepReport<'_>) -> ControlFlow<()>,
) -> Result<Outcome>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    run(network, vars, batches, config, state, None, observe)
}

/// [`fit`] that watches what `watch` computes, in place of the training loss.
///
/// `watch` is told the steps done, each time [`FitConfig::watch`] asks for a value, and finds in
/// `vars` the averages of the weights where the run keeps some. A validation accuracy is
/// [`evaluate`](crate::evaluate()) of the same network. Of several ranks each is asked, and what
/// rank 0 answers counts.
///
/// # Errors
///
/// Those of [`fit`], the first of `watch`, and [`Error::Watched`] for a value that is not finite.
pub fn fit_watched<E>(
    network: &dyn Network,
    vars: &VarMap,
    batches: impl IntoIterator<Item = std::result::Result<(Tensor, Tensor), E>>,
    config: &FitConfig,
    state: &mut TrainState,
    watch: &mut dyn FnMut(u64) -> Result<f64>,
    observe: &mut dyn FnMut(&StepReport<'_>) -> ControlFlow<()>,
) -> Result<Outcome>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if config.watch.is_none() {
        return Err(Error::Config("watch: `FitConfig::watch` does not say how often".into()));
    }
    run(network, vars, batches, config, state, Some(watch), observe)
}

fn run<E>(
    network: &dyn Network,
    vars: &VarMap,
    batches: impl IntoIterator<Item = std::result::Result<(Tensor, Tensor), E>>,
    config: &FitConfig,
    state: &mut TrainState,
    watch: Option<&mut Watch<'_>>,
    observe: &mut dyn FnMut(&StepReport<'_>) -> ControlFlow<()>,
) -> Result<Outcome>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    config.check()?;
    let ranks = Ranks::new(config, vars, state)?;
    ranks.agree(match &config.checkpoint {
        Some(checkpoint) if ranks.is_first() => checkpoint::open(&checkpoint.dir, state),
        _ => Ok(()),
    })?;
    let mut optimizer = Optimizer::new(vars, config.optimizer.clone())?;
    optimizer.set_state(&state.optimizer)?;
    let ema = Ema::new(config.ema, state, &optimizer)?;
    let verdict = config.watch.as_ref().map(|watch| Verdict::of(watch, &state.watched));
    let saved = None;
    let mut run =
        Run { network, vars, config, ranks, state, watch, optimizer, ema, verdict, saved };
    let outcome = run.steps(&mut batches.into_iter(), observe);
    run.update_state()?;
    outcome
}

/// What computes the value to watch after so many steps.
type Watch<'w> = dyn FnMut(u64) -> Result<f64> + 'w;

struct Run<'a, 'w> {
    network: &'a dyn Network,
    vars: &'a VarMap,
    config: &'a FitConfig,
    ranks: Ranks,
    state: &'a mut TrainState,
    /// What to watch in place of the loss.
    watch: Option<&'a mut Watch<'w>>,
    optimizer: Optimizer,
    ema: Option<Ema>,
    /// What follows from the values watched so far, if any are.
    verdict: Option<Verdict>,
    /// The last step that this call saved after.
    saved: Option<u64>,
}

impl Run<'_, '_> {
    fn steps<E>(
        &mut self,
        batches: &mut dyn Iterator<Item = std::result::Result<(Tensor, Tensor), E>>,
        observe: &mut dyn FnMut(&StepReport<'_>) -> ControlFlow<()>,
    ) -> Result<Outcome>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let steps = self.config.steps;
        while self.state.step < steps {
            if self.is_over() {
                return Ok(Outcome::NoProgress);
            }
            let step = self.state.step;
            let asked = Instant::now();
            let batch = batches.next().transpose();
            let batch = batch.map_err(|error| Error::Data { index: step, source: error.into() });
            let wait = asked.elapsed().as_secs_f64();
            let Some((batch, share)) = self.fetched(batch)? else {
                return self.save().map(|_| Outcome::OutOfBatches);
            };
            let point = self.step(batch, share, wait)?;
            self.state.step += 1;
            self.state.curve.push(point);

            let watched = self.look()?;

            let every = self.config.checkpoint.as_ref().map_or(u64::MAX, |c| c.every);
            let due =
                self.state.step.is_multiple_of(every) || self.state.step == steps || self.is_over();
            let saved = if due { self.save()? } else { None };
            let saved = saved.as_deref();
            let report = StepReport { step, steps, point: &point, watched, saved };
            let stop = observe(&report).is_break();
            if self.ranks.any(stop)? && self.state.step < steps {
                self.save()?;
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Finished)
    }

    /// Watches, if it is the turn of the step that was just taken, and keeps the best.
    fn look(&mut self) -> Result<Option<f64>> {
        let (Some(config), Some(verdict)) = (&self.config.watch, &mut self.verdict) else {
            return Ok(None);
        };
        let step = self.state.step;
        if !step.is_multiple_of(config.every) {
            return Ok(None);
        }
        let value = match (&mut self.watch, &self.ema) {
            (Some(watch), Some(ema)) => exchanged(self.vars, ema.averages(), || watch(step)),
            (Some(watch), None) => watch(step),
            (None, _) => {
                let last = self.state.curve.iter().rev().take(config.every as usize);
                Ok(last.map(|point| f64::from(point.loss)).sum::<f64>() / config.every as f64)
            }
        };
        let value = self.ranks.of_first(self.ranks.agree(value)?)?;
        if !value.is_finite() {
            return Err(Error::Watched { step, value });
        }
        self.state.watched.push(step, value);
        verdict.take(config, value);
        if let (true, 0, Some(checkpoint)) =
            (config.keep_best, verdict.stale, &self.config.checkpoint)
        {
            self.update_state()?;
            let best = || checkpoint::save(checkpoint.dir.join(BEST), self.vars, self.state);
            self.ranks.agree(if self.ranks.is_first() { best() } else { Ok(()) })?;
        }
        Ok(Some(value))
    }

    fn is_over(&self) -> bool {
        let both = self.config.watch.as_ref().zip(self.verdict.as_ref());
        both.is_some_and(|(config, verdict)| verdict.is_over(config))
    }

    /// Copies what the optimizer and the averages hold into the state.
    fn update_state(&mut self) -> Result<()> {
        self.state.optimizer = self.optimizer.state()?;
        for (name, average) in self.ema.iter().flat_map(Ema::averages) {
            self.state.averages.insert(name.clone(), average.to_device(&Device::Cpu)?);
        }
        Ok(())
    }

    /// Saves the state, unless this call of `fit` has already or has done nothing yet.
    fn save(&mut self) -> Result<Option<PathBuf>> {
        let Some(checkpoint) = &self.config.checkpoint else { return Ok(None) };
        if self.saved == Some(self.state.step) || self.state.step == 0 {
            return Ok(None);
        }
        self.update_state()?;
        let save = || checkpoint::save_step(checkpoint, self.vars, self.state).map(Some);
        let path = self.ranks.agree(if self.ranks.is_first() { save() } else { Ok(None) })?;
        self.saved = Some(self.state.step);
        Ok(path)
    }
}
