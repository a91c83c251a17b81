//! What every network of the workspace is.

use candle::{ModuleT, Result, Tensor};

/// A network from clips `[N, C, T, H, W]` to logits `[N, K]` ([`ModuleT::forward_t`]).
///
/// Training, evaluation and the zoo know networks by this trait alone.
pub trait Network: ModuleT + Send + Sync {
    /// The features that the paper takes before its classifier, `[N, D]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor>;

    /// The loss of clips `[N, C, T, H, W]` with labels `[N]` (`u32`): a scalar.
    ///
    /// Cross-entropy of the logits, where the network's paper adds nothing to it.
    fn loss(&self, xs: &Tensor, labels: &Tensor, train: bool) -> Result<Tensor> {
        candle_nn::loss::cross_entropy(&self.forward_t(xs, train)?, labels)
    }
}
