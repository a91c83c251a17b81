//! The temporal stream, of one task or of several.
//!
//! Reference: Simonyan and Zisserman, NIPS 2014, sections 3 and 4, <https://arxiv.org/abs/1406.2199>.
//!
//! ```text
//!  flow       stack     conv1      conv2      conv3  conv4  conv5     fc6   fc7  ┬─ fc8 of UCF101
//!  2x10x224²  20x224²   7x7/2 96   5x5/2 256  3x3    3x3    3x3       4096  2048 └─ fc8 of HMDB51
//!                       norm                  512    512    512       drop  drop
//!                       pool/2     pool/2                   pool/2
//! ```

use candle::{ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;
use candle_nn::loss::cross_entropy;
use marey_backbone::plain::After;
use marey_backbone::{Plain, PlainConfig, cnn_m};
use marey_layers::{Network, own_task};

use marey_flow::{Stacking, subtract_mean};

/// A temporal stream.
#[derive(Debug, Clone, PartialEq)]
pub struct TemporalConfig {
    /// The network of images, of `2 L` channels, for the classes of all tasks.
    pub layers: PlainConfig,
    /// What its channels are.
    pub stacking: Stacking,
    /// Whether each field's mean is taken from it.
    pub subtract_mean: bool,
    /// The classes of each task, one after the other in the logits. A clip is judged among those of its own label's task.
    pub tasks: Vec<usize>,
}

/// The paper's temporal stream, for flow `[N, 2, length, 224, 224]`, of 10 fields in the paper, their means subtracted.
pub fn temporal(stacking: Stacking, length: usize, num_classes: usize) -> TemporalConfig {
    let mut layers = cnn_m(2 * length, num_classes);
    // Left out "to reduce memory consumption".
    layers.convs[1].after.retain(|after| !matches!(after, After::Norm(_)));
    TemporalConfig { layers, stacking, subtract_mean: true, tasks: vec![num_classes] }
}

/// The same with a classifier for each of several datasets (section 4).
pub fn multi_task(length: usize, tasks: &[usize]) -> TemporalConfig {
    let classes = tasks.iter().sum();
    TemporalConfig { tasks: tasks.into(), ..temporal(Stacking::Flow, length, classes) }
}

/// A temporal stream, `[N, 2, L, H, W]` to logits `[N, K]`, of all tasks side by side.
pub struct Temporal {
    net: Plain,
    stacking: Stacking,
    subtract_mean: bool,
    tasks: Vec<usize>,
}

impl Temporal {
    /// Builds the stream at `vb`. Errors if the tasks have not as many classes as the layers.
    pub fn new(config: &TemporalConfig, vb: VarBuilder) -> Result<Self> {
        let TemporalConfig { layers, stacking, subtract_mean, tasks } = config;
        if tasks.iter().sum::<usize>() != layers.num_classes {
            bail!("temporal: tasks of {tasks:?} classes, and layers for {}", layers.num_classes)
        }
        let net = Plain::new(layers, vb)?;
        Ok(Self { net, stacking: *stacking, subtract_mean: *subtract_mean, tasks: tasks.clone() })
    }

    /// `[N, 2, L, H, W]` to `[N, 2 L, 1, H, W]`.
    fn stacked(&self, xs: &Tensor) -> Result<Tensor> {
        let stacked = self.stacking.stack(xs)?;
        // A channel of the stack is a component of a field.
        if self.subtract_mean { subtract_mean(&stacked) } else { Ok(stacked) }
    }
}

impl Network for Temporal {
    /// `fc7` after its ReLU, `[N, 2048]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.net.features_t(&self.stacked(xs)?, train)
    }

    /// Cross-entropy among the classes of each clip's own task: that of the others' is zero.
    fn loss(&self, xs: &Tensor, labels: &Tensor, train: bool) -> Result<Tensor> {
        let logits = self.forward_t(xs, train)?;
        cross_entropy(&own_task(&logits, labels, &self.tasks)?, labels)
    }
}

impl ModuleT for Temporal {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.net.forward_t(&self.stacked(xs)?, train)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{DType, Device};
    use candle_nn::VarMap;
    use marey_layers::seeded;

    #[test]
    fn a_clip_is_judged_among_its_own_task() -> Result<()> {
        let mut config = multi_task(2, &[3, 2]);
        config.layers = PlainConfig { input: [1, 56, 56], ..config.layers.shrunk(32).dropout(0.) };
        let net = Temporal::new(&config, seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu))?;
        let xs = Tensor::randn(0f32, 1., (2, 2, 2, 56, 56), &Device::Cpu)?;
        let labels = Tensor::new(&[1u32, 4], &Device::Cpu)?;
        let logits = net.forward_t(&xs, false)?;
        let one = |row: usize, first, count, label: u32| {
            let logits = logits.narrow(0, row, 1)?.narrow(1, first, count)?;
            cross_entropy(&logits, &Tensor::new(&[label], &Device::Cpu)?)?.to_scalar::<f32>()
        };
        let want = (one(0, 0, 3, 1)? + one(1, 3, 2, 1)?) / 2.;
        let got = net.loss(&xs, &labels, false)?.to_scalar::<f32>()?;
        assert!((got - want).abs() < 1e-6, "{got} for {want}");
        let uneven = TemporalConfig { tasks: vec![3], ..config };
        assert!(
            Temporal::new(&uneven, seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu)).is_err()
        );
        Ok(())
    }
}
