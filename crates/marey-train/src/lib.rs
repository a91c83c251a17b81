#![doc = include_str!("../README.md")]

pub mod adamw;
pub mod average;
mod batch;
pub mod checkpoint;
pub mod curve;
pub mod digest;
pub mod error;
pub mod evaluate;
pub mod fit;
pub mod gradients;
pub mod metrics;
pub mod objective;
pub mod optimizer;
pub mod parameters;
pub mod schedule;
pub mod sgd;
pub mod state;
mod update;
mod vars;

pub use adamw::AdamWConfig;
pub use average::Average;
pub use checkpoint::{Checkpoint, CheckpointConfig, Resumed, latest, resume};
pub use curve::{Curve, Point};
pub use digest::digest;
pub use error::{Error, Result};
pub use evaluate::{EvaluateConfig, Evaluation, evaluate};
pub use fit::{FitConfig, Outcome, StepReport, fit};
pub use gradients::{Gradients, Measured};
pub use metrics::Metrics;
pub use objective::Objective;
pub use optimizer::{Optimizer, OptimizerConfig};
pub use parameters::{Factors, Parameters};
pub use schedule::{Decay, Schedule, Warmup};
pub use sgd::SgdConfig;
pub use state::TrainState;
