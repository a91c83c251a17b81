//! The training loop.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use candle::{DType, Device, Tensor};
use candle_nn::VarMap;
use marey_layers::Network;
use marey_layers::rng::train_step;

use crate::checkpoint::{self, CheckpointConfig};
use crate::curve::Point;
use crate::ema::Ema;
use crate::error::{Error, Result};
use crate::gradients::{Gradients, Measured};
use crate::objective::Objective;
use crate::optimizer::{Optimizer, OptimizerConfig};
use crate::schedule::Schedule;
use crate::state::TrainState;

/// The bit of a step's number from which the number of a batch's part stands.
const PART: u32 = 40;

/// How long and how fast.
#[derive(Debug, Clone, Default)]
pub struct FitConfig {
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The learning rate over time, as shares of the optimizer's.
    pub schedule: Schedule,
    /// Steps of the whole run, those done before it was resumed included.
    pub steps: u64,
    /// Seeds what layers draw while they train (dropout).
    pub seed: u64,
    /// Gradients whose norm, all together, is above this are scaled down to it.
    pub clip_grad_norm: Option<f64>,
    /// Each number of a gradient is brought into plus and minus this. Not beside
    /// `clip_grad_norm`.
    pub clip_grad_value: Option<f64>,
    /// At most so many clips run through the network at once, from 1; all of a batch where `None`.
    ///
    /// A larger batch is taken in parts, whose gradients are added. They are those of the whole
    /// batch where clips do not know each other: the statistics of batch norms are those of a
    /// part, and each part has dropout masks of its own.
    pub max_clips: Option<usize>,
    /// The decay of running averages of the weights, in `[0, 1)`, if they are wanted; see
    /// [`with_averages`](crate::with_averages).
    pub ema: Option<f64>,
    /// Where to save, if anywhere.
    pub checkpoint: Option<CheckpointConfig>,
    /// What a step makes smaller.
    pub objective: Objective,
}

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
    /// The checkpoint that was written after it.
    pub saved: Option<&'a Path>,
}

/// Trains `network`, whose variables are in `vars`, until `config.steps` steps are done.
///
/// `batches` yields clips `[N, C, T, H, W]` and labels `[N]` (`u32`), beginning with batch number
/// [`TrainState::step`] of the run: of a resumed run, those that it has seen are not asked for.
/// Then the run that was stopped after any step, or killed at any moment, ends with the same bits
/// as one that was not. Each step runs inside [`train_step`].
///
/// `observe` is called after each step, and may stop the run there.
///
/// # Errors
///
/// [`Error::Diverged`] before a step whose loss or gradient is not finite is taken, and
/// [`Error::NotFinite`] rather than saving such weights: the last checkpoint stays good. After an
/// error `state` stands at the last step that was taken and is not saved; a network with running
/// statistics may have updated them for the step that failed.
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
    check(config)?;
    if let Some(checkpoint) = &config.checkpoint {
        checkpoint::open(&checkpoint.dir, state)?;
    }
    let mut optimizer = Optimizer::new(vars, config.optimizer.clone())?;
    optimizer.set_state(&state.optimizer)?;
    let ema = Ema::new(config.ema, state, &optimizer)?;
    let mut run = Run { network, vars, config, state, optimizer, ema, saved: None };
    let outcome = run.steps(&mut batches.into_iter(), observe);
    run.update_state()?;
    outcome
}

fn check(config: &FitConfig) -> Result<()> {
    config.schedule.check()?;
    config.objective.check()?;
    for clip in [config.clip_grad_norm, config.clip_grad_value].into_iter().flatten() {
        if !(clip.is_finite() && clip > 0.) {
            return Err(Error::Config(format!("gradients cannot be clipped to {clip}")));
        }
    }
    if config.clip_grad_norm.is_some() && config.clip_grad_value.is_some() {
        return Err(Error::Config("gradients are clipped by norm or by value, not both".into()));
    }
    if config.max_clips == Some(0) {
        return Err(Error::Config("training: at most 0 clips at once".into()));
    }
    config.checkpoint.as_ref().map_or(Ok(()), CheckpointConfig::check)
}

struct Run<'a> {
    network: &'a dyn Network,
    vars: &'a VarMap,
    config: &'a FitConfig,
    state: &'a mut TrainState,
    optimizer: Optimizer,
    ema: Option<Ema>,
    /// The last step that this call saved after.
    saved: Option<u64>,
}

