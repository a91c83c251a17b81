//! What a step of training makes smaller.

use candle::{D, DType, Tensor};
use marey_layers::{Network, own_task};

use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::metrics::argmax;

/// What a step of training makes smaller, and how its accuracy is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    /// The cross-entropy with labels that are not sure. The accuracy, free too, is that of the
    /// label with the larger share.
    SoftCrossEntropy {
        /// The share of each label that is spread over all classes, as `label_smoothing` of
        /// torch, in `[0, 1)`. C. Szegedy et al., Rethinking the Inception architecture, 2016,
        /// section 7.
        smoothing: f64,
        /// Clips and labels of a batch are mixed with those before them, the first with the last,
        /// in shares drawn once a step from the Beta distribution with both parameters this, in
        /// `(0, 4]`. H. Zhang et al., mixup, 2018; each clip with its neighbour as in torchvision's
        /// training reference.
        mixup: Option<f64>,
    },
    /// The cross-entropy among the classes of each clip's own one of two tasks, which have so many classes one after the other
    /// ([`own_task`]): the mean over the clips of both. The accuracy, free too, is among the same classes.
    Tasks([usize; 2]),
}

impl Default for Objective {
    /// The network's own loss, the accuracy of every tenth step.
    fn default() -> Self {
        Self::Network { accuracy_every: 10 }
    }
}

impl Objective {
    pub(crate) fn check(self) -> Result<()> {
        let Self::SoftCrossEntropy { smoothing, mixup } = self else { return Ok(()) };
        let drawn = mixup.is_none_or(|alpha| alpha > 0. && alpha <= 4.);
        if !(0. ..1.).contains(&smoothing) || !drawn {
            return Err(Error::Config(format!(
                "objective: met smoothing {smoothing}, mixup {mixup:?}; wanted smoothing in [0, 1), mixup in (0, 4]"
            )));
        }
        Ok(())
    }

    /// The batch that step `step` of the run seeded by `seed` trains on.
    pub(crate) fn batch(self, xs: &Tensor, labels: &Tensor, seed: u64, step: u64) -> Result<Batch> {
        let batch = Batch::new(xs, labels);
        match self {
            Self::SoftCrossEntropy { mixup: Some(alpha), .. } => batch.mixed(alpha, seed, step),
            _ => Ok(batch),
        }
    }

    /// The loss of a batch and, where it is free, its accuracy.
    pub(crate) fn loss(
        self,
        network: &dyn Network,
        batch: &Batch,
    ) -> Result<(Tensor, Option<f32>)> {
        let smoothing = match self {
            Self::Network { .. } => {
                return Ok((network.loss(&batch.xs, &batch.labels, true)?, None));
            }
            Self::CrossEntropy | Self::Tasks(_) => 0.,
            Self::SoftCrossEntropy { smoothing, .. } => smoothing,
        };
        let mut logits = network.forward_t(&batch.xs, true)?;
        if let Self::Tasks(tasks) = self {
            logits = own_task(&logits, &batch.labels, &tasks)?;
        }
        let mut loss = candle_nn::loss::cross_entropy(&logits, &batch.labels)?;
        let mut labels = &batch.labels;
        if let Some((others, share)) = &batch.others {
            let other = candle_nn::loss::cross_entropy(&logits, others)?;
            loss = ((loss * (1. - share))? + (other * *share)?)?;
            labels = if *share > 0.5 { others } else { labels };
        }
        if smoothing > 0. {
            let all = candle_nn::ops::log_softmax(&logits, D::Minus1)?.mean_all()?;
            loss = ((loss * (1. - smoothing))? - (all * smoothing)?)?;
        }
        Ok((loss, Some(accuracy(&logits, labels)?)))
    }

    /// The accuracy of a batch whose loss did not give it, if it is this step's turn.
    pub(crate) fn accuracy(
        self,
        network: &dyn Network,
        batch: &Batch,
        step: u64,
    ) -> Result<Option<f32>> {
        match self {
            Self::Network { accuracy_every: every } if every > 0 && step.is_multiple_of(every) => {
                Ok(Some(accuracy(&network.forward_t(&batch.xs, false)?, &batch.labels)?))
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

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, ModuleT, Var};

    /// Clips are their own logits.
    struct Identity;

    impl ModuleT for Identity {
        fn forward_t(&self, xs: &Tensor, _train: bool) -> candle::Result<Tensor> {
            Ok(xs.clone())
        }
    }

    impl Network for Identity {
        fn features_t(&self, xs: &Tensor, _train: bool) -> candle::Result<Tensor> {
            Ok(xs.clone())
        }
    }

    #[test]
    fn soft_labels_as_torch() {
        // torch 2.15: logits [[1, 2, 0.5], [0, -1, 3], [2, 2, 1]], labels 1, 2, 0, those before
        // them 0, 1, 2; cross_entropy(logits, 0.7 * one_hot(labels) + 0.3 * one_hot(before),
        // label_smoothing=0.1), its value and its gradient of the first row.
        let logits = [[1f32, 2., 0.5], [0., -1., 3.], [2., 2., 1.]];
        let xs = Var::new(&logits, &Device::Cpu).unwrap();
        let labels = Tensor::new(&[1u32, 2, 0], &Device::Cpu).unwrap();
        let others = labels.roll(1, 0).unwrap();
        assert_eq!(others.to_vec1::<u32>().unwrap(), [0, 1, 2]);
        let batch = Batch { others: Some((others, 0.3)), ..Batch::new(xs.as_tensor(), &labels) };
        let objective = Objective::SoftCrossEntropy { smoothing: 0.1, mixup: None };
        let (loss, accuracy) = objective.loss(&Identity, &batch).unwrap();
        let off = loss.to_scalar::<f32>().unwrap() - 1.120_749_2;
        assert!(off.abs() < 1e-6, "off by {off}");
        assert_eq!(accuracy, Some(1.));
        let grads = loss.backward().unwrap();
        let row: Vec<f32> = grads.get(&xs).unwrap().get(0).unwrap().to_vec1().unwrap();
        for (got, want) in row.iter().zip([-0.02403648, -0.01160055, 0.03563702]) {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
    }

    #[test]
    fn a_clip_is_judged_among_the_classes_of_its_own_task() {
        // Both clips have their highest logit in the other task, and are right among their own. By hand: softmax of
        // (ln 3, ln 1) at the first, of (ln 1, ln 1) at the first.
        let xs = [[3f32.ln(), 0., 9., 8.], [9., 8., 0., 0.]];
        let xs = Tensor::new(&xs, &Device::Cpu).unwrap();
        let batch = Batch::new(&xs, &Tensor::new(&[0u32, 2], &Device::Cpu).unwrap());
        let (loss, accuracy) = Objective::Tasks([2, 2]).loss(&Identity, &batch).unwrap();
        let want = ((4f32 / 3.).ln() + 2f32.ln()) / 2.;
        let off = loss.to_scalar::<f32>().unwrap() - want;
        assert!(off.abs() < 1e-6, "off by {off}");
        assert_eq!(accuracy, Some(1.));
        assert!(Objective::Tasks([2, 1]).loss(&Identity, &batch).is_err());
    }

    #[test]
    fn senseless_shares_are_refused() {
        for (smoothing, mixup) in [(1., None), (-0.1, None), (0., Some(0.)), (0., Some(9.))] {
            let objective = Objective::SoftCrossEntropy { smoothing, mixup };
            assert!(objective.check().is_err(), "{objective:?}");
        }
        let nan = Objective::SoftCrossEntropy { smoothing: f64::NAN, mixup: None };
        assert!(nan.check().is_err());
    }
}
