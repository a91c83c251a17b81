//! Running statistics of batch norms that are those of many batches, with the weights as they are.

use candle::Tensor;
use marey_layers::rng::train_step;
use marey_layers::{Network, Norms, with_norms};

use crate::error::{Error, Result};

/// What dropout draws by: it is of no matter to norms ahead of it.
const SEED: u64 = 0;

/// Replaces the running statistics of batch norms by the means, over `count` batches, of each batch's mean and unbiased
/// variance: "precise" batch norm. While a network trains they lag behind its weights instead.
///
/// `batches` yields clips as for [`fit`](crate::fit()), labels are passed over. The same batches give the same bits.
/// Where several processes train together, one does this, and [`share`](crate::collective::share)s its variables.
///
/// As `update_bn_stats` of fvcore, which PySlowFast calls ahead of an evaluation.
///
/// # Errors
///
/// 0 batches, fewer than `count`, and the first error of `batches` or the network; the statistics are then those of the
/// batches before.
pub fn precise_norms<E>(
    network: &dyn Network,
    batches: impl IntoIterator<Item = std::result::Result<(Tensor, Tensor), E>>,
    count: u64,
) -> Result<()>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if count == 0 {
        return Err(Error::Config("precise norms: met 0 batches, wanted at least 1".into()));
    }
    let mut batches = batches.into_iter();
    for index in 0..count {
        let (xs, _) = match batches.next() {
            Some(batch) => batch.map_err(|error| Error::Data { index, source: error.into() })?,
            None => {
                return Err(Error::Config(format!(
                    "precise norms: met {index} batches, wanted {count}"
                )));
            }
        };
        // The k-th batch in a share of 1 / k: the plain mean.
        let norms = Norms { momentum: Some(1. / (index + 1) as f64), ..Norms::default() };
        with_norms(norms, || train_step(SEED, index, || network.forward_t(&xs, true)))?;
    }
    Ok(())
}
