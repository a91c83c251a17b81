//! What a step of training makes smaller.

use candle::{DType, Tensor};
use marey_layers::Network;

use crate::error::Result;
use crate::metrics::argmax;

/// What a step of training makes smaller, and how its accuracy is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// [`Network::loss`], whatever it sums up.
    ///
    /// It does not show its logits, so the accuracy takes a pass of its own, in evaluation mode,
    /// with the weights before the step.
    Network {
        /// Steps between two such passes; 0 measures no accuracy.
        accuracy_every: u64,
    },
    /// The cross-entropy of the logits, even where the network has another loss. The accuracy of
    /// every step comes for free, from the same logits.
    CrossEntropy,
}

impl Default for Objective {
    /// The network's own loss, the accuracy of every tenth step.
    fn default() -> Self {
        Self::Network { accuracy_every: 10 }
    }
}

impl Objective {
    /// The loss of a batch and, where it is free, its accuracy.
    pub(crate) fn loss(
        self,
        network: &dyn Network,
        xs: &Tensor,
        labels: &Tensor,
    ) -> Result<(Tensor, Option<f32>)> {
        match self {
            Self::Network { .. } => Ok((network.loss(xs, labels, true)?, None)),
            Self::CrossEntropy => {
                let logits = network.forward_t(xs, true)?;
                let loss = candle_nn::loss::cross_entropy(&logits, labels)?;
                Ok((loss, Some(accuracy(&logits, labels)?)))
            }
        }
    }

    /// The accuracy of a batch whose loss did not give it, if it is this step's turn.
    pub(crate) fn accuracy(
        self,
        network: &dyn Network,
        xs: &Tensor,
        labels: &Tensor,
        step: u64,
    ) -> Result<Option<f32>> {
        match self {
            Self::Network { accuracy_every: every } if every > 0 && step.is_multiple_of(every) => {
                Ok(Some(accuracy(&network.forward_t(xs, false)?, labels)?))
            }
            _ => Ok(None),
        }
    }
}

/// The share of rows of `logits [N, K]` that are highest at their label of `[N]`.
fn accuracy(logits: &Tensor, labels: &Tensor) -> Result<f32> {
    let logits = logits.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let labels = labels.to_dtype(DType::U32)?.to_vec1::<u32>()?;
    let right = |(row, label): &(&Vec<f32>, &u32)| argmax(row) == **label as usize;
    let count = logits.iter().zip(&labels).filter(right).count();
    Ok(count as f32 / labels.len() as f32)
}
