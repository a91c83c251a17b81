//! An LSTM over what a ConvNet makes of each frame, and a classifier after every step.

use candle::{DType, Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::{
    Dropout, Linear, Lstm, LstmConfig, LstmState, classifier, dropout, lstm, trace,
};

/// An LSTM with a classifier.
#[derive(Debug, Clone)]
pub struct LstmHead {
    lstm: (&'static str, Lstm),
    dropout: Dropout,
    classifier: (&'static str, Linear),
}

/// The sizes of a [`LstmHead`], and the names of its parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LstmHeadConfig {
    /// Values of a frame.
    pub d_in: usize,
    /// Units of the LSTM.
    pub units: usize,
    /// Of the LSTM.
    pub lstm: LstmConfig,
    /// Chance that a unit is dropped before the classifier.
    pub dropout: f32,
    /// Number of classes.
    pub num_classes: usize,
    /// The names of the LSTM and of the classifier.
    pub names: [&'static str; 2],
}

impl LstmHead {
    /// Builds it at `vb`.
    pub fn new(config: &LstmHeadConfig, vb: VarBuilder) -> Result<Self> {
        let [first, last] = config.names;
        Ok(Self {
            lstm: (first, lstm(config.d_in, config.units, config.lstm, vb.pp(first))?),
            dropout: dropout(config.dropout, &vb.pp(first).pp("drop"))?,
            classifier: (last, classifier(config.units, config.num_classes, vb.pp(last))?),
        })
    }

    /// From the values of frames, `[N T, D]`, those of a clip side by side, to the outputs of the LSTM `[N, H, T]`. `n` is how
    /// many clips there are.
    pub fn outputs(
        &self,
        frames: &Tensor,
        n: usize,
        state: Option<&LstmState>,
    ) -> Result<(Tensor, LstmState)> {
        let (all, d) = frames.dims2()?;
        let clips = frames.reshape((n, all / n.max(1), d))?.transpose(1, 2)?;
        let (ys, state) = self.lstm.1.run(&clips, state)?;
        trace::stage(self.lstm.0, &ys);
        Ok((ys, state))
    }

    /// From these to logits `[N, T, K]`.
    pub fn logits_t(&self, outputs: &Tensor, train: bool) -> Result<Tensor> {
        let (n, units, t) = outputs.dims3()?;
        let steps = outputs.transpose(1, 2)?.contiguous()?.reshape((n * t, units))?;
        let xs = self.classifier.1.forward(&self.dropout.forward_t(&steps, train)?)?;
        let xs = xs.reshape((n, t, xs.dim(1)?))?;
        trace::stage(self.classifier.0, &xs);
        Ok(xs)
    }
}

/// The mean cross-entropy of all steps: of logits `[N, T, K]`, with the label of the clip at each.
pub(crate) fn loss_of_steps(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let (n, t, k) = logits.dims3()?;
    let labels = labels.to_dtype(DType::U32)?.reshape((n, 1))?.broadcast_as((n, t))?;
    let labels = labels.contiguous()?.flatten_all()?;
    candle_nn::loss::cross_entropy(&logits.reshape((n * t, k))?, &labels)
}

/// The last step of `[N, C, T]`: `[N, C]`.
pub(crate) fn last_step(outputs: &Tensor) -> Result<Tensor> {
    outputs.narrow(2, outputs.dim(2)? - 1, 1)?.squeeze(2)
}
