//! 3DCNN + ConvLSTM, with a pyramid of poolings over what is left of it after the last frame.
//!
//! Reference: Zhu et al., "Multimodal Gesture Recognition Using 3-D Convolution and Convolutional LSTM", IEEE Access 2017. Layers
//! and names are those of the authors' code (`c3d_clstm.py`).
//!
//! ```text
//!  clip       Conv3d_1  Conv3d_2  Conv3d_3a  Conv3d_3b                                    max 28x28 ──  384x1² ─┐
//!  3x32x112²  64 pool   128 pool  256        256       ConvLSTM ── ConvLSTM ── last ──┬── max 14x14 ──  384x2² ─┤
//!               1x2x2     2x2x2              16x28²    256         384         28²    ├── max  7x7  ──  384x4² ─┼─ DropConnect
//!                                                                                     └── max  4x4  ──  384x7² ─┘   logits
//! ```

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::{
    ConvLstm, ConvLstmConfig, DropConnect, Network, conv_lstm, drop_connect, trace,
};

use crate::conv3d::{Conv3dConvs, halving};

/// A 3DCNN + ConvLSTM.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvLstmNetConfig {
    /// Channels of a frame.
    pub c_in: usize,
    /// Filters of the three blocks of the 3DCNN.
    pub widths: [usize; 3],
    /// Channels of the two ConvLSTMs.
    pub hidden: [usize; 2],
    /// Whether the gates of the ConvLSTMs see their cells, as in Shi et al., NIPS 2015. The authors' do not.
    pub peepholes: bool,
    /// Sides of the windows of the pyramid, which lie side by side.
    pub windows: [usize; 4],
    /// Clip `[t, h, w]`: the classifier has its size from it.
    pub input: [usize; 3],
    /// Chance that a weight of the classifier is dropped.
    pub dropout: f32,
    /// Number of classes.
    pub num_classes: usize,
}

/// The paper's network, for clips `[N, c_in, 32, 112, 112]`.
pub fn conv3d_convlstm(c_in: usize, num_classes: usize) -> ConvLstmNetConfig {
    ConvLstmNetConfig {
        c_in,
        widths: [64, 128, 256],
        hidden: [256, 384],
        peepholes: false,
        windows: [28, 14, 7, 4],
        input: [32, 112, 112],
        dropout: 0.5,
        num_classes,
    }
}

impl ConvLstmNetConfig {
    /// With every count of filters divided by `shrink`.
    pub fn shrunk(self, shrink: usize) -> Self {
        let thin = |channels: usize| channels.div_ceil(shrink);
        Self { widths: self.widths.map(thin), hidden: self.hidden.map(thin), ..self }
    }
}

/// 3DCNN + ConvLSTM, `[N, 3, 32, 112, 112]` to logits `[N, K]`.
pub struct ConvLstmNet {
    convs: Conv3dConvs,
    lstms: [ConvLstm; 2],
    windows: [usize; 4],
    classes: DropConnect,
}

impl ConvLstmNet {
    /// Builds the network at `vb`.
    pub fn new(config: &ConvLstmNetConfig, vb: VarBuilder) -> Result<Self> {
        let [first, second] = config.hidden;
        let [_, h, w] = Conv3dConvs::size(config.input);
        let peepholes = config.peepholes.then_some([h, w]);
        let lstm = ConvLstmConfig { peepholes, ..Default::default() };
        let places: usize =
            config.windows.iter().map(|side| h.div_ceil(*side) * w.div_ceil(*side)).sum();
        Ok(Self {
            convs: Conv3dConvs::new(config.c_in, config.widths, vb.clone())?,
            lstms: [
                conv_lstm(config.widths[2], first, lstm, vb.pp("clstm_layer_1"))?,
                conv_lstm(first, second, lstm, vb.pp("clstm_layer_2"))?,
            ],
            windows: config.windows,
            classes: drop_connect(
                second * places,
                config.num_classes,
                config.dropout,
                vb.pp("Classes"),
            )?,
        })
    }
}

impl Network for ConvLstmNet {
    /// The maxima of all windows, those of the largest first, `[N, 26880]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = self.convs.forward_t(xs, train)?;
        for (lstm, name) in self.lstms.iter().zip(["clstm_layer_1", "clstm_layer_2"]) {
            xs = lstm.forward(&xs)?;
            trace::stage(name, &xs);
        }
        let last = xs.narrow(2, xs.dim(2)? - 1, 1)?;
        let maxima = |side: &usize| halving([1, *side, *side]).forward(&last)?.flatten_from(1);
        let all = self.windows.iter().map(maxima).collect::<Result<Vec<_>>>()?;
        let xs = Tensor::cat(&all, 1)?;
        trace::stage("Concat_SPP", &xs);
        Ok(xs)
    }
}

impl ModuleT for ConvLstmNet {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.classes.forward_t(&self.features_t(xs, train)?, train)?;
        trace::stage("Classes", &xs);
        Ok(xs)
    }
}
