//! The LSTM (Hochreiter and Schmidhuber 1997; with a forget gate, Gers et al. 2000), of vectors that come one by one.

use candle::{Module, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder, init};

use crate::recurrence::{Pair, Recurrence, State};
use crate::{Conv3d, Conv3dConfig};

/// Settings of an [`Lstm`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LstmConfig {
    /// Added to the forget gate before its sigmoid.
    pub forget_bias: f64,
    /// The first weights lie evenly between this below and above 0.
    pub bound: f64,
}

impl Default for LstmConfig {
    /// As in LRCN: nothing, and 0.01.
    fn default() -> Self {
        Self { forget_bias: 0., bound: 0.01 }
    }
}

/// What an [`Lstm`] remembers of the steps before: both `[N, H]`, off the graph.
#[derive(Debug, Clone)]
pub struct LstmState {
    /// The last output.
    pub h: Tensor,
    /// The cells.
    pub c: Tensor,
}

/// An LSTM without peepholes and with one set of biases:
///
/// ```text
/// [i f o g] = W_x x_t + b + W_h h_{t-1}
/// c_t = sigmoid(f) c_{t-1} + sigmoid(i) tanh(g)        h_t = sigmoid(o) tanh(c_t)
/// ```
///
/// The rows of the weights are the input gate's, the forget gate's, the output gate's, the candidate's, as in the layer of
/// LRCN's Caffe. (PyTorch has the candidate before the output gate, and two biases.)
#[derive(Debug, Clone)]
pub struct Lstm {
    input: Tensor,
    bias: Tensor,
    hidden: Tensor,
    config: LstmConfig,
    /// Kept where the weights cannot change.
    pair: Option<Pair>,
}

impl Lstm {
    /// Wraps the weight of the input `[4 H, D]`, the bias `[4 H]` and the weight of the last output `[4 H, H]`.
    pub fn new(input: Tensor, bias: Tensor, hidden: Tensor, config: LstmConfig) -> Result<Self> {
        let (rows, units) = hidden.dims2()?;
        if rows != 4 * units || input.dims2()?.0 != rows || bias.dims() != [rows] {
            bail!(
                "lstm: expected weights [4 H, D] and [4 H, H] and a bias [4 H], got {:?}, {:?} and {:?}",
                input.dims(),
                hidden.dims(),
                bias.dims()
            )
        }
        let mut lstm = Self { input, bias, hidden, config, pair: None };
        if ![&lstm.input, &lstm.bias, &lstm.hidden].into_iter().any(Tensor::track_op) {
            lstm.pair = Some(lstm.pair()?);
        }
        Ok(lstm)
    }

    /// `H`.
    pub fn units(&self) -> usize {
        self.hidden.dims()[1]
    }

    /// Both weights as convolutions over maps of one cell.
    fn pair(&self) -> Result<Pair> {
        if let Some(pair) = &self.pair {
            return Ok(pair.clone());
        }
        let conv = |weight: &Tensor, bias: Option<&Tensor>| -> Result<Conv3d> {
            let (rows, columns) = weight.dims2()?;
            let weight = weight.reshape((rows, columns, 1, 1, 1))?;
            Ok(Conv3d::new(weight, bias.cloned(), Conv3dConfig::default()))
        };
        Ok(Pair { input: conv(&self.input, Some(&self.bias))?, hidden: conv(&self.hidden, None)? })
    }

    /// `[N, D, T]` to the outputs of all steps `[N, H, T]`, and the state after the last.
    ///
    /// Without a state the clips begin; with one they go on, and nothing goes back to the steps before in training.
    ///
    /// # Errors
    ///
    /// If `xs` has another `D`, or the state is not of `N` clips and `H` units.
    pub fn run(&self, xs: &Tensor, state: Option<&LstmState>) -> Result<(Tensor, LstmState)> {
        let [n, _, _] = *xs.dims() else {
            bail!("lstm: expected vectors [N, D, T], got {:?}", xs.dims())
        };
        let state = match state {
            None => None,
            Some(LstmState { h, c }) => {
                let units = self.units();
                if h.dims() != [n, units] || c.dims() != [n, units] {
                    let (h, c) = (h.dims(), c.dims());
                    bail!("lstm: expected a state of {:?}, got {h:?} and {c:?}", [n, units])
                }
                let map = |xs: &Tensor| xs.reshape((n, units, 1, 1, 1));
                Some(State { h: map(h)?, c: map(c)? })
            }
        };
        let pair = self.pair()?;
        let recurrence = Recurrence {
            hidden: &pair.hidden,
            peepholes: None,
            order: [0, 1, 2, 3],
            forget_bias: self.config.forget_bias,
            reverse: false,
        };
        let gates = pair.input.forward(&xs.unsqueeze(3)?.unsqueeze(4)?)?;
        let (ys, State { h, c }) = recurrence.run(&gates, state.as_ref())?;
        let state = LstmState { h: h.flatten_from(1)?, c: c.flatten_from(1)? };
        Ok((ys.squeeze(4)?.squeeze(3)?, state))
    }
}

impl Module for Lstm {
    /// `[N, D, T]` to the outputs of all steps `[N, H, T]`.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        Ok(self.run(xs, None)?.0)
    }
}

/// An LSTM from `d_in` values to `units`, at `vb`: tensors `input.weight`, `input.bias` (zero at first) and `hidden.weight`.
pub fn lstm(d_in: usize, units: usize, config: LstmConfig, vb: VarBuilder) -> Result<Lstm> {
    let first = Init::Uniform { lo: -config.bound, up: config.bound };
    let input = vb.get_with_hints((4 * units, d_in), "input.weight", first)?;
    let bias = vb.get_with_hints(4 * units, "input.bias", init::ZERO)?;
    let hidden = vb.get_with_hints((4 * units, units), "hidden.weight", first)?;
    Lstm::new(input, bias, hidden, config)
}
