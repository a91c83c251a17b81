//! The convolutional LSTM: an LSTM whose states are maps (Shi et al., NIPS 2015, section 3.1).

use candle::{Module, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder, init};

use crate::recurrence::{Pair, Recurrence, State};
use crate::{Conv3d, Conv3dConfig, Padding};

/// Settings of a [`ConvLstm`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvLstmConfig {
    /// Side of the kernels over the input and the last output, `[h, w]`. The size of maps is kept.
    pub kernel: [usize; 2],
    /// Added to the forget gate before its sigmoid.
    pub forget_bias: f64,
    /// Whether gates see the cells too, each cell of a map by a weight of its own, as in Shi et al.: then the size `[h, w]` of
    /// all maps.
    pub peepholes: Option<[usize; 2]>,
    /// Whether clips are walked through from their last frame to their first. Outputs stay with their frames.
    pub reverse: bool,
    /// The first weights lie evenly between this below and above 0.
    pub bound: f64,
}

impl Default for ConvLstmConfig {
    /// As in the cell of Zhang et al.: 3 x 3, a forget bias of 1, no peepholes, 0.1.
    fn default() -> Self {
        Self { kernel: [3; 2], forget_bias: 1., peepholes: None, reverse: false, bound: 0.1 }
    }
}

/// What a [`ConvLstm`] remembers of the steps before: both `[N, C, H, W]`, off the graph.
#[derive(Debug, Clone)]
pub struct ConvLstmState {
    /// The last output.
    pub h: Tensor,
    /// The cells.
    pub c: Tensor,
}

/// A convolutional LSTM over the frames of a clip:
///
/// ```text
/// [i g f o] = W * [x_t, h_{t-1}] + b
/// c_t = sigmoid(f + forget bias) c_{t-1} + sigmoid(i) tanh(g)        h_t = sigmoid(o) tanh(c_t)
/// ```
///
/// and with peepholes `p_i c_{t-1}`, `p_f c_{t-1}` and `p_o c_t` added to `i`, `f` and `o`. The filters are the input gate's,
/// the candidate's, the forget gate's, the output gate's, as in TensorFlow's cells.
#[derive(Debug, Clone)]
pub struct ConvLstm {
    weight: Tensor,
    bias: Tensor,
    peepholes: Option<Tensor>,
    config: ConvLstmConfig,
    /// Kept where the weights cannot change.
    pair: Option<Pair>,
}

impl ConvLstm {
    /// Wraps a weight `[4 C, C_in + C, 1, kH, kW]`, over the input's channels and then the last output's, a bias `[4 C]`, and
    /// the peepholes `[3, C, H, W]` (of the input, the forget and the output gate) if the config has them.
    pub fn new(
        weight: Tensor,
        bias: Tensor,
        peepholes: Option<Tensor>,
        config: ConvLstmConfig,
    ) -> Result<Self> {
        let (filters, seen, kt, kh, kw) = weight.dims5()?;
        let channels = filters / 4;
        let fits = filters == 4 * channels && seen > channels && bias.dims() == [filters];
        if !fits || [kt, kh, kw] != [1, config.kernel[0], config.kernel[1]] {
            bail!(
                "conv lstm: expected a weight [4 C, C_in + C, 1, {}, {}] and a bias [4 C], got {:?} and {:?}",
                config.kernel[0],
                config.kernel[1],
                weight.dims(),
                bias.dims()
            )
        }
        let wanted = config.peepholes.map(|[h, w]| vec![3, channels, h, w]);
        let met = peepholes.as_ref().map(|peepholes| peepholes.dims().to_vec());
        if wanted != met {
            bail!("conv lstm: expected peepholes {wanted:?}, got {met:?}")
        }
        let mut lstm = Self { weight, bias, peepholes, config, pair: None };
        if !lstm.weight.track_op() && !lstm.bias.track_op() {
            lstm.pair = Some(lstm.pair()?);
        }
        Ok(lstm)
    }

    /// `C`.
    pub fn channels(&self) -> usize {
        self.weight.dims()[0] / 4
    }

    /// The weights of the input and of the last output, apart.
    fn pair(&self) -> Result<Pair> {
        if let Some(pair) = &self.pair {
            return Ok(pair.clone());
        }
        let channels = self.channels();
        let c_in = self.weight.dim(1)? - channels;
        let config = Conv3dConfig { padding: Padding::Same, ..Default::default() };
        let conv = |first, count, bias| -> Result<Conv3d> {
            Ok(Conv3d::new(self.weight.narrow(1, first, count)?, bias, config))
        };
        Ok(Pair {
            input: conv(0, c_in, Some(self.bias.clone()))?,
            hidden: conv(c_in, channels, None)?,
        })
    }

    /// `[N, C_in, T, H, W]` to the outputs of all steps `[N, C, T, H, W]`, and the state after the last of the walk.
    ///
    /// Without a state the clips begin; with one they go on, and nothing goes back to the steps before in training.
    ///
    /// # Errors
    ///
    /// If `xs` has other channels or maps of another size than the peepholes, or the state is of another size.
    pub fn run(
        &self,
        xs: &Tensor,
        state: Option<&ConvLstmState>,
    ) -> Result<(Tensor, ConvLstmState)> {
        let state = match state {
            None => None,
            Some(ConvLstmState { h, c }) => Some(State { h: h.unsqueeze(2)?, c: c.unsqueeze(2)? }),
        };
        let pair = self.pair()?;
        let recurrence = Recurrence {
            hidden: &pair.hidden,
            peepholes: self.peepholes.as_ref(),
            order: [0, 2, 3, 1],
            forget_bias: self.config.forget_bias,
            reverse: self.config.reverse,
        };
        let (ys, State { h, c }) = recurrence.run(&pair.input.forward(xs)?, state.as_ref())?;
        Ok((ys, ConvLstmState { h: h.squeeze(2)?, c: c.squeeze(2)? }))
    }
}

impl Module for ConvLstm {
    /// `[N, C_in, T, H, W]` to the outputs of all steps `[N, C, T, H, W]`.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        Ok(self.run(xs, None)?.0)
    }
}

/// A convolutional LSTM from `c_in` channels to `channels`, at `vb`: tensors `weight`, `bias` (zero at first) and, if it has
/// them, `peepholes` (zero too).
pub fn conv_lstm(
    c_in: usize,
    channels: usize,
    config: ConvLstmConfig,
    vb: VarBuilder,
) -> Result<ConvLstm> {
    let [kh, kw] = config.kernel;
    let first = Init::Uniform { lo: -config.bound, up: config.bound };
    let weight = vb.get_with_hints((4 * channels, c_in + channels, 1, kh, kw), "weight", first)?;
    let bias = vb.get_with_hints(4 * channels, "bias", init::ZERO)?;
    let peepholes = config
        .peepholes
        .map(|[h, w]| vb.get_with_hints((3, channels, h, w), "peepholes", init::ZERO))
        .transpose()?;
    ConvLstm::new(weight, bias, peepholes, config)
}
