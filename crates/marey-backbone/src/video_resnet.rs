//! The residual network over clips that R3D, MC, R(2+1)D and CSN share.
//!
//! Reference: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action
//! Recognition", CVPR 2018, table 1. Weights are named as in torchvision's `VideoResNet`.

use std::sync::Arc;

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::{
    BatchNormConfig, Conv3dConfig, Linear, MaxPool3d, Network, Pool3dConfig, Units, batch_norm,
    classifier, conv3d_no_bias, global_avg_pool, recomputed, trace,
};

/// The authors' settings of every batch norm in Caffe2, whose momentum of 0.9 is 0.1 here.
pub const CAFFE2: BatchNormConfig = BatchNormConfig { eps: 1e-3, momentum: 0.1 };

/// What a [`ConvFn`] is asked to build.
#[derive(Debug, Clone, Copy)]
pub struct ConvSpec {
    /// Channels in.
    pub c_in: usize,
    /// Channels out.
    pub c_out: usize,
    /// [`middle`] of the first convolution of the block.
    pub c_mid: usize,
    /// Stride in the order `[t, h, w]`.
    pub stride: [usize; 3],
    /// Groups of channels, for kernels that see some of them each.
    pub groups: usize,
    /// For the batch norms inside the unit.
    pub bn: BatchNormConfig,
}

/// Builds the 3 x 3 x 3 convolution of a block, or what stands in its place, up to the last convolution: the block adds
/// the batch norm and the ReLU after that.
pub type ConvFn = fn(ConvSpec, VarBuilder) -> Result<Units>;

/// Channels between the halves of a 3 x 3 x 3 convolution that is taken apart into space and time, so that both together
/// have its weights (section 3.5).
pub fn middle(c_in: usize, c_out: usize) -> usize {
    (27 * c_in * c_out) / (9 * c_in + 3 * c_out)
}

/// What a [`StemFn`] is asked to build.
#[derive(Debug, Clone, Copy)]
pub struct StemSpec {
    /// Channels of a frame.
    pub c_in: usize,
    /// Channels out: 64 in the papers.
    pub c_out: usize,
    /// Frames of a clip, for stems that see all of them at once.
    pub frames: usize,
    /// For the batch norms of the stem.
    pub bn: BatchNormConfig,
}

/// Builds the first layers: `[N, c_in, T, H, W]` to `[N, c_out, T', H', W']`.
pub type StemFn = fn(StemSpec, VarBuilder) -> Result<Units>;

/// The two residual blocks of He et al. 2016.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// Two 3 x 3 x 3 convolutions.
    Basic,
    /// 1 x 1 x 1, 3 x 3 x 3, 1 x 1 x 1.
    Bottleneck {
        /// Channels out are so many times the planes: 4 in the papers, but for the 26 layers of CSN.
        expansion: usize,
    },
}

impl Block {
    /// Channels out of a block over its `planes`.
    pub fn expansion(self) -> usize {
        match self {
            Self::Basic => 1,
            Self::Bottleneck { expansion } => expansion,
        }
    }
}

/// Layers of the network: in its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 18, of basic blocks.
    D18,
    /// 26, of bottlenecks that have as many channels out as planes.
    D26,
    /// 34, of basic blocks.
    D34,
    /// 50, of bottlenecks.
    D50,
    /// 101, of bottlenecks.
    D101,
    /// 152, of bottlenecks.
    D152,
}

impl Depth {
    /// Blocks of each stage.
    pub fn blocks(self) -> [usize; 4] {
        match self {
            Self::D18 | Self::D26 => [2, 2, 2, 2],
            Self::D34 | Self::D50 => [3, 4, 6, 3],
            Self::D101 => [3, 4, 23, 3],
            Self::D152 => [3, 8, 36, 3],
        }
    }

    /// Their kind.
    pub fn block(self) -> Block {
        match self {
            Self::D18 | Self::D34 => Block::Basic,
            Self::D26 => Block::Bottleneck { expansion: 1 },
            Self::D50 | Self::D101 | Self::D152 => Block::Bottleneck { expansion: 4 },
        }
    }
}

/// One of the four stages.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// Number of blocks.
    pub depth: usize,
    /// Stride of the first block, in the order `[t, h, w]`.
    pub stride: [usize; 3],
    /// The convolution.
    pub conv: ConvFn,
    /// Whether the first block's shortcut is a 1 x 1 x 1 convolution even where its output has the size of its input.
    pub project: bool,
}

