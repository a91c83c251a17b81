//! A network with all that a resumed run could get wrong: convolution, batch norm, dropout.

use std::convert::Infallible;
use std::ops::ControlFlow;

use candle::{DType, Device, Module, ModuleT, Result, Tensor};
use candle_nn::VarMap;
use marey_layers::rng::stream;
use marey_layers::{
    BatchNorm, Conv3d, Dropout, Linear, Network, batch_norm, conv3d_no_bias, dropout,
    global_avg_pool, linear, relu, seeded,
};
use marey_train::{FitConfig, Outcome, Parameters, Schedule, SgdConfig, TrainState, Warmup, fit};
use rand::Rng;

pub(crate) const CLASSES: usize = 3;
pub(crate) const FINGERPRINT: &str = "tiny, seed 7";

pub(crate) struct Tiny {
    conv: Conv3d,
    norm: BatchNorm,
    dropout: Dropout,
    fc: Linear,
}

impl Tiny {
    /// `[N, 1, T, H, W]` to `[N, 3]`, with `width` channels between.
    pub(crate) fn new(width: usize) -> (Self, VarMap) {
        Self::with_dropout(width, 0.5)
    }

    pub(crate) fn with_dropout(width: usize, p: f32) -> (Self, VarMap) {
        let vars = VarMap::new();
        let vb = seeded(&vars, 7, DType::F32, &Device::Cpu);
        let conv = vb.pp("conv");
        let network = Self {
            conv: conv3d_no_bias(1, width, [2, 3, 3], Default::default(), conv).unwrap(),
            norm: batch_norm(width, Default::default(), vb.pp("bn")).unwrap(),
            dropout: dropout(p, &vb.pp("drop")).unwrap(),
            fc: linear(width, CLASSES, vb.pp("fc")).unwrap(),
        };
        (network, vars)
    }

    pub(crate) fn conv(&self) -> &Conv3d {
        &self.conv
    }
}

impl ModuleT for Tiny {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.fc.forward(&self.dropout.forward_t(&self.features_t(xs, train)?, train)?)
    }
}

impl Network for Tiny {
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        global_avg_pool(&relu(&self.norm.forward_t(&self.conv.forward(xs)?, train)?)?)
    }
}

/// Batch number `step` of a run: clips `[4, 1, 2, 6, 6]` that are brighter at one side, by class.
pub(crate) fn batch(step: u64) -> (Tensor, Tensor) {
    let mut rng = stream(7, "batch", step);
    let labels: Vec<u32> = (0..4).map(|_| rng.random_range(0..CLASSES as u32)).collect();
    let mut clips = Vec::new();
    for label in &labels {
        for place in 0..2 * 6 * 6 {
            let bright = place % 6 / 2 == *label as usize && place / 6 % 2 == 0;
            clips.push(rng.random::<f32>() + if bright { 2. } else { 0. });
        }
    }
    let clips = Tensor::from_vec(clips, (4, 1, 2, 6, 6), &Device::Cpu).unwrap();
    (clips, Tensor::new(labels, &Device::Cpu).unwrap())
}

/// All batches of a run from number `step` on.
pub(crate) fn batches(
    step: u64,
) -> impl Iterator<Item = std::result::Result<(Tensor, Tensor), Infallible>> {
    (step..).map(|step| Ok(batch(step)))
}

pub(crate) fn config(steps: u64) -> FitConfig {
    FitConfig {
        optimizer: SgdConfig {
            rate: 0.1,
            momentum: 0.9,
            nesterov: true,
            weight_decay: 1e-2,
            parameters: Parameters::no_decay_on_vectors(),
        }
        .into(),
        schedule: Schedule::cosine(steps).with_warmup(Warmup { steps: 3, start: 0.1 }),
        steps,
        seed: 7,
        clip_grad_norm: Some(1.),
        ..FitConfig::default()
    }
}

/// Goes on with a run until it ends.
pub(crate) fn run(
    network: &dyn Network,
    vars: &VarMap,
    config: &FitConfig,
    state: &mut TrainState,
) -> marey_train::Result<Outcome> {
    let step = state.step();
    fit(network, vars, batches(step), config, state, &mut |_| ControlFlow::Continue(()))
}
