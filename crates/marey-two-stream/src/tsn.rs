//! Temporal segment networks: one network over short snippets from all of a video, whose answers become one.
//!
//! Reference: Wang et al., "Temporal Segment Networks: Towards Good Practices for Deep Action Recognition", ECCV 2016,
//! section 3, <https://arxiv.org/abs/1608.00859>. Weights are named as in the authors' PyTorch code: BN-Inception at
//! `base_model`, the classifier `new_fc`.
//!
//! ```text
//!  segment 1 ── snippet ── BN-Inception ── drop ── new_fc ── logits ──┐
//!  segment 2 ── snippet ── BN-Inception ── drop ── new_fc ── logits ──┼── consensus ── logits
//!  segment 3 ── snippet ── BN-Inception ── drop ── new_fc ── logits ──┘
//! ```
//!
//! A clip is its snippets one after the other, as many as there are: three to train on, more to test.

use candle::{Module, ModuleT, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder, init};
use marey_layers::{Dropout, Linear, Network, dropout, trace};

use crate::bn_inception::{BnInception, BnInceptionConfig, Norms};

/// What a snippet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snippet {
    /// One frame, `[3, 1, H, W]` of a clip.
    Rgb,
    /// Five fields of flow, `[2, 5, H, W]`, x and y of each side by side for the network.
    Flow,
    /// Six frames, `[3, 6, H, W]`, of which the network sees the five differences, each from the frame before.
    RgbDifference,
}

impl Snippet {
    /// Frames, or fields, of a clip that one takes.
    pub fn frames(self) -> usize {
        match self {
            Self::Rgb => 1,
            Self::Flow => 5,
            Self::RgbDifference => 6,
        }
    }

    /// Channels of a clip's frame.
    pub fn c_in(self) -> usize {
        if self == Self::Flow { 2 } else { 3 }
    }

    /// Channels that the network sees of one.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Flow => 10,
            Self::RgbDifference => 15,
        }
    }

    /// The snippets of clips `[N, C, K frames, H, W]` as images `[N K, channels, 1, H, W]`, those of a clip side by side.
    fn images(self, xs: &Tensor) -> Result<Tensor> {
        let (n, c, t, h, w) = xs.dims5()?;
        let frames = self.frames();
        if c != self.c_in() || t == 0 || !t.is_multiple_of(frames) {
            bail!(
                "TSN: expected clips [N, {}, T, H, W] of snippets of {frames} frames, got {:?}",
                self.c_in(),
                xs.dims()
            )
        }
        let snippets = t / frames;
        let xs = xs.transpose(1, 2)?.contiguous()?.reshape((n * snippets, frames, c, h, w))?;
        let xs = match self {
            Self::Rgb | Self::Flow => xs,
            Self::RgbDifference => (xs.narrow(1, 1, frames - 1)? - xs.narrow(1, 0, frames - 1)?)?,
        };
        xs.reshape((n * snippets, self.channels(), 1, h, w))
    }
}

/// How the logits of a clip's snippets become one.
#[derive(Debug, Clone, PartialEq)]
pub enum Consensus {
    /// Their mean.
    Average,
    /// The largest of each class.
    Max,
    /// Their mean by these weights, one for each snippet.
    Weighted(Vec<f64>),
    /// Their sum by weights that are learnt, one for each of so many snippets: a tensor `consensus.weight`, at first all equal
    /// and of sum 1.
    Learnt(usize),
}

/// A temporal segment network.
#[derive(Debug, Clone, PartialEq)]
pub struct TsnConfig {
    /// What a snippet is.
    pub snippet: Snippet,
    /// How the logits of snippets become one.
    pub consensus: Consensus,
    /// What training does to batch norms.
    pub norms: Norms,
    /// Chance that a feature is dropped before the classifier.
    pub dropout: f32,
    /// Every channel count is divided by this.
    pub shrink: usize,
    /// Number of classes.
    pub num_classes: usize,
}

