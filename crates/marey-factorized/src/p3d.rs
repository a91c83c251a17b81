//! P3D: a residual network of bottlenecks whose kernels are 1 x 3 x 3 in space and 3 x 1 x 1 in time.
//!
//! Reference: Qiu, Yao and Mei, "Learning Spatio-Temporal Representation with Pseudo-3D Residual Networks", ICCV 2017,
//! section 3, <https://arxiv.org/abs/1711.10305>, and the definitions released for Caffe (ZhaofanQiu's
//! pseudo-3d-residual-networks), whose poolings reach beyond the end. Weights are named as in the release for PyTorch
//! (qijiezhao's pseudo-3d-pytorch); its code joins the paths of P3D-B and P3D-C after a ReLU each, the authors' before it.
//!
//! ```text
//!   A, one after the other       B, side by side              C, with a shortcut
//!
//!        1 x 1 x 1                   1 x 1 x 1                    1 x 1 x 1
//!            │                      ┌────┴────┐                       │
//!        1 x 3 x 3              1 x 3 x 3  3 x 1 x 1              1 x 3 x 3 ────┐
//!            │                      └────┬────┘                       │      3 x 1 x 1
//!        3 x 1 x 1                       +                            + ────────┘
//!            │                           │                            │
//!        1 x 1 x 1                   1 x 1 x 1                    1 x 1 x 1
//! ```
//!
//! ```text
//!   conv1 1 x 7 x 7 ── pool 2 x 3 x 3 ── res2 ── pool 2 ── res3 ── pool 2 ── res4 ── pool 2 ── res5 ── mean ── fc
//!   16 frames, 80²       8, 40²          8, 40²    4       4, 20²    2       2, 10²    1       1, 5²
//! ```

use std::sync::Arc;

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_backbone::Depth;
use marey_layers::{
    BatchNormConfig, Conv3dConfig, Dropout, Linear, MaxPool3d, Network, Pool3dConfig, Units,
    batch_norm, classifier, conv3d_no_bias, dropout, global_avg_pool, recomputed, trace,
};

mod block;

use block::{Residual, Spec};

/// How space and time meet in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// One after the other, P3D-A: `T(S(x))`.
    Serial,
    /// Side by side, P3D-B: `S(x) + T(x)`.
    Parallel,
    /// One after the other with a shortcut, P3D-C: `S(x) + T(S(x))`.
    Shortcut,
}

/// A P3D.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct P3dConfig {
    /// Channels of a frame: 3 for RGB, 2 for flow.
    pub c_in: usize,
    /// Channels of the first convolution, 64 in the paper; the stages have 1, 2, 4 and 8 times as many in their bottlenecks
    /// and 4 times these out of them.
    pub width: usize,
    /// Blocks of each stage. Those of the last see frames by themselves.
    pub blocks: [usize; 4],
    /// What the blocks are, in turn, counted across stages; without any, all see frames by themselves.
    pub joins: &'static [Join],
    /// What the sum of P3D-C is multiplied by, more than 0: 0.5 in the network that was released, 1 in the paper's formula.
    pub share: f32,
    /// Chance that a feature is dropped before the classifier.
    pub dropout: f32,
    /// Number of classes.
    pub num_classes: usize,
}

/// P3D-A: all blocks are [`Join::Serial`]. For clips `[N, c_in, 16, 160, 160]`; `depth` is one of bottlenecks, 50 in the
/// paper.
pub fn p3d_a(depth: Depth, c_in: usize, num_classes: usize) -> P3dConfig {
    P3dConfig { joins: &[Join::Serial], ..p3d(depth, c_in, num_classes) }
}

/// P3D-B: all blocks are [`Join::Parallel`]. Otherwise as [`p3d_a`].
pub fn p3d_b(depth: Depth, c_in: usize, num_classes: usize) -> P3dConfig {
    P3dConfig { joins: &[Join::Parallel], ..p3d(depth, c_in, num_classes) }
}

/// P3D-C: all blocks are [`Join::Shortcut`]. Otherwise as [`p3d_a`].
pub fn p3d_c(depth: Depth, c_in: usize, num_classes: usize) -> P3dConfig {
    P3dConfig { joins: &[Join::Shortcut], ..p3d(depth, c_in, num_classes) }
}

