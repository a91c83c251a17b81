//! Inception-v1 over clips, with its convolutions, poolings and names left open.
//!
//! Reference: Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, figure 3. Its parts are called by the
//! endpoints `Conv3d_1a_7x7` to `logits`; the branches of `Mixed` are `b0`, `b1a`, `b1b`, `b2a`, `b2b`, `b3b`.

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::{
    AvgPool3d, Conv3d, Dropout, MaxPool3d, Network, Pool3dConfig, Units, classifier_conv, dropout,
    forward_concat_t, trace,
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

/// An Inception-v1 over clips.
#[derive(Debug, Clone, Copy)]
pub struct InceptionConfig {
    /// Channels of a frame: 3 for RGB, 2 for flow.
    pub c_in: usize,
    /// The convolution.
    pub unit: UnitFn,
    /// The pooling of a kernel and a stride.
    pub pool: fn([usize; 3], [usize; 3]) -> Pool3dConfig,
    /// The name that weights have of an endpoint, or of a branch within its block.
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
    Units(Units),
    Mixed(Mixed),
}

/// Inception-v1 over clips, `[N, C, T, 224, 224]` to logits `[N, K]`.
pub struct Inception3d {
    stages: Vec<Stage>,
    dropout: Dropout,
    logits: Conv3d,
}

impl Inception3d {
    /// Builds the network at `vb`.
    pub fn new(config: &InceptionConfig, vb: VarBuilder) -> Result<Self> {
        let InceptionConfig { c_in, unit, pool, names, shrink, dropout: p, num_classes } = *config;
        let thin = |channels: usize| channels.div_ceil(shrink.max(1));
        let stage = |name, layers| {
            let before = pool_before(name)
                .map(|(name, kernel, stride)| (name, MaxPool3d(pool(kernel, stride))));
            Stage { pool: before, name, layers }
        };
        let mut stages = Vec::new();
        let mut channels = c_in;
        for (name, c_out, kernel, stride) in STEM {
            let spec = UnitSpec { c_in: channels, c_out: thin(c_out), kernel, stride };
            stages.push(stage(name, Layers::Units(unit(spec, vb.pp(names(name)))?)));
            channels = spec.c_out;
        }
        for (name, branches) in MIXED {
            let mixed = Mixed::new(config, channels, branches.map(thin), vb.pp(names(name)))?;
            channels = mixed.c_out;
            stages.push(stage(name, Layers::Mixed(mixed)));
        }
        let dropout = dropout(p, &vb.pp("dropout"))?;
        let logits = classifier_conv(channels, num_classes, vb.pp(names("logits")))?;
        Ok(Self { stages, dropout, logits })
    }

    /// The average over 2 frames and 7 x 7 cells, `[N, 1024, T', 1, 1]` for frames of 224 x 224; over all there is of
    /// smaller ones.
    fn pooled(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = xs.clone();
        for Stage { pool, name, layers } in &self.stages {
            if let Some((name, pool)) = pool {
                xs = pool.forward(&xs)?;
                trace::stage(name, &xs);
            }
            xs = match layers {
                Layers::Units(units) => units.forward_t(&xs, train)?,
                Layers::Mixed(mixed) => mixed.forward_t(&xs, train)?,
            };
            trace::stage(name, &xs);
        }
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
        marey_layers::global_avg_pool(&self.pooled(xs, train)?)
    }
}

impl ModuleT for Inception3d {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.dropout.forward_t(&self.pooled(xs, train)?, train)?;
        let xs = marey_layers::global_avg_pool(&self.logits.forward(&xs)?)?;
        trace::stage("logits", &xs);
        Ok(xs)
    }
}

/// Four branches side by side.
struct Mixed {
    branches: [Units; 3],
    pool: MaxPool3d,
    after_pool: Units,
    c_out: usize,
}

impl Mixed {
    fn new(
        config: &InceptionConfig,
        c_in: usize,
        branches: [usize; 6],
        vb: VarBuilder,
    ) -> Result<Self> {
        let [b0, b1a, b1b, b2a, b2b, b3b] = branches;
        let unit = |c_in, c_out, kernel, name| {
            let spec = UnitSpec { c_in, c_out, kernel, stride: 1 };
            (config.unit)(spec, vb.pp((config.names)(name)))
        };
        Ok(Self {
            branches: [
                unit(c_in, b0, 1, "b0")?,
                unit(c_in, b1a, 1, "b1a")?.chain(unit(b1a, b1b, 3, "b1b")?),
                unit(c_in, b2a, 1, "b2a")?.chain(unit(b2a, b2b, 3, "b2b")?),
            ],
            pool: MaxPool3d((config.pool)([3; 3], [1; 3])),
            after_pool: unit(c_in, b3b, 1, "b3b")?,
            c_out: b0 + b1b + b2b + b3b,
        })
    }
}

impl ModuleT for Mixed {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let [b0, b1, b2] = &self.branches;
        let pooled = self.pool.forward(xs)?;
        forward_concat_t(&[(b0, xs), (b1, xs), (b2, xs), (&self.after_pool, &pooled)], train)
    }
}