/// The paper's network for `snippet`: the mean of snippets, partial batch norm, and a dropout of 0.8, for flow of 0.7. For clips
/// of any number of snippets, of 224 x 224.
pub fn tsn(snippet: Snippet, num_classes: usize) -> TsnConfig {
    let dropout = if snippet == Snippet::Flow { 0.7 } else { 0.8 };
    let (consensus, norms) = (Consensus::Average, Norms::Partial);
    TsnConfig { snippet, consensus, norms, dropout, shrink: 1, num_classes }
}

/// A temporal segment network, `[N, C, T, H, W]` to logits `[N, K]`.
pub struct Tsn {
    snippet: Snippet,
    consensus: Agreed,
    base: BnInception,
    dropout: Dropout,
    classifier: Linear,
}

impl Tsn {
    /// Builds the network at `vb`. Errors if weights are given whose sum is not above 0.
    pub fn new(config: &TsnConfig, vb: VarBuilder) -> Result<Self> {
        let TsnConfig { snippet, norms, shrink, num_classes, .. } = *config;
        let base = BnInceptionConfig { c_in: snippet.channels(), norms, shrink };
        let base = BnInception::new(&base, vb.pp("base_model"))?;
        let fc = vb.pp("new_fc");
        let small = Init::Randn { mean: 0., stdev: 0.001 };
        let weight = fc.get_with_hints((num_classes, base.c_out()), "weight", small)?;
        let bias = fc.get_with_hints(num_classes, "bias", init::ZERO)?;
        Ok(Self {
            snippet,
            consensus: Agreed::new(&config.consensus, vb.pp("consensus"))?,
            base,
            dropout: dropout(config.dropout, &vb.pp("dropout"))?,
            classifier: Linear::new(weight, Some(bias)),
        })
    }

    /// Features of each snippet, `[N K, 1024]`.
    fn snippets(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.base.forward_t(&self.snippet.images(xs)?, train)
    }
}

impl Network for Tsn {
    /// The mean of the snippets' features, `[N, 1024]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let features = self.snippets(xs, train)?;
        features.contiguous()?.reshape((xs.dim(0)?, (), self.base.c_out()))?.mean(1)
    }
}

impl ModuleT for Tsn {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let features = self.dropout.forward_t(&self.snippets(xs, train)?, train)?;
        let logits = self.classifier.forward(&features)?;
        let classes = logits.dim(1)?;
        let logits = logits.contiguous()?.reshape((xs.dim(0)?, (), classes))?;
        let logits = self.consensus.of(&logits)?;
        trace::stage("new_fc", &logits);
        Ok(logits)
    }
}

/// A [`Consensus`] with its weights.
enum Agreed {
    Average,
    Max,
    Weighted(Tensor),
}

impl Agreed {
    fn new(consensus: &Consensus, vb: VarBuilder) -> Result<Self> {
        Ok(match consensus {
            Consensus::Average => Self::Average,
            Consensus::Max => Self::Max,
            Consensus::Weighted(weights) => {
                let sum: f64 = weights.iter().sum();
                if !(sum > 0. && sum.is_finite()) {
                    bail!("TSN: expected weights of a sum above 0, got {weights:?}")
                }
                let weights: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
                let len = weights.len();
                Self::Weighted(Tensor::from_vec(weights, len, vb.device())?.to_dtype(vb.dtype())?)
            }
            Consensus::Learnt(snippets) => {
                let equal = Init::Const(1. / (*snippets).max(1) as f64);
                Self::Weighted(vb.get_with_hints(*snippets, "weight", equal)?)
            }
        })
    }

    /// `[N, S, K]` to `[N, K]`. Errors where there is another number of snippets than of weights.
    fn of(&self, logits: &Tensor) -> Result<Tensor> {
        match self {
            Self::Average => logits.mean(1),
            Self::Max => logits.max(1),
            Self::Weighted(weights) => {
                let (snippets, wanted) = (logits.dim(1)?, weights.elem_count());
                if snippets != wanted {
                    bail!("TSN: expected {wanted} snippets, one for each weight, got {snippets}")
                }
                logits.broadcast_mul(&weights.reshape((1, wanted, 1))?)?.sum(1)
            }
        }
    }
}