/// The P3D ResNet: blocks A, B and C in turn. 9 of 10 features are dropped, as in the paper's training on UCF101. Otherwise as
/// [`p3d_a`].
pub fn p3d(depth: Depth, c_in: usize, num_classes: usize) -> P3dConfig {
    P3dConfig {
        c_in,
        width: 64,
        blocks: depth.blocks(),
        joins: &[Join::Serial, Join::Parallel, Join::Shortcut],
        share: 0.5,
        dropout: 0.9,
        num_classes,
    }
}

/// P3D-199, made of a ResNet-152, as it was trained on Sports-1M. For clips `[N, c_in, 16, 160, 160]`.
pub fn p3d_199(c_in: usize, num_classes: usize) -> P3dConfig {
    P3dConfig { dropout: 0.1, ..p3d(Depth::D152, c_in, num_classes) }
}

/// Of Caffe's layer and of PyTorch's.
const BATCH_NORM: BatchNormConfig = BatchNormConfig { eps: 1e-5, momentum: 0.1 };

/// P3D, `[N, C, 16, 160, 160]` to logits `[N, K]`.
pub struct P3d {
    stem: Arc<Units>,
    stages: Vec<Vec<Arc<Residual>>>,
    dropout: Dropout,
    fc: Linear,
}

impl P3d {
    /// Builds the network at `vb`.
    pub fn new(config: &P3dConfig, vb: VarBuilder) -> Result<Self> {
        let P3dConfig { c_in, width, blocks, joins, share, dropout: p, num_classes } = *config;
        let stride =
            Conv3dConfig { stride: [1, 2, 2], padding: [0, 3, 3].into(), ..Default::default() };
        let conv = conv3d_no_bias(c_in, width, [1, 7, 7], stride, vb.pp("conv1_custom"))?;
        let norm = batch_norm(width, BATCH_NORM, vb.pp("bn1"))?;
        let stem = Arc::new(Units::from(conv).norm(norm).relu());
        let mut joins = joins.iter().cycle().copied();
        let (mut c_in, mut stages) = (width, Vec::with_capacity(4));
        for (i, depth) in blocks.into_iter().enumerate() {
            let vb = vb.pp(format!("layer{}", i + 1));
            let mut stage = Vec::with_capacity(depth);
            for j in 0..depth {
                let stride = if i > 0 && j == 0 { 2 } else { 1 };
                let join = if i == 3 { None } else { joins.next() };
                let spec = Spec { c_in, planes: width << i, stride, join, share };
                stage.push(Arc::new(Residual::new(spec, vb.pp(j))?));
                c_in = spec.c_out();
            }
            stages.push(stage);
        }
        let dropout = dropout(p, &vb.pp("dropout"))?;
        Ok(Self { stem, stages, dropout, fc: classifier(c_in, num_classes, vb.pp("fc"))? })
    }
}

/// Max pooling over two frames, every second, and `side` x `side` cells.
fn pool(xs: &Tensor, side: usize, stride: usize) -> Result<Tensor> {
    let window = Pool3dConfig::new([2, side, side], [2, stride, stride]);
    MaxPool3d(Pool3dConfig { ceil: true, ..window }).forward(xs)
}

impl Network for P3d {
    /// The mean over space, `pool5`, `[N, 2048]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = recomputed(&self.stem, xs, train)?;
        trace::stage("conv1_custom", &xs);
        let mut xs = pool(&xs, 3, 2)?;
        trace::stage("maxpool", &xs);
        for (i, stage) in self.stages.iter().enumerate() {
            for block in stage {
                xs = recomputed(block, &xs, train)?;
            }
            trace::stage(&format!("layer{}", i + 1), &xs);
            if i < 3 {
                xs = pool(&xs, 1, 1)?;
            }
        }
        global_avg_pool(&xs)
    }
}

impl ModuleT for P3d {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.dropout.forward_t(&self.features_t(xs, train)?, train)?;
        let xs = self.fc.forward(&xs)?;
        trace::stage("fc", &xs);
        Ok(xs)
    }
}