/// A residual network over clips.
#[derive(Debug, Clone, Copy)]
pub struct VideoResNetConfig {
    /// Channels of a frame: 3 for RGB, 2 for flow.
    pub c_in: usize,
    /// Frames of a clip. Networks take any number, but for those whose stem sees all of them at once.
    pub frames: usize,
    /// The first layers.
    pub stem: StemFn,
    /// The max pooling after them, if there is one.
    pub pool: Option<Pool3dConfig>,
    /// The kind of block.
    pub block: Block,
    /// Planes of the first stage, 64 in the papers; each of the others has twice those before it.
    pub width: usize,
    /// The stages.
    pub stages: [Stage; 4],
    /// Groups of channels that the 3 x 3 x 3 kernels part: 1 but in studies of that. Convolutions whose paper says how many
    /// they have do not mind it.
    pub groups: usize,
    /// Groups of the 1 x 1 x 1 kernels of bottlenecks, not of shortcuts.
    pub pointwise_groups: usize,
    /// Settings of every batch norm.
    pub bn: BatchNormConfig,
    /// Number of classes.
    pub num_classes: usize,
}

impl VideoResNetConfig {
    /// The network of table 1, with `conv` in every block: 16 frames, no pooling after the stem of R3D, time and space
    /// halved by the first block of each stage but the first.
    pub fn new(depth: Depth, c_in: usize, num_classes: usize, conv: ConvFn) -> Self {
        let blocks = depth.blocks();
        let stage = |i: usize, s| Stage { depth: blocks[i], stride: [s; 3], conv, project: false };
        Self {
            c_in,
            frames: 16,
            stem: basic_stem,
            pool: None,
            block: depth.block(),
            width: 64,
            stages: [stage(0, 1), stage(1, 2), stage(2, 2), stage(3, 2)],
            groups: 1,
            pointwise_groups: 1,
            bn: BatchNormConfig::default(),
            num_classes,
        }
    }

    /// As without the max pooling after its stem: maps are twice as large in space.
    pub fn without_pool(self) -> Self {
        Self { pool: None, ..self }
    }

    /// The max pooling that the authors have after the stem in later networks: 1 x 3 x 3, stride 1 x 2 x 2.
    pub fn stem_pool() -> Pool3dConfig {
        Pool3dConfig { padding: [0, 1, 1].into(), ..Pool3dConfig::new([1, 3, 3], [1, 2, 2]) }
    }
}

/// A residual network over clips, `[N, C, T, H, W]` to logits `[N, K]`.
pub struct VideoResNet {
    stem: Arc<Units>,
    pool: Option<MaxPool3d>,
    stages: Vec<Vec<Arc<Residual>>>,
    fc: Linear,
}

impl VideoResNet {
    /// Builds the network at `vb`.
    pub fn new(config: &VideoResNetConfig, vb: VarBuilder) -> Result<Self> {
        let VideoResNetConfig { c_in, frames, stem, pool, width, stages, bn, num_classes, .. } =
            *config;
        let stem = stem(StemSpec { c_in, c_out: width, frames, bn }, vb.pp("stem"))?;
        let mut c_in = width;
        let mut layers = Vec::with_capacity(4);
        for (i, stage) in stages.iter().enumerate() {
            let planes = width << i;
            let vb = vb.pp(format!("layer{}", i + 1));
            let mut layer = Vec::with_capacity(stage.depth);
            for j in 0..stage.depth {
                let stride = if j == 0 { stage.stride } else { [1; 3] };
                let (conv, project) = (stage.conv, stage.project && j == 0);
                let spec = Spec { config, conv, c_in, planes, stride, project };
                layer.push(Arc::new(Residual::new(spec, vb.pp(j))?));
                c_in = spec.c_out();
            }
            layers.push(layer);
        }
        let fc = classifier(c_in, num_classes, vb.pp("fc"))?;
        Ok(Self { stem: Arc::new(stem), pool: pool.map(MaxPool3d), stages: layers, fc })
    }
}

impl Network for VideoResNet {
    /// The mean over time and space before the classifier, `[N, 512]` (2048 with bottlenecks).
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = recomputed(&self.stem, xs, train)?;
        trace::stage("stem", &xs);
        if let Some(pool) = &self.pool {
            xs = pool.forward(&xs)?;
            trace::stage("pool", &xs);
        }
        for (i, stage) in self.stages.iter().enumerate() {
            for block in stage {
                xs = recomputed(block, &xs, train)?;
            }
            trace::stage(&format!("layer{}", i + 1), &xs);
        }
        global_avg_pool(&xs)
    }
}

impl ModuleT for VideoResNet {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.features_t(xs, train)?.apply(&self.fc)?;
        trace::stage("fc", &xs);
        Ok(xs)
    }
}

/// The stem of R3D: one 3 x 7 x 7 convolution that halves the frame.
pub fn basic_stem(spec: StemSpec, vb: VarBuilder) -> Result<Units> {
    stem_over(3, 1, spec, vb)
}

