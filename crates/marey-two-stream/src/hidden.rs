//! Hidden two-stream networks: the temporal stream makes its flow itself.
//!
//! Reference: Zhu et al., "Hidden Two-Stream Convolutional Networks for Action Recognition", ACCV 2018, sections 3.2 and 3.3,
//! <https://arxiv.org/abs/1704.00389>. Weights of the temporal stream are named as in the released definition for Caffe: those of
//! VGG-16 end in `_vgg16` there.
//!
//! ```text
//!  clip ── MotionNet ── flow 20x112² ── x 20, cut at ±20, to 0..255, twice the size, - 128 ── VGG-16 ──┐ 1.5
//!  3x11x224²                            20x224²                                                         ├── scores
//!     └── middle frame ────────────────────────────────────────────────────────────────────── VGG-16 ──┘ 1
//! ```

use candle::{ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::loss::cross_entropy;
use marey_backbone::late::{Average, Late, Stream};
use marey_backbone::plain::PlainFull;
use marey_backbone::view::middle_frame;
use marey_backbone::{Plain, PlainConfig, vgg_16};
use marey_layers::{Network, trace};

use crate::flow_loss::flow_loss;
use crate::motion_net::{MotionNet, MotionNetConfig, motion_net};

/// How the two parts of a stacked temporal stream are trained (section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Training {
    /// (a) VGG-16 alone: MotionNet stays as it is, and gets no gradient.
    Recogniser,
    /// (b) Both, by the loss of the actions.
    Actions,
    /// (c) Both, by the loss of the actions and those of MotionNet.
    ActionsAndFlow,
}

/// What the weights of the similarity are multiplied by beside the loss of the actions.
const SIMILARITY: f64 = 0.1;

/// A stacked temporal stream.
#[derive(Debug, Clone, PartialEq)]
pub struct HiddenTemporalConfig {
    /// What makes flow.
    pub motion: MotionNetConfig,
    /// What recognises actions by it.
    pub recogniser: PlainConfig,
    /// How they are trained.
    pub training: Training,
}

/// The paper's stacked temporal stream, for clips `[N, 3, 11, 224, 224]`.
pub fn hidden_temporal(training: Training, num_classes: usize) -> HiddenTemporalConfig {
    let motion = motion_net();
    let vgg = vgg_16(motion.channels(), num_classes);
    let full = [("fc6", 0.9), ("fc7", 0.8)];
    let full = full.map(|(name, dropout)| PlainFull { name, units: 4096, dropout });
    let recogniser = PlainConfig { full: full.into(), ..vgg };
    HiddenTemporalConfig { motion, recogniser, training }
}

impl HiddenTemporalConfig {
    /// With every count of filters and units divided by `shrink`.
    pub fn shrunk(self, shrink: usize) -> Self {
        let motion = MotionNetConfig { shrink, ..self.motion };
        Self { motion, recogniser: self.recogniser.shrunk(shrink), ..self }
    }
}

/// MotionNet and VGG-16 on its flow: clips `[N, 3, 11, H, W]` to logits `[N, K]`.
pub struct HiddenTemporal {
    motion: MotionNet,
    recogniser: Plain,
    training: Training,
}

impl HiddenTemporal {
    /// Builds the stream at `vb`.
    pub fn new(config: &HiddenTemporalConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            motion: MotionNet::new(&config.motion, vb.clone())?,
            recogniser: Plain::new(&config.recogniser, suffixed(vb, "_vgg16"))?,
            training: config.training,
        })
    }

    /// The part that makes flow.
    pub fn motion(&self) -> &MotionNet {
        &self.motion
    }

    /// What VGG-16 sees of flow that MotionNet predicted, `[N, 2 L, h, w]` to `[N, 2 L, 1, 2 h, 2 w]`.
    fn seen(&self, flow: &Tensor) -> Result<Tensor> {
        let flow = if self.training == Training::Recogniser { flow.detach() } else { flow.clone() };
        let seen = in_bytes(&flow)?;
        trace::stage("flow", &seen);
        Ok(seen)
    }

    fn flow(&self, xs: &Tensor) -> Result<Tensor> {
        let mut flows = self.motion.flows(xs)?;
        flows.pop().ok_or_else(|| candle::Error::msg("MotionNet predicts no flow"))
    }
}

