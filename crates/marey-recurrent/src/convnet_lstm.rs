//! ConvNet+LSTM: Inception-v1 on each frame, an LSTM over its features.
//!
//! Reference: Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017, section
//! 2.1 and figure 2 (a), <https://arxiv.org/abs/1705.07750>. The ConvNet's weights are named as in pytorch-i3d.
//!
//! ```text
//!  frame 1  ── Inception-v1 ── mean over 7x7 ── 1024 ── LSTM 512 ── logits
//!                                                          │
//!  frame 2  ── Inception-v1 ── mean over 7x7 ── 1024 ── LSTM 512 ── logits
//!                                                          :
//!  frame 25 ── Inception-v1 ── mean over 7x7 ── 1024 ── LSTM 512 ── logits, the network's answer
//! ```
//!
//! It is trained on the answers after all frames and tested on that after the last (section 2.1). The paper has a batch norm at
//! its LSTM, of a kind it does not tell, and counts 9 M parameters; without one they are 8,952,880.

use candle::{ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_backbone::inflated::{inflated, unit_2d};
use marey_backbone::view::time_into_batch;
use marey_backbone::{InceptionConfig, InceptionTrunk, PARTS};
use marey_layers::{LstmConfig, LstmState, Network, global_avg_pool, trace};

use crate::head::{LstmHead, LstmHeadConfig, last_step, loss_of_steps};

/// A ConvNet+LSTM.
#[derive(Debug, Clone, Copy)]
pub struct ConvNetLstmConfig {
    /// The ConvNet, with its classes.
    pub convnet: InceptionConfig,
    /// Units of the LSTM.
    pub units: usize,
    /// Chance that a unit of the LSTM is dropped before the classifier. The paper tells of none.
    pub dropout: f32,
}

/// The paper's network, for clips `[N, c_in, 25, 224, 224]` in `[-1, 1]`, one frame in five of 25 a second.
pub fn convnet_lstm(c_in: usize, num_classes: usize) -> ConvNetLstmConfig {
    let convnet = inflated([unit_2d; PARTS], c_in, num_classes);
    ConvNetLstmConfig { convnet, units: 512, dropout: 0. }
}

/// ConvNet+LSTM, `[N, 3, 25, 224, 224]` to logits `[N, K]`.
pub struct ConvNetLstm {
    convnet: InceptionTrunk,
    head: LstmHead,
}

impl ConvNetLstm {
    /// Builds the network at `vb`.
    pub fn new(config: &ConvNetLstmConfig, vb: VarBuilder) -> Result<Self> {
        let ConvNetLstmConfig { convnet, units, dropout } = *config;
        let trunk = InceptionTrunk::new(&convnet, vb.clone())?;
        let head = LstmHeadConfig {
            d_in: trunk.c_out(),
            units,
            // As PyTorch's; the paper does not tell.
            lstm: LstmConfig { bound: 1. / (units as f64).sqrt(), ..Default::default() },
            dropout,
            num_classes: convnet.num_classes,
            names: ["lstm", "logits"],
        };
        Ok(Self { convnet: trunk, head: LstmHead::new(&head, vb)? })
    }

    /// The outputs of the LSTM after all frames, `[N, 512, T]`.
    fn outputs_t(
        &self,
        xs: &Tensor,
        state: Option<&LstmState>,
        train: bool,
    ) -> Result<(Tensor, LstmState)> {
        let frames = self.convnet.forward_t(&time_into_batch(xs)?, train)?;
        let frames = global_avg_pool(&frames)?;
        trace::stage("AvgPool", &frames);
        self.head.outputs(&frames, xs.dim(0)?, state)
    }

    /// The logits after each of the frames `[N, C, T, H, W]` that come after those of `state`, `[N, T, K]`, and the state after
    /// them.
    pub fn step(&self, xs: &Tensor, state: Option<&LstmState>) -> Result<(Tensor, LstmState)> {
        let (outputs, state) = self.outputs_t(xs, state, false)?;
        Ok((self.head.logits_t(&outputs, false)?, state))
    }
}

impl Network for ConvNetLstm {
    /// The output of the LSTM after the last frame, `[N, 512]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        last_step(&self.outputs_t(xs, None, train)?.0)
    }

    /// The mean cross-entropy of the logits after each frame.
    fn loss(&self, xs: &Tensor, labels: &Tensor, train: bool) -> Result<Tensor> {
        let (outputs, _) = self.outputs_t(xs, None, train)?;
        loss_of_steps(&self.head.logits_t(&outputs, train)?, labels)
    }
}

impl ModuleT for ConvNetLstm {
    /// The logits after the last frame.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let (outputs, _) = self.outputs_t(xs, None, train)?;
        let last = outputs.narrow(2, outputs.dim(2)? - 1, 1)?;
        self.head.logits_t(&last, train)?.squeeze(1)
    }
}
