//! Inception-v1 over clips, with its convolutions left open.
//!
//! Reference: Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, figure 3. Weights are named as in
//! pytorch-i3d, by the endpoints `Conv3d_1a_7x7` to `logits`; the branches of `Mixed` are `b0`, `b1a`, `b1b`, `b2a`,
//! `b2b`, `b3b`.

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::{
    AvgPool3d, Conv3d, Dropout, MaxPool3d, Network, Padding, Pool3dConfig, SequentialT, concat,
    conv3d, dropout, trace,
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
pub type UnitFn = fn(UnitSpec, VarBuilder) -> Result<SequentialT>;

/// An Inception-v1 over clips.
#[derive(Debug, Clone, Copy)]
pub struct InceptionConfig {
    /// Channels of a frame: 3 for RGB, 2 for flow.
    pub c_in: usize,
    /// The convolution.
    pub unit: UnitFn,
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
fn pool_before(stage: &str) -> Option<(&'static str, MaxPool3d)> {
    let (name, kernel, stride) = match stage {
        "Conv3d_2b_1x1" => ("MaxPool3d_2a_3x3", [1, 3, 3], [1, 2, 2]),
        "Mixed_3b" => ("MaxPool3d_3a_3x3", [1, 3, 3], [1, 2, 2]),
        "Mixed_4b" => ("MaxPool3d_4a_3x3", [3; 3], [2; 3]),
        "Mixed_5b" => ("MaxPool3d_5a_2x2", [2; 3], [2; 3]),
        _ => return None,
    };
    Some((name, same_pool(kernel, stride)))
}

fn same_pool(kernel: [usize; 3], stride: [usize; 3]) -> MaxPool3d {
    MaxPool3d(Pool3dConfig { padding: Padding::Same, ..Pool3dConfig::new(kernel, stride) })
}

type NamedStage = (&'static str, Box<dyn ModuleT + Send + Sync>);

/// Inception-v1 over clips, `[N, C, T, 224, 224]` to logits `[N, K]`.
pub struct Inception3d {
    stages: Vec<NamedStage>,
    dropout: Dropout,
    logits: Conv3d,
}

impl Inception3d {
    /// Builds the network at `vb`.
    pub fn new(config: &InceptionConfig, vb: VarBuilder) -> Result<Self> {
        let InceptionConfig { c_in, unit, shrink, dropout: p, num_classes } = *config;
        let thin = |channels: usize| channels.div_ceil(shrink.max(1));
        let mut stages: Vec<NamedStage> = Vec::new();
        let mut channels = c_in;
        for (name, c_out, kernel, stride) in STEM {
            let spec = UnitSpec { c_in: channels, c_out: thin(c_out), kernel, stride };
            stages.push((name, Box::new(unit(spec, vb.pp(name))?)));
            channels = spec.c_out;
        }
        for (name, branches) in MIXED {
            let mixed = Mixed::new(unit, channels, branches.map(thin), vb.pp(name))?;
            channels = mixed.c_out;
            stages.push((name, Box::new(mixed)));
        }
        let dropout = dropout(p, &vb.pp("dropout"))?;
        let logits = conv3d(
            channels,
            num_classes,
            [1; 3],
            Default::default(),
            vb.pp("logits").pp("conv3d"),
        )?;
        Ok(Self { stages, dropout, logits })
    }

    /// The average over 2 frames and 7 x 7 cells, `[N, 1024, T', 1, 1]` for frames of 224 x 224; over all there is of
    /// smaller ones.
    fn pooled(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = xs.clone();
        for (name, stage) in &self.stages {
            if let Some((pool_name, pool)) = pool_before(name) {
                xs = pool.forward(&xs)?;
                trace::stage(pool_name, &xs);
            }
            xs = stage.forward_t(&xs, train)?;
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
    branches: [SequentialT; 3],
    pool: MaxPool3d,
    after_pool: SequentialT,
    c_out: usize,
}

impl Mixed {
    fn new(unit: UnitFn, c_in: usize, branches: [usize; 6], vb: VarBuilder) -> Result<Self> {
        let [b0, b1a, b1b, b2a, b2b, b3b] = branches;
        let unit = |c_in, c_out, kernel, name: &str| {
            unit(UnitSpec { c_in, c_out, kernel, stride: 1 }, vb.pp(name))
        };
        Ok(Self {
            branches: [
                unit(c_in, b0, 1, "b0")?,
                unit(c_in, b1a, 1, "b1a")?.add(unit(b1a, b1b, 3, "b1b")?),
                unit(c_in, b2a, 1, "b2a")?.add(unit(b2a, b2b, 3, "b2b")?),
            ],
            pool: same_pool([3; 3], [1; 3]),
            after_pool: unit(c_in, b3b, 1, "b3b")?,
            c_out: b0 + b1b + b2b + b3b,
        })
    }
}

impl ModuleT for Mixed {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let [b0, b1, b2] = &self.branches;
        let pooled = self.after_pool.forward_t(&self.pool.forward(xs)?, train)?;
        let (b0, b1, b2) =
            (b0.forward_t(xs, train)?, b1.forward_t(xs, train)?, b2.forward_t(xs, train)?);
        concat(&[b0, b1, b2, pooled])
    }
}
