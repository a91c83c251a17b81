//! Inception-v1 over clips, with its convolutions, poolings and names left open.
//!
//! Reference: Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, figure 3. Its parts are called by the
//! endpoints `Conv3d_1a_7x7` to `logits`; the branches of `Mixed` are `b0`, `b1a`, `b1b`, `b2a`, `b2b`, `b3b`.

use std::slice;
use std::sync::Arc;

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use candle_nn::ops::sigmoid;
use marey_layers::{
    AvgPool3d, Conv3d, Dropout, Linear, MaxPool3d, Network, Pool3dConfig, Units, classifier_conv,
    dropout, forward_concat_t, global_avg_pool, recomputed, scale_channels, trace,
};

/// What a [`UnitFn`] is asked to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitSpec {
    /// Channels in.
    pub c_in: usize,
    /// Channels out.
    pub c_out: usize,
    /// Side of the cubic kernel.
    pub kernel: usize,
    /// Stride along each axis.
    pub stride: usize,
}

/// Builds a convolution with what follows it (a batch norm and a ReLU, say).
pub type UnitFn = fn(UnitSpec, VarBuilder) -> Result<Units>;

/// Builds what a gate makes of the means of `c` channels: as many numbers, of which the sigmoids are its factors.
pub type GateFn = fn(usize, VarBuilder) -> Result<Linear>;

/// Parts of the network that have convolutions: three before the blocks, and the nine blocks.
pub const PARTS: usize = STEM.len() + MIXED.len();

