//! The settings of a run.

use std::sync::Arc;

use marey_layers::{Precision, Statistics};

use crate::checkpoint::CheckpointConfig;
use crate::collective::Collective;
use crate::error::{Error, Result};
use crate::objective::Objective;
use crate::optimizer::OptimizerConfig;
use crate::schedule::Schedule;
use crate::watch::WatchConfig;

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
    /// A value that is watched while the network trains, if any.
    pub watch: Option<WatchConfig>,
    /// Where to save, if anywhere.
    pub checkpoint: Option<CheckpointConfig>,
    /// What a step makes smaller.
    pub objective: Objective,
    /// Whose statistics batch norms take while they train.
    pub norms: Statistics,
    /// How exactly layers compute on the CPU. By [`Precision::Bf16`] convolutions and fully connected layers round what they
    /// multiply on the way forward; weights, sums, norms and all gradients stay in 32 bits.
    pub precision: Precision,
    /// Whether networks keep the outputs of their blocks only, and compute the rest again for the gradients: less memory for
    /// one more forward pass, and the same bits. See [`with_recomputation`](marey_layers::with_recomputation); a network
    /// that never calls [`recomputed`](marey_layers::recomputed()) keeps all.
    pub recompute: bool,
    /// The processes that take each step together, each on a part of its clips; this one alone where `None`.
    pub collective: Option<Arc<dyn Collective>>,
    /// Whether batch norms take the clips of all processes together as their batch, which each of them waits for twice in
    /// a norm forward and once backward. They take those of their own process otherwise.
    pub sync_norms: bool,
}

impl FitConfig {
    /// Refuses settings by which no network can be trained, as [`fit`](crate::fit()) does before its first step.
    ///
    /// # Errors
    ///
    /// [`Error::Config`].
    pub fn check(&self) -> Result<()> {
        self.optimizer.check()?;
        self.schedule.check()?;
        self.objective.check()?;
        for clip in [self.clip_grad_norm, self.clip_grad_value].into_iter().flatten() {
            if !(clip.is_finite() && clip > 0.) {
                return Err(Error::Config(format!("gradients cannot be clipped to {clip}")));
            }
        }
        if self.clip_grad_norm.is_some() && self.clip_grad_value.is_some() {
            return Err(Error::Config(
                "gradients are clipped by norm or by value, not both".into(),
            ));
        }
        if self.max_clips == Some(0) {
            return Err(Error::Config("training: at most 0 clips at once".into()));
        }
        if let Some(watch) = &self.watch {
            watch.check()?;
            if watch.keep_best && self.checkpoint.is_none() {
                return Err(Error::Config(
                    "watch: no folder to keep the best checkpoint in".into(),
                ));
            }
        }
        self.checkpoint.as_ref().map_or(Ok(()), CheckpointConfig::check)
    }
}