/// The stem of networks that see frames one by one at first: 1 x 7 x 7, halving the frame.
pub fn flat_stem(spec: StemSpec, vb: VarBuilder) -> Result<Units> {
    stem_over(1, 0, spec, vb)
}

/// The stem of a network over images: 7 x 7 over all frames of the clip at once, of which one is left.
pub fn collapsing_stem(spec: StemSpec, vb: VarBuilder) -> Result<Units> {
    stem_over(spec.frames, 0, spec, vb)
}

/// A convolution over `t` frames, padded by `pad` frames at both ends.
fn stem_over(t: usize, pad: usize, spec: StemSpec, vb: VarBuilder) -> Result<Units> {
    let StemSpec { c_in, c_out, bn, .. } = spec;
    let config =
        Conv3dConfig { stride: [1, 2, 2], padding: [pad, 3, 3].into(), ..Default::default() };
    let conv = conv3d_no_bias(c_in, c_out, [t, 7, 7], config, vb.pp(0))?;
    Ok(Units::from(conv).norm(batch_norm(c_out, bn, vb.pp(1))?).relu())
}

/// The 3 x 3 x 3 convolution.
pub fn conv_3d(spec: ConvSpec, vb: VarBuilder) -> Result<Units> {
    let ConvSpec { stride, groups, .. } = spec;
    let config = Conv3dConfig { stride, padding: [1; 3].into(), groups };
    Ok(conv3d_no_bias(spec.c_in, spec.c_out, [3; 3], config, vb)?.into())
}

/// One over frames, each by itself: 1 x 3 x 3.
pub fn conv_2d(spec: ConvSpec, vb: VarBuilder) -> Result<Units> {
    let ConvSpec { stride, groups, .. } = spec;
    let config = Conv3dConfig { stride, padding: [0, 1, 1].into(), groups };
    Ok(conv3d_no_bias(spec.c_in, spec.c_out, [1, 3, 3], config, vb)?.into())
}

/// What a block is made of.
#[derive(Clone, Copy)]
struct Spec<'a> {
    config: &'a VideoResNetConfig,
    conv: ConvFn,
    c_in: usize,
    planes: usize,
    stride: [usize; 3],
    project: bool,
}

impl Spec<'_> {
    fn c_out(&self) -> usize {
        self.planes * self.config.block.expansion()
    }
}

/// `relu(shortcut(x) + body(x))`.
struct Residual {
    /// Its last ReLU comes after the shortcut is added.
    body: Units,
    shortcut: Option<Units>,
}

impl Residual {
    fn new(spec: Spec, vb: VarBuilder) -> Result<Self> {
        let Spec { config, conv, c_in, planes, stride, project } = spec;
        let VideoResNetConfig { block, bn, groups, pointwise_groups, .. } = *config;
        let (c_out, c_mid) = (spec.c_out(), middle(c_in, planes));
        let unit = |c_in, stride, vb: VarBuilder| -> Result<Units> {
            let spec = ConvSpec { c_in, c_out: planes, c_mid, stride, groups, bn };
            Ok(conv(spec, vb.pp(0))?.norm(batch_norm(planes, bn, vb.pp(1))?).relu())
        };
        let body = match block {
            Block::Basic => {
                unit(c_in, stride, vb.pp("conv1"))?.chain(unit(planes, [1; 3], vb.pp("conv2"))?)
            }
            Block::Bottleneck { .. } => {
                let in_groups = Conv3dConfig { groups: pointwise_groups, ..Default::default() };
                pointwise(c_in, planes, in_groups, bn, vb.pp("conv1"))?
                    .relu()
                    .chain(unit(planes, stride, vb.pp("conv2"))?)
                    .chain(pointwise(planes, c_out, in_groups, bn, vb.pp("conv3"))?.relu())
            }
        };
        let shortcut = if project || stride != [1; 3] || c_in != c_out {
            let strided = Conv3dConfig { stride, ..Default::default() };
            Some(pointwise(c_in, c_out, strided, bn, vb.pp("downsample"))?)
        } else {
            None
        };
        Ok(Self { body, shortcut })
    }
}

impl ModuleT for Residual {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let shortcut = match &self.shortcut {
            None => xs.clone(),
            Some(shortcut) => shortcut.forward_t(xs, train)?,
        };
        self.body.forward_add_t(xs, Some(&shortcut), train)
    }
}

fn pointwise(
    c_in: usize,
    c_out: usize,
    config: Conv3dConfig,
    bn: BatchNormConfig,
    vb: VarBuilder,
) -> Result<Units> {
    let conv = conv3d_no_bias(c_in, c_out, [1; 3], config, vb.pp(0))?;
    Ok(Units::from(conv).norm(batch_norm(c_out, bn, vb.pp(1))?))
}
