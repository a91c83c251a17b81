//! Where a run stands.

use std::collections::BTreeMap;

use candle::Tensor;

use crate::curve::Curve;
use crate::watch::Watched;

/// Where a run stands, beside its variables.
#[derive(Debug, Clone)]
pub struct TrainState {
    pub(crate) step: u64,
    pub(crate) fingerprint: String,
    pub(crate) curve: Curve,
    pub(crate) watched: Watched,
    /// [`Optimizer::state`](crate::Optimizer::state) after the last step.
    pub(crate) optimizer: BTreeMap<String, Tensor>,
    /// The averages of the weights by name, where the run keeps any.
    pub(crate) averages: BTreeMap<String, Tensor>,
}

impl TrainState {
    /// The start of a run.
    ///
    /// `fingerprint` says what the run's weights depend on (model, data, batch size, seed,
    /// learning rates, ..) in any text. It is saved in each checkpoint, and a run with another
    /// one is not resumed from it.
    pub fn new(fingerprint: impl Into<String>) -> Self {
        Self {
            step: 0,
            fingerprint: fingerprint.into(),
            curve: Curve::default(),
            watched: Watched::default(),
            optimizer: BTreeMap::new(),
            averages: BTreeMap::new(),
        }
    }

    /// Steps done. The next batch to train on is the run's batch of this number, from 0.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// What was recorded of each step, from the first.
    pub fn curve(&self) -> &Curve {
        &self.curve
    }

    /// The values that were watched, each after how many steps.
    pub fn watched(&self) -> &[(u64, f64)] {
        &self.watched.0
    }

    /// What the run's weights depend on.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}