impl Network for HiddenTemporal {
    /// `fc7` after its ReLU, `[N, 4096]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.recogniser.features_t(&self.seen(&self.flow(xs)?)?, train)
    }

    /// Cross-entropy, and with [`Training::ActionsAndFlow`] the losses of MotionNet, of which the similarity counts a tenth of
    /// what it does there.
    fn loss(&self, xs: &Tensor, labels: &Tensor, train: bool) -> Result<Tensor> {
        let flows = self.motion.flows(xs)?;
        let Some(flow) = flows.last() else { candle::bail!("MotionNet predicts no flow") };
        let logits = self.recogniser.forward_t(&self.seen(flow)?, train)?;
        let actions = cross_entropy(&logits, labels)?;
        match self.training {
            Training::ActionsAndFlow => actions + flow_loss(xs, &flows, SIMILARITY)?,
            Training::Recogniser | Training::Actions => Ok(actions),
        }
    }
}

impl ModuleT for HiddenTemporal {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.recogniser.forward_t(&self.seen(&self.flow(xs)?)?, train)
    }
}

/// A `VarBuilder` whose tensors `NAME.weight` are called `NAME`, `suffix`, `.weight` in the file.
fn suffixed<'a>(vb: VarBuilder<'a>, suffix: &'static str) -> VarBuilder<'a> {
    // The inner builder puts its own place before the name again.
    let place = format!("{}.", vb.prefix());
    vb.rename_f(move |name| {
        let name = name.strip_prefix(&place).unwrap_or(name);
        match name.rsplit_once('.') {
            Some((layer, part)) => format!("{layer}{suffix}.{part}"),
            None => name.to_string(),
        }
    })
}

/// Predicted flow as images of flow around 0, as the weights of temporal streams were trained on: 20 pixels to a unit, cut at
/// 20 pixels either way, that range as bytes, less 128, at twice the size. `[N, C, h, w]` to `[N, C, 1, 2 h, 2 w]`.
pub fn in_bytes(flow: &Tensor) -> Result<Tensor> {
    const BOUND: f64 = 20.;
    let cut = (flow * BOUND)?.contiguous()?.clamp(-BOUND, BOUND)?;
    let bytes = ((cut + BOUND)? * (255. / (2. * BOUND)))?;
    // 0 is at 128 of bytes, half a unit above their middle.
    (twice(&twice(&bytes, 2)?, 3)? - 128.)?.unsqueeze(2)
}

/// Twice as many cells along `axis`, each three quarters of the nearest and a quarter of the next. Beyond the ends there are
/// zeros, as in released code, which has this as a transposed convolution of weights that are never trained.
fn twice(xs: &Tensor, axis: usize) -> Result<Tensor> {
    let rest = xs.dim(axis)?.saturating_sub(1);
    let before = xs.narrow(axis, 0, rest)?.pad_with_zeros(axis, 1, 0)?;
    let after = xs.narrow(axis, 1, rest)?.pad_with_zeros(axis, 0, 1)?;
    let nearest = (xs * 0.75)?;
    let both = [(&nearest + (before * 0.25)?)?, (&nearest + (after * 0.25)?)?];
    Tensor::stack(&both, axis + 1)?.flatten(axis, axis + 1)
}

/// The weight of the temporal stream; the spatial one has 1.
const TEMPORAL: f64 = 1.5;

/// What the spatial stream sees of a clip: the middle frame, in the range of bytes that VGG-16 was trained on.
fn frame(xs: &Tensor) -> Result<Tensor> {
    middle_frame(xs)? * 255.
}

/// The paper's hidden two-stream network: VGG-16 on the middle frame and the stacked temporal stream, fused late. Clips
/// `[N, 3, 11, H, W]`, bytes divided by 255 less their mean, to logits `[N, K]`.
///
/// The logits are logarithms of the fused scores, so that their softmax is the scores: the mean of the softmax scores of both
/// streams, the temporal one weighted 1.5. (Released code has the streams' outputs cut at 0 and divided by their sum in place
/// of a softmax.) Weights are at `spatial` and `temporal`. Each stream is trained as if it were alone.
pub fn hidden_two_stream(
    spatial: &PlainConfig,
    temporal: &HiddenTemporalConfig,
    vb: VarBuilder,
) -> Result<Late> {
    let streams = vec![
        Stream {
            view: Box::new(frame),
            network: Box::new(Plain::new(spatial, vb.pp("spatial"))?),
            weight: 1.,
        },
        Stream {
            view: Box::new(|xs| Ok(xs.clone())),
            network: Box::new(HiddenTemporal::new(temporal, vb.pp("temporal"))?),
            weight: TEMPORAL,
        },
    ];
    Late::new(Average::Scores, streams)
}
