//! Parameters, multiply-adds and shapes of a network.

use candle::{Device, Result};
use candle_nn::VarBuilder;
use marey_layers::Network;
use marey_layers::trace::{self, Stage};

use crate::parameters::{Parameter, blank};

/// What a network costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// All trainable numbers.
    pub parameters: u64,
    /// Those of convolution and linear kernels.
    pub weights: u64,
    /// Multiply-adds of one pass over the clips.
    pub multiply_adds: u64,
    /// Channel interactions: pairs of channels that a kernel sees together, of each channel out (Tran et al., ICCV 2019,
    /// section 3.1).
    pub interactions: u64,
    /// The shape after each stage, and what it costs.
    pub stages: Vec<Stage>,
    /// Every tensor of the checkpoint, running statistics too.
    pub tensors: Vec<Parameter>,
}

/// The summary of the network that `build` builds, on clips `[N, C, T, H, W]`. Both may refuse.
pub fn summary(
    clips: [usize; 5],
    build: impl FnOnce(VarBuilder) -> Result<Box<dyn Network>>,
) -> Result<Summary> {
    let (vb, asked) = blank();
    let network = build(vb)?;
    let tensors = asked.lock().map(|asked| asked.clone()).unwrap_or_default();
    let [n, c, t, h, w] = clips;
    let xs = trace::zeros((n, c, t, h, w), &Device::Cpu)?;
    let stages = trace::record(|| network.forward_t(&xs, false))?;
    let count = |which: fn(&Parameter) -> bool| {
        tensors.iter().filter(|p| which(p)).map(Parameter::count).sum()
    };
    Ok(Summary {
        parameters: count(Parameter::is_trainable),
        weights: count(Parameter::is_weight),
        multiply_adds: stages.iter().map(|stage| stage.multiply_adds).sum(),
        interactions: stages.iter().map(|stage| stage.interactions).sum(),
        stages,
        tensors,
    })
}
