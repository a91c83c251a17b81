//! The spatial stream.
//!
//! Reference: Simonyan and Zisserman, "Two-Stream Convolutional Networks for Action Recognition in Videos", NIPS 2014,
//! section 2, <https://arxiv.org/abs/1406.2199>.
//!
//! ```text
//!  frame   conv1      conv2      conv3  conv4  conv5     fc6   fc7   fc8
//!  3x224²  7x7/2 96   5x5/2 256  3x3    3x3    3x3       4096  2048  logits
//!          norm       norm       512    512    512       drop  drop
//!          pool/2 54² pool/2 13²               pool/2 6²
//! ```

use candle::{ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_backbone::view::middle_frame;
use marey_backbone::{Plain, PlainConfig, cnn_m};
use marey_layers::Network;

/// The paper's spatial stream, for frames of 224 x 224.
pub fn spatial(num_classes: usize) -> PlainConfig {
    cnn_m(3, num_classes)
}

/// A network of images on the middle frame of a clip: `[N, 3, T, 224, 224]` to logits `[N, K]`.
pub struct Spatial(Plain);

impl Spatial {
    /// Builds the stream at `vb`.
    pub fn new(config: &PlainConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self(Plain::new(config, vb)?))
    }
}

impl Network for Spatial {
    /// `fc7` of the middle frame after its ReLU, `[N, 2048]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.0.features_t(&middle_frame(xs)?, train)
    }
}

impl ModuleT for Spatial {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.0.forward_t(&middle_frame(xs)?, train)
    }
}
