//! The spatial stream.
//!
//! Reference: Simonyan and Zisserman, "Two-Stream Convolutional Networks for Action Recognition in Videos", NIPS 2014,
//! section 2, <https://arxiv.org/abs/1406.2199>.

use candle::{ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_backbone::{CnnM, CnnMConfig};
use marey_layers::Network;

/// The paper's spatial stream, for frames of 224 x 224.
pub fn spatial(num_classes: usize) -> CnnMConfig {
    CnnMConfig::new(3, num_classes)
}

/// Sees the middle frame of a clip: `[N, 3, T, 224, 224]` to logits `[N, K]`.
pub struct Spatial(CnnM);

impl Spatial {
    /// Builds the stream at `vb`.
    pub fn new(config: &CnnMConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self(CnnM::new(config, vb)?))
    }
}

/// Frame `T / 2`, `[N, C, H, W]`.
fn middle(xs: &Tensor) -> Result<Tensor> {
    xs.narrow(2, xs.dim(2)? / 2, 1)?.squeeze(2)
}

impl Network for Spatial {
    /// `fc7` of the middle frame after its ReLU, `[N, 2048]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.0.features_t(&middle(xs)?, train)
    }
}

impl ModuleT for Spatial {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.0.forward_t(&middle(xs)?, train)
    }
}
