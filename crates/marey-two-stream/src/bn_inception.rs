//! BN-Inception: Inception-v1 with batch norms and two 3 x 3 convolutions in place of each 5 x 5.
//!
//! Reference: Ioffe and Szegedy, "Batch Normalization", ICML 2015, figure 5, by the definition released with temporal segment
//! networks for Caffe. Weights are named as in its port to PyTorch, `bninception`.
//!
//! ```text
//!  images    conv1_7x7_s2  conv2_3x3_reduce  inception_3a 256   inception_4a 576   inception_5a 1024
//!  Cx224²    64 /2         conv2_3x3 192     3b 320             4b 576  4c 608     5b 1024
//!            pool /2 56²   pool /2 28²       3c 576 /2          4d 608  4e 1056 /2 mean over 7²
//! ```
//!
//! Every convolution has a bias, and a batch norm called as it with `_bn` behind.

use std::sync::Arc;

use candle::{Module, ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;
use marey_layers::{
    AvgPool3d, BatchNormConfig, Conv3dConfig, MaxPool3d, Padding, Pool3dConfig, Unit, Units,
    batch_norm, concat, conv3d, forward_concat_t, global_avg_pool, recomputed, trace,
};

/// What training does to batch norms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norms {
    /// All are trained by the batch's statistics.
    Trained,
    /// All but the first use their running statistics and keep them; their scale and shift learn. "Partial BN" in the words of
    /// the paper.
    Partial,
    /// As that, and scale and shift stay too: partial batch norm as the authors' code has it.
    Frozen,
}

/// BN-Inception up to the mean before its classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BnInceptionConfig {
    /// Channels of an image.
    pub c_in: usize,
    /// What training does to batch norms.
    pub norms: Norms,
    /// Every channel count is divided by this.
    pub shrink: usize,
}

/// A block. Without `one` and `proj` it halves the sides.
struct Block {
    name: &'static str,
    /// Channels of the 1 x 1 convolution.
    one: Option<usize>,
    /// Of the 3 x 3 one, and of the 1 x 1 before it.
    three: [usize; 2],
    /// Of the two 3 x 3 ones, which have the same, and of the 1 x 1 before them.
    double: [usize; 2],
    /// Of the 1 x 1 after the pooling, which is a mean but in the last block.
    proj: Option<usize>,
}

const fn block(
    name: &'static str,
    one: usize,
    three: [usize; 2],
    double: [usize; 2],
    proj: usize,
) -> Block {
    Block { name, one: Some(one), three, double, proj: Some(proj) }
}

const BLOCKS: [Block; 10] = [
    block("inception_3a", 64, [64, 64], [64, 96], 32),
    block("inception_3b", 64, [64, 96], [64, 96], 64),
    Block { name: "inception_3c", one: None, three: [128, 160], double: [64, 96], proj: None },
    block("inception_4a", 224, [64, 96], [96, 128], 128),
    block("inception_4b", 192, [96, 128], [96, 128], 128),
    block("inception_4c", 160, [128, 160], [128, 160], 128),
    block("inception_4d", 96, [128, 192], [160, 192], 128),
    Block { name: "inception_4e", one: None, three: [128, 192], double: [192, 256], proj: None },
    block("inception_5a", 352, [192, 320], [160, 224], 128),
    block("inception_5b", 352, [192, 320], [192, 224], 128),
];

/// The pooling that halves the sides; its last window reaches beyond the end, as in Caffe.
const HALF: Pool3dConfig = Pool3dConfig {
    kernel: [1, 3, 3],
    stride: [1, 2, 2],
    padding: Padding::Both([0; 3]),
    ceil: true,
    count_padding: true,
};

/// The pooling before a 1 x 1 convolution.
const SAME: Pool3dConfig =
    Pool3dConfig { stride: [1; 3], padding: Padding::Both([0, 1, 1]), ..HALF };