/// An Inception-v1 over clips.
#[derive(Debug, Clone, Copy)]
pub struct InceptionConfig {
    /// Channels of a frame: 3 for RGB, 2 for flow.
    pub c_in: usize,
    /// The convolution of each part, from the first on.
    pub units: [UnitFn; PARTS],
    /// The gates (of S3D-G) after the third part and after each branch of the blocks, if there are any: channels are multiplied
    /// by factors that depend on their means over time and space.
    pub gate: Option<GateFn>,
    /// The pooling of a kernel and a stride.
    pub pool: fn([usize; 3], [usize; 3]) -> Pool3dConfig,
    /// The name that weights have of an endpoint, or of a branch within its block; of the gates `gate`, and in blocks
    /// `gate_b0` to `gate_b3`.
    pub names: fn(&'static str) -> &'static str,
    /// Every channel count of the paper is divided by this: 1, but for tests.
    pub shrink: usize,
    /// Chance that a feature is dropped before the classifier.
    pub dropout: f32,
    /// Number of classes.
    pub num_classes: usize,
}

/// The units before the first block: channels out, kernel, stride.
const STEM: [(&str, usize, usize, usize); 3] =
    [("Conv3d_1a_7x7", 64, 7, 2), ("Conv3d_2b_1x1", 64, 1, 1), ("Conv3d_2c_3x3", 192, 3, 1)];

/// The blocks: channels of the branches `b0`, `b1a`, `b1b`, `b2a`, `b2b`, `b3b`.
const MIXED: [(&str, [usize; 6]); 9] = [
    ("Mixed_3b", [64, 96, 128, 16, 32, 32]),
    ("Mixed_3c", [128, 128, 192, 32, 96, 64]),
    ("Mixed_4b", [192, 96, 208, 16, 48, 64]),
    ("Mixed_4c", [160, 112, 224, 24, 64, 64]),
    ("Mixed_4d", [128, 128, 256, 24, 64, 64]),
    ("Mixed_4e", [112, 144, 288, 32, 64, 64]),
    ("Mixed_4f", [256, 160, 320, 32, 128, 128]),
    ("Mixed_5b", [256, 160, 320, 32, 128, 128]),
    ("Mixed_5c", [384, 192, 384, 48, 128, 128]),
];

/// The pooling before a stage: its name, kernel and stride.
fn pool_before(stage: &str) -> Option<(&'static str, [usize; 3], [usize; 3])> {
    Some(match stage {
        "Conv3d_2b_1x1" => ("MaxPool3d_2a_3x3", [1, 3, 3], [1, 2, 2]),
        "Mixed_3b" => ("MaxPool3d_3a_3x3", [1, 3, 3], [1, 2, 2]),
        "Mixed_4b" => ("MaxPool3d_4a_3x3", [3; 3], [2; 3]),
        "Mixed_5b" => ("MaxPool3d_5a_2x2", [2; 3], [2; 3]),
        _ => return None,
    })
}

/// A part of the network, with the pooling before it.
struct Stage {
    pool: Option<(&'static str, MaxPool3d)>,
    name: &'static str,
    layers: Layers,
}

enum Layers {
    Units(Units, Option<Linear>),
    Mixed(Mixed),
}

/// All of an Inception-v1 before its last pooling: `[N, C, T, 224, 224]` to `[N, 1024, T / 8, 7, 7]`.
pub struct InceptionTrunk {
    stages: Vec<Arc<Stage>>,
    c_out: usize,
}

impl InceptionTrunk {
    /// Builds it at `vb`.
    pub fn new(config: &InceptionConfig, vb: VarBuilder) -> Result<Self> {
        let InceptionConfig { c_in, units, gate, pool, names, shrink, .. } = *config;
        let thin = |channels: usize| channels.div_ceil(shrink.max(1));
        let stage = |name, layers| {
            let before = pool_before(name)
                .map(|(name, kernel, stride)| (name, MaxPool3d(pool(kernel, stride))));
            Arc::new(Stage { pool: before, name, layers })
        };
        let mut stages = Vec::new();
        let mut channels = c_in;
        let (first, blocks) = units.split_at(STEM.len());
        for ((name, c_out, kernel, stride), unit) in STEM.into_iter().zip(first) {
            let spec = UnitSpec { c_in: channels, c_out: thin(c_out), kernel, stride };
            channels = spec.c_out;
            let unit = unit(spec, vb.pp(names(name)))?;
            let gate = gate.filter(|_| stages.len() + 1 == STEM.len());
            let gate = gate.map(|gate| gate(channels, vb.pp(names("gate")))).transpose()?;
            stages.push(stage(name, Layers::Units(unit, gate)));
        }
        for ((name, branches), unit) in MIXED.into_iter().zip(blocks) {
            let vb = vb.pp(names(name));
            let mixed = Mixed::new(config, *unit, channels, branches.map(thin), vb)?;
            channels = mixed.c_out;
            stages.push(stage(name, Layers::Mixed(mixed)));
        }
        Ok(Self { stages, c_out: channels })
    }

    /// Channels of the maps.
    pub fn c_out(&self) -> usize {
        self.c_out
    }
}

impl ModuleT for InceptionTrunk {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.stages.iter().try_fold(xs.clone(), |xs, stage| recomputed(stage, &xs, train))
    }
}

impl ModuleT for Stage {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = xs.clone();
        if let Some((name, pool)) = &self.pool {
            xs = pool.forward(&xs)?;
            trace::stage(name, &xs);
        }
        xs = match &self.layers {
            Layers::Units(units, None) => units.forward_t(&xs, train)?,
            Layers::Units(units, Some(gate)) => {
                let xs = units.forward_t(&xs, train)?;
                gated(&xs, slice::from_ref(gate))?
            }
            Layers::Mixed(mixed) => mixed.forward_t(&xs, train)?,
        };
        trace::stage(self.name, &xs);
        Ok(xs)
    }
}

/// Inception-v1 over clips, `[N, C, T, 224, 224]` to logits `[N, K]`.
pub struct Inception3d {
    trunk: InceptionTrunk,
    dropout: Dropout,
    logits: Conv3d,
}

