//! Weights laid out for the kernels, kept while they stay the same.

use std::sync::{Arc, Mutex};

use candle::{Result, Tensor};
use marey_kernels::{Algorithm, ConvShape, Filter, elementwise};

use crate::tape::with_cells;

/// The filters of one layer, one for each algorithm that was asked for.
#[derive(Clone, Default)]
pub(crate) struct Filters(Arc<Mutex<Vec<Kept>>>);

struct Kept {
    /// Of the weights it was made of; 0 where these cannot change.
    fingerprint: u64,
    filter: Arc<Filter>,
}

impl std::fmt::Debug for Filters {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Filters")
    }
}

impl Filters {
    /// The filter of `weight` for `algorithm`: the one that was kept, if the weights are still those it was made of.
    ///
    /// An optimiser or a load changes a variable in place, and nothing tells. So variables are read once and compared by
    /// their fingerprint; a tensor that is no variable cannot change.
    pub(crate) fn of(
        &self,
        shape: &ConvShape,
        algorithm: Algorithm,
        weight: &Tensor,
    ) -> Result<Arc<Filter>> {
        let fingerprint =
            if weight.is_variable() { with_cells(weight, elementwise::fingerprint)? } else { 0 };
        let mut kept = self.0.lock().unwrap_or_else(|broken| broken.into_inner());
        kept.retain(|kept| kept.fingerprint == fingerprint);
        if let Some(kept) = kept.iter().find(|kept| kept.filter.algorithm() == algorithm) {
            return Ok(kept.filter.clone());
        }
        let filter = with_cells(weight, |ws| Arc::new(Filter::new(shape, algorithm, ws)))?;
        kept.push(Kept { fingerprint, filter: filter.clone() });
        Ok(filter)
    }
}
