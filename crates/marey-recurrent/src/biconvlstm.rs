//! 3DCNN + bidirectional ConvLSTM + 2DCNN, for gestures.
//!
//! Reference: Zhang et al., "Learning Spatiotemporal Features Using 3DCNN and Convolutional LSTM for Gesture Recognition", ICCVW
//! 2017. Layers and names are those of the authors' code (`c3d_biclstm.py`), whose framework may give
//! convolutions a bias besides: here they have none.
//!
//! ```text
//!  clip                Conv3d_1   Conv3d_2   Conv3d_3a  Conv3d_3b
//!  3x32x112² ──────── 64 ─ pool ─ 128 ─ pool ── 256 ──── 256 ──┬─ ConvLSTM 256 ─ ConvLSTM 384 ──┐    frames on
//!                       1x2x2      2x2x2               16x28²  └─ ConvLSTM 256 ─ ConvLSTM 384 ──┤    frames back
//!                                                                                       16x28²  │
//!          logits ── DropConnect ── 4096 ── mean over time ── 256 ── 256 ── 128 ── 768 side by side
//!                                                           16x4²   16x7²  16x14²      2DCNN, 3x3 and pool 2x2
//! ```

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::{
    AvgPool3d, ConvLstm, ConvLstmConfig, DropConnect, MaxPool3d, Network, Pool3dConfig, Unit,
    concat, conv_lstm, drop_connect, trace,
};

use crate::conv3d::{Conv3dConvs, halving, unit};

/// How the two directions come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// At each frame what both say of it: the paper's intent.
    Aligned,
    /// As the released code does and its weights need: the outputs of the way back stay in the order they came in, so that
    /// frame `k` on the way on meets frame `T - 1 - k` on the way back.
    AsReleased,
}

/// What is made of the frames at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// Their mean, which the paper found better.
    Mean,
    /// Their maximum.
    Max,
}

/// A 3DCNN + bidirectional ConvLSTM + 2DCNN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BiConvLstmConfig {
    /// Channels of a frame.
    pub c_in: usize,
    /// Filters of the three blocks of the 3DCNN.
    pub widths: [usize; 3],
    /// Channels of the two ConvLSTMs of each direction.
    pub hidden: [usize; 2],
    /// Filters of the 2DCNN.
    pub frame_widths: [usize; 3],
    /// Whether the gates of the ConvLSTMs see their cells, as in Shi et al., NIPS 2015. The paper's do not.
    pub peepholes: bool,
    /// How the two directions come together.
    pub join: Join,
    /// What is made of the frames at the end.
    pub over: Over,
    /// Clip `[t, h, w]`: the classifier has its size from it.
    pub input: [usize; 3],
    /// Chance that a weight of the classifier is dropped.
    pub dropout: f32,
    /// Number of classes.
    pub num_classes: usize,
}

/// The paper's network, for clips `[N, c_in, 32, 112, 112]`.
pub fn conv3d_biconvlstm(c_in: usize, num_classes: usize) -> BiConvLstmConfig {
    BiConvLstmConfig {
        c_in,
        widths: [64, 128, 256],
        hidden: [256, 384],
        frame_widths: [128, 256, 256],
        peepholes: false,
        join: Join::Aligned,
        over: Over::Mean,
        input: [32, 112, 112],
        dropout: 0.5,
        num_classes,
    }
}

/// The same as the authors released it.
pub fn conv3d_biconvlstm_released(c_in: usize, num_classes: usize) -> BiConvLstmConfig {
    BiConvLstmConfig { join: Join::AsReleased, ..conv3d_biconvlstm(c_in, num_classes) }
}

impl BiConvLstmConfig {
    /// With every count of filters divided by `shrink`.
    pub fn shrunk(self, shrink: usize) -> Self {
        let thin = |channels: usize| channels.div_ceil(shrink);
        Self {
            widths: self.widths.map(thin),
            hidden: self.hidden.map(thin),
            frame_widths: self.frame_widths.map(thin),
            ..self
        }
    }
}

/// 3DCNN + bidirectional ConvLSTM + 2DCNN, `[N, 3, 32, 112, 112]` to logits `[N, K]`.
pub struct BiConvLstm {
    convs: Conv3dConvs,
    forward: [ConvLstm; 2],
    backward: [ConvLstm; 2],
    frames: [(&'static str, Unit); 3],
    classes: DropConnect,
    config: BiConvLstmConfig,
}

impl BiConvLstm {
    /// Builds the network at `vb`.
    pub fn new(config: &BiConvLstmConfig, vb: VarBuilder) -> Result<Self> {
        let [first, second] = config.hidden;
        let [a, b, c] = config.frame_widths;
        let [_, h, w] = Conv3dConvs::size(config.input);
        let lstms = |names: [&str; 2], reverse| -> Result<[ConvLstm; 2]> {
            let peepholes = config.peepholes.then_some([h, w]);
            let lstm = ConvLstmConfig { peepholes, reverse, ..Default::default() };
            Ok([
                conv_lstm(config.widths[2], first, lstm, vb.pp(names[0]))?,
                conv_lstm(first, second, lstm, vb.pp(names[1]))?,
            ])
        };
        let frame = |name: &'static str, norm: &str, c_in, c_out| -> Result<_> {
            Ok((name, unit([name, norm], c_in, c_out, [1, 3, 3], &vb)?))
        };
        let places: usize = [h, w].map(|side| side.div_ceil(8)).iter().product();
        Ok(Self {
            convs: Conv3dConvs::new(config.c_in, config.widths, vb.clone())?,
            forward: lstms(["fwclstm_layer_1", "fwclstm_layer_2"], false)?,
            backward: lstms(["bwclstm_layer_1", "bwclstm_layer_2"], true)?,
            frames: [
                frame("Conv2d_1", "BatchNorm_3", 2 * second, a)?,
                frame("Conv2d_2", "BatchNorm_4", a, b)?,
                frame("Conv2d_3", "BatchNorm_5", b, c)?,
            ],
            classes: drop_connect(
                c * places,
                config.num_classes,
                config.dropout,
                vb.pp("Classes"),
            )?,
            config: *config,
        })
    }

    /// What both directions say of each frame, side by side.
    fn both(&self, xs: &Tensor) -> Result<Tensor> {
        let [forward, backward] = [&self.forward, &self.backward]
            .map(|[first, second]| second.forward(&first.forward(xs)?));
        match self.config.join {
            Join::Aligned => concat(&[forward?, backward?]),
            Join::AsReleased => concat(&[forward?, backward?.contiguous()?.flip(&[2])?]),
        }
    }
}

impl Network for BiConvLstm {
    /// The frames' maps pooled over time, `[N, 4096]`: what the paper gives to its SVM. Flattened channel by
    /// channel; the released classifier has them place by place.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.convs.forward_t(xs, train)?;
        let mut xs = self.both(&xs)?;
        trace::stage("fwbw_concat", &xs);
        for (name, unit) in &self.frames {
            xs = halving([1, 2, 2]).forward(&unit.forward_t(&xs, train)?)?;
            trace::stage(name, &xs);
        }
        let all = [xs.dim(2)?, 1, 1];
        let window = Pool3dConfig::new(all, all);
        let xs = match self.config.over {
            Over::Mean => AvgPool3d(window).forward(&xs)?,
            Over::Max => MaxPool3d(window).forward(&xs)?,
        };
        xs.flatten_from(1)
    }
}

impl ModuleT for BiConvLstm {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.classes.forward_t(&self.features_t(xs, train)?, train)?;
        trace::stage("Classes", &xs);
        Ok(xs)
    }
}
