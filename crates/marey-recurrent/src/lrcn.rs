//! LRCN: a ConvNet on each frame, an LSTM over one of its full layers, an answer after every frame.
//!
//! Reference: Donahue et al., "Long-term Recurrent Convolutional Networks for Visual Recognition and Description", CVPR 2015,
//! section 4, <https://arxiv.org/abs/1411.4389>, and its released definitions for Caffe, whose names it has. (Those
//! networks see blue before red; these here red before blue, as all of the workspace.)
//!
//! ```text
//!  frame   conv1       conv2              conv3    conv4         conv5         fc6
//!  3x227²  7x7/2 96    5x5/2 384          3x3 512  3x3 512       3x3 384       4096
//!          pool/2 norm 2 groups pool/2    13²      2 groups      2 groups      drop ──┐
//!          55²         norm 13²                                  pool/2 6²            │
//!                                                                                     │
//!  LRCN-fc6         ── fc6 ── lstm1 256 ── drop ── fc8-final ── softmax ── mean over frames
//!  LRCN-fc7         ── fc6 ── fc7 4096 ── drop ── lstm1 256 ── drop ── fc8-final ── ..
//!  single frame     ── fc6 ── fc7 4096 ── drop ── fc8-ucf ── logits
//! ```

use candle::{D, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::log_softmax;
use marey_backbone::PlainConfig;
use marey_backbone::plain::{After, Convs, FullLayers, PlainConv, PlainFull};
use marey_backbone::view::time_into_batch;
use marey_layers::{LocalResponseNorm, LstmConfig, LstmState, Network, Pool3dConfig};

use crate::head::{LstmHead, LstmHeadConfig, last_step, loss_of_steps};

/// Caffe's defaults: its sum is divided by its size, as here.
const NORM: LocalResponseNorm = LocalResponseNorm { size: 5, alpha: 1e-4, beta: 0.75, k: 1. };

/// The single-frame network, for frames `[N, c_in, 1, 227, 227]`. Features are those of `fc7`.
pub fn single_frame(c_in: usize, num_classes: usize) -> PlainConfig {
    // The last window reaches beyond the end, as in Caffe.
    let pool = Pool3dConfig { ceil: true, ..Pool3dConfig::new([1, 3, 3], [1, 2, 2]) };
    let (norm, pool) = (After::Norm(NORM), After::Pool(pool));
    let full = |name| PlainFull { name, units: 4096, dropout: 0.5 };
    PlainConfig {
        c_in,
        convs: vec![
            PlainConv::over_frames("conv1", 96, 7, 2, 0).then(pool).then(norm),
            PlainConv::over_frames("conv2", 384, 5, 2, 0).groups(2).then(pool).then(norm),
            PlainConv::over_frames("conv3", 512, 3, 1, 1),
            PlainConv::over_frames("conv4", 512, 3, 1, 1).groups(2),
            PlainConv::over_frames("conv5", 384, 3, 1, 1).groups(2).then(pool),
        ],
        norm: None,
        full: vec![full("fc6"), full("fc7")],
        features: 1,
        classifier: "fc8-ucf",
        input: [1, 227, 227],
        num_classes,
    }
}

/// An LRCN.
#[derive(Debug, Clone, PartialEq)]
pub struct LrcnConfig {
    /// The ConvNet up to the full layer that the LSTM sees, its last.
    pub convnet: PlainConfig,
    /// Units of the LSTM: 256 for RGB and 1024 for flow in the paper.
    pub units: usize,
    /// Chance that a unit of the LSTM is dropped before the classifier.
    pub dropout: f32,
}

/// LRCN-fc6, for clips `[N, 3, 16, 227, 227]`. Of `fc6`, units are dropped with a chance of 0.9 while the LSTM is trained.
pub fn lrcn_fc6(units: usize, num_classes: usize) -> LrcnConfig {
    let mut convnet = single_frame(3, num_classes);
    convnet.full.truncate(1);
    of(convnet, units)
}

/// LRCN-fc7, for the same clips. No definition of it was released: units of `fc7` are dropped as those of `fc6` are in LRCN-fc6,
/// and those of `fc6` as in the single-frame network.
pub fn lrcn_fc7(units: usize, num_classes: usize) -> LrcnConfig {
    of(single_frame(3, num_classes), units)
}

fn of(mut convnet: PlainConfig, units: usize) -> LrcnConfig {
    if let Some(last) = convnet.full.last_mut() {
        last.dropout = 0.9;
    }
    convnet.classifier = "fc8-final";
    LrcnConfig { convnet, units, dropout: 0.5 }
}

impl LrcnConfig {
    /// With every count of filters and units divided by `shrink`.
    pub fn shrunk(self, shrink: usize) -> Self {
        let units = self.units.div_ceil(shrink);
        Self { convnet: self.convnet.shrunk(shrink), units, ..self }
    }

    /// With this chance in every layer that drops units.
    pub fn dropout(self, chance: f32) -> Self {
        Self { convnet: self.convnet.dropout(chance), dropout: chance, ..self }
    }

    /// For frames of this size `[h, w]`.
    pub fn frames_of(mut self, [h, w]: [usize; 2]) -> Self {
        self.convnet.input = [1, h, w];
        self
    }
}

/// LRCN, `[N, 3, 16, 227, 227]` to logits `[N, K]`.
pub struct Lrcn {
    convs: Convs,
    full: FullLayers,
    head: LstmHead,
}

impl Lrcn {
    /// Builds the network at `vb`. Errors if a frame is too small for it.
    pub fn new(config: &LrcnConfig, vb: VarBuilder) -> Result<Self> {
        let convnet = &config.convnet;
        let values = convnet.flat()?;
        let head = LstmHeadConfig {
            d_in: convnet.full.last().map_or(values, |full| full.units),
            units: config.units,
            lstm: LstmConfig::default(),
            dropout: config.dropout,
            num_classes: convnet.num_classes,
            names: ["lstm1", convnet.classifier],
        };
        Ok(Self {
            convs: Convs::new(convnet, 0..convnet.convs.len(), vb.clone())?,
            full: FullLayers::new(convnet, values, vb.clone())?,
            head: LstmHead::new(&head, vb)?,
        })
    }

    /// The outputs of the LSTM after all frames, `[N, H, T]`.
    fn outputs_t(
        &self,
        xs: &Tensor,
        state: Option<&LstmState>,
        train: bool,
    ) -> Result<(Tensor, LstmState)> {
        let maps = self.convs.forward_t(&time_into_batch(xs)?, train)?;
        self.head.outputs(&self.full.forward_t(&maps, train)?, xs.dim(0)?, state)
    }

    /// The logits after each of the frames `[N, 3, T, 227, 227]` that come after those of `state`, `[N, T, K]`, and the state
    /// after them. A video's scores are the mean of the softmax of all of them.
    pub fn step(&self, xs: &Tensor, state: Option<&LstmState>) -> Result<(Tensor, LstmState)> {
        let (outputs, state) = self.outputs_t(xs, state, false)?;
        Ok((self.head.logits_t(&outputs, false)?, state))
    }
}

impl Network for Lrcn {
    /// The output of the LSTM after the last frame, `[N, H]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        last_step(&self.outputs_t(xs, None, train)?.0)
    }

    /// The mean cross-entropy of the logits after each frame.
    fn loss(&self, xs: &Tensor, labels: &Tensor, train: bool) -> Result<Tensor> {
        let (outputs, _) = self.outputs_t(xs, None, train)?;
        loss_of_steps(&self.head.logits_t(&outputs, train)?, labels)
    }
}

impl ModuleT for Lrcn {
    /// Logits whose softmax is the mean over all frames of the softmax after each.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let (outputs, _) = self.outputs_t(xs, None, train)?;
        let logits = self.head.logits_t(&outputs, train)?;
        let frames = logits.dim(1)? as f64;
        log_softmax(&logits, D::Minus1)?.log_sum_exp(1)? - frames.ln()
    }
}