impl Inception3d {
    /// Builds the network at `vb`.
    pub fn new(config: &InceptionConfig, vb: VarBuilder) -> Result<Self> {
        let trunk = InceptionTrunk::new(config, vb.clone())?;
        let dropout = dropout(config.dropout, &vb.pp("dropout"))?;
        let at = vb.pp((config.names)("logits"));
        let logits = classifier_conv(trunk.c_out, config.num_classes, at)?;
        Ok(Self { trunk, dropout, logits })
    }

    /// The average over 2 frames and 7 x 7 cells, `[N, 1024, T', 1, 1]` for frames of 224 x 224; over all there is of
    /// smaller ones.
    fn pooled(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.trunk.forward_t(xs, train)?;
        let (_, _, t, h, w) = xs.dims5()?;
        let xs =
            AvgPool3d(Pool3dConfig::new([t.min(2), h.min(7), w.min(7)], [1; 3])).forward(&xs)?;
        trace::stage("AvgPool3d", &xs);
        Ok(xs)
    }
}

impl Network for Inception3d {
    /// The pooled features, averaged over what time and space is left, `[N, 1024]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        global_avg_pool(&self.pooled(xs, train)?)
    }
}

impl ModuleT for Inception3d {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.dropout.forward_t(&self.pooled(xs, train)?, train)?;
        let xs = global_avg_pool(&self.logits.forward(&xs)?)?;
        trace::stage("logits", &xs);
        Ok(xs)
    }
}

/// Four branches side by side.
struct Mixed {
    branches: [Units; 3],
    pool: MaxPool3d,
    after_pool: Units,
    /// One for each branch, or none.
    gates: Vec<Linear>,
    c_out: usize,
}

impl Mixed {
    fn new(
        config: &InceptionConfig,
        unit: UnitFn,
        c_in: usize,
        branches: [usize; 6],
        vb: VarBuilder,
    ) -> Result<Self> {
        let [b0, b1a, b1b, b2a, b2b, b3b] = branches;
        let unit = |c_in, c_out, kernel, name| {
            let spec = UnitSpec { c_in, c_out, kernel, stride: 1 };
            unit(spec, vb.pp((config.names)(name)))
        };
        let mut gates = Vec::new();
        if let Some(gate) = config.gate {
            for (name, c) in [("gate_b0", b0), ("gate_b1", b1b), ("gate_b2", b2b), ("gate_b3", b3b)]
            {
                gates.push(gate(c, vb.pp((config.names)(name)))?);
            }
        }
        Ok(Self {
            branches: [
                unit(c_in, b0, 1, "b0")?,
                unit(c_in, b1a, 1, "b1a")?.chain(unit(b1a, b1b, 3, "b1b")?),
                unit(c_in, b2a, 1, "b2a")?.chain(unit(b2a, b2b, 3, "b2b")?),
            ],
            pool: MaxPool3d((config.pool)([3; 3], [1; 3])),
            after_pool: unit(c_in, b3b, 1, "b3b")?,
            gates,
            c_out: b0 + b1b + b2b + b3b,
        })
    }
}

impl ModuleT for Mixed {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let [b0, b1, b2] = &self.branches;
        let pooled = self.pool.forward(xs)?;
        let branches = [(b0, xs), (b1, xs), (b2, xs), (&self.after_pool, &pooled)];
        gated(&forward_concat_t(&branches, train)?, &self.gates)
    }
}

/// `xs` `[N, C, ..]` through gates, each for as many channels as it sees: all of them together, or no gate at all.
fn gated(xs: &Tensor, gates: &[Linear]) -> Result<Tensor> {
    if gates.is_empty() {
        return Ok(xs.clone());
    }
    let means = global_avg_pool(xs)?;
    let mut first = 0;
    let mut factors = Vec::with_capacity(gates.len());
    for gate in gates {
        let c = gate.d_in()?;
        factors.push(sigmoid(&gate.forward(&means.narrow(1, first, c)?.contiguous()?)?)?);
        first += c;
    }
    scale_channels(xs, &Tensor::cat(&factors, 1)?)
}