impl Run<'_> {
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
            let step = self.state.step;
            let asked = Instant::now();
            let (xs, labels) = match batches.next() {
                Some(Ok(batch)) => batch,
                Some(Err(error)) => return Err(Error::Data { index: step, source: error.into() }),
                None => return self.save().map(|_| Outcome::OutOfBatches),
            };
            let wait = asked.elapsed().as_secs_f64();
            let point = self.step(&xs, &labels, wait)?;
            self.state.step += 1;
            self.state.curve.push(point);

            let every = self.config.checkpoint.as_ref().map_or(u64::MAX, |c| c.every);
            let due = self.state.step.is_multiple_of(every) || self.state.step == steps;
            let saved = if due { self.save()? } else { None };
            let report = StepReport { step, steps, point: &point, saved: saved.as_deref() };
            if observe(&report).is_break() && self.state.step < steps {
                self.save()?;
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Finished)
    }

    /// Computes and takes the step that the state stands before.
    fn step(&mut self, xs: &Tensor, labels: &Tensor, wait: f64) -> Result<Point> {
        let (step, started) = (self.state.step, Instant::now());
        check_batch(step, xs, labels)?;
        let (mut grads, loss, accuracy) = self.gradients(xs, labels)?;

        let rate = self.config.optimizer.rate() * self.config.schedule.factor(step);
        let Measured { norm, parameters, not_finite } = self.optimizer.measure(&grads)?;
        if !loss.is_finite() || !norm.is_finite() {
            return Err(Error::Diverged { step, loss, rate, parameter: not_finite });
        }
        if parameters == 0 {
            return Err(Error::Config("the loss gives no trained variable a gradient".into()));
        }
        if let Some(max) = self.config.clip_grad_value {
            grads.clip_values(max)?;
        }
        // As torch.nn.utils.clip_grad_norm_.
        let scale = self.config.clip_grad_norm.map_or(1., |max| (max / (norm + 1e-6)).min(1.));
        self.optimizer.step(&grads, rate, scale)?;
        if let Some(ema) = &mut self.ema {
            ema.update(&self.optimizer)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        Ok(Point { loss, accuracy, rate, gradient_norm: norm, seconds, wait })
    }

    /// The gradients of a batch, its loss and, where it is measured, its accuracy.
    fn gradients(&self, xs: &Tensor, labels: &Tensor) -> Result<(Gradients, f32, Option<f32>)> {
        let (step, FitConfig { seed, objective, max_clips, .. }) = (self.state.step, self.config);
        let batch = objective.batch(xs, labels, *seed, step)?;
        let mut sum = (Gradients::default(), 0., None);
        let parts = batch.parts(max_clips.unwrap_or(usize::MAX))?;
        for (place, (part, share)) in parts.iter().enumerate() {
            // The first part draws what the whole batch would.
            let draws = step | (place as u64) << PART;
            let (loss, accuracy) = train_step(*seed, draws, || -> Result<_> {
                let (loss, free) = objective.loss(self.network, part)?;
                let loss = (loss * *share)?;
                sum.0.add(self.optimizer.gradients(&marey_layers::backward(&loss)?))?;
                let accuracy = match free {
                    Some(accuracy) => Some(accuracy),
                    None => objective.accuracy(self.network, part, step)?,
                };
                Ok((loss.to_dtype(DType::F32)?.to_scalar::<f32>()?, accuracy))
            })?;
            sum.1 += loss;
            sum.2 = accuracy.map(|accuracy| sum.2.unwrap_or(0.) + accuracy * *share as f32);
        }
        Ok(sum)
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
        let path = checkpoint::save_step(checkpoint, self.vars, self.state)?;
        self.saved = Some(self.state.step);
        Ok(Some(path))
    }
}

fn check_batch(step: u64, xs: &Tensor, labels: &Tensor) -> Result<()> {
    let clips = xs.dims().first().copied().unwrap_or(0);
    if clips == 0 || labels.dims() != [clips] || labels.dtype() != DType::U32 {
        let cause = format!(
            "clips of shape {:?} and labels of shape {:?}, {:?}; wanted [N, ..] and [N], U32, N from 1",
            xs.dims(),
            labels.dims(),
            labels.dtype()
        );
        return Err(Error::Batch { step, cause });
    }
    Ok(())
}