/// BN-Inception, `[N, c_in, 1, H, W]` to features `[N, 1024]`.
///
/// Sides are best multiples of 32: the two blocks that halve their maps refuse those of odd sides, of which their convolutions
/// make other numbers of cells than their pooling.
pub struct BnInception {
    stem: [(&'static str, Unit, bool); 3],
    blocks: Vec<(&'static str, Arc<Mixed>)>,
    c_out: usize,
}

/// The branches of a block: one, three, double, and what follows the pooling.
struct Mixed {
    one: Option<Units>,
    three: Units,
    double: Units,
    proj: Option<Units>,
    /// Whether the pooling before the projection takes the largest, not the mean.
    largest: bool,
    c_out: usize,
}

/// Builds the convolutions of one network.
struct Builder<'a> {
    vb: VarBuilder<'a>,
    norms: Norms,
    shrink: usize,
}

impl Builder<'_> {
    fn thin(&self, channels: usize) -> usize {
        channels.div_ceil(self.shrink.max(1))
    }

    /// A square convolution of half a kernel's padding with its norm and ReLU.
    fn unit(
        &self,
        name: &str,
        [c_in, c_out]: [usize; 2],
        side: usize,
        step: usize,
    ) -> Result<Unit> {
        let (padding, stride) = ([0, side / 2, side / 2].into(), [1, step, step]);
        let config = Conv3dConfig { padding, stride, groups: 1 };
        let conv = conv3d(c_in, c_out, [1, side, side], config, self.vb.pp(name))?;
        let norm = batch_norm(c_out, BatchNormConfig::default(), self.vb.pp(format!("{name}_bn")))?;
        let norm = match self.norms {
            _ if name == FIRST => norm,
            Norms::Trained => norm,
            Norms::Partial => norm.fixed(),
            Norms::Frozen => norm.fixed().frozen(),
        };
        Ok(Unit::from(conv).norm(norm).relu())
    }

    fn mixed(&self, block: &Block, c_in: usize) -> Result<Mixed> {
        let Block { name, one, three, double, proj } = block;
        let unit = |part: &str, channels, side, step| {
            self.unit(&format!("{name}_{part}"), channels, side, step)
        };
        // Where the sides are halved the last convolutions do it, and what the pooling keeps is handed on as it is.
        let step = if proj.is_some() { 1 } else { 2 };
        let [one, proj] = [one, proj].map(|c| c.map(|c| self.thin(c)));
        let ([a, b], [d, e]) = (three.map(|c| self.thin(c)), double.map(|c| self.thin(c)));
        Ok(Mixed {
            one: one.map(|c| unit("1x1", [c_in, c], 1, 1)).transpose()?.map(Units::from),
            three: Units::from(unit("3x3_reduce", [c_in, a], 1, 1)?).then(unit(
                "3x3",
                [a, b],
                3,
                step,
            )?),
            double: Units::from(unit("double_3x3_reduce", [c_in, d], 1, 1)?)
                .then(unit("double_3x3_1", [d, e], 3, 1)?)
                .then(unit("double_3x3_2", [e, e], 3, step)?),
            proj: proj.map(|c| unit("pool_proj", [c_in, c], 1, 1)).transpose()?.map(Units::from),
            largest: *name == "inception_5b",
            c_out: one.unwrap_or(0) + b + e + proj.unwrap_or(c_in),
        })
    }
}

/// The convolution whose norm is always trained.
const FIRST: &str = "conv1_7x7_s2";

impl BnInception {
    /// Builds the network at `vb`.
    pub fn new(config: &BnInceptionConfig, vb: VarBuilder) -> Result<Self> {
        let build = Builder { vb, norms: config.norms, shrink: config.shrink };
        let (narrow, mut channels) = (build.thin(64), build.thin(192));
        let stem = [
            (FIRST, build.unit(FIRST, [config.c_in, narrow], 7, 2)?, true),
            ("conv2_3x3_reduce", build.unit("conv2_3x3_reduce", [narrow; 2], 1, 1)?, false),
            ("conv2_3x3", build.unit("conv2_3x3", [narrow, channels], 3, 1)?, true),
        ];
        let mut blocks = Vec::with_capacity(BLOCKS.len());
        for block in &BLOCKS {
            let mixed = build.mixed(block, channels)?;
            channels = mixed.c_out;
            blocks.push((block.name, Arc::new(mixed)));
        }
        Ok(Self { stem, blocks, c_out: channels })
    }

    /// Features.
    pub fn c_out(&self) -> usize {
        self.c_out
    }
}

impl ModuleT for BnInception {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = xs.clone();
        for (name, unit, pooled) in &self.stem {
            xs = unit.forward_t(&xs, train)?;
            trace::stage(name, &xs);
            if *pooled {
                xs = MaxPool3d(HALF).forward(&xs)?;
            }
        }
        for (name, mixed) in &self.blocks {
            xs = recomputed(mixed, &xs, train)?;
            trace::stage(name, &xs);
        }
        global_avg_pool(&xs)
    }
}

impl ModuleT for Mixed {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let (Some(one), Some(proj)) = (&self.one, &self.proj) else {
            let halved = forward_concat_t(&[(&self.three, xs), (&self.double, xs)], train)?;
            let pooled = MaxPool3d(HALF).forward(xs)?;
            if halved.dims()[3..] != pooled.dims()[3..] {
                let sides = &xs.dims()[3..];
                bail!(
                    "BN-Inception: maps of {sides:?} are not halved alike by all branches; images of multiples of 32 are"
                )
            }
            return concat(&[halved, pooled]);
        };
        let pooled = if self.largest {
            MaxPool3d(SAME).forward(xs)?
        } else {
            AvgPool3d(SAME).forward(xs)?
        };
        let branches = [(one, xs), (&self.three, xs), (&self.double, xs), (proj, &pooled)];
        forward_concat_t(&branches, train)
    }
}
