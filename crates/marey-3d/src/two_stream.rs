//! Networks with a stream for frames and one for flow, of Inceptions: those of figure 2 of the paper of I3D.
//!
//! Reference: Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, figure 2 (c) to (e) and section 2,
//! <https://arxiv.org/abs/1705.07750>. Weights are named as pytorch-i3d's, after `rgb` and `flow`.
//!
//! ```text
//!   (c) two-stream           (d) 3D-fused two-stream           (e) two-stream I3D
//!        mean                          fc                            mean
//!       ╱    ╲               3x3x3 conv 512, pool 3x3x3             ╱    ╲
//!   2D net  2D net              ╱              ╲                3D net   3D net
//!     │       │             2D net           2D net               │         │
//!   frame  10 fields      5 frames       5 times 10 fields     64 frames  64 fields
//! ```

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_backbone::inflated::{BATCH_NORM, inflated, unit_2d};
use marey_backbone::late::{Average, Late, Stream};
use marey_backbone::{Inception3d, InceptionConfig, InceptionTrunk, PARTS, view};
use marey_layers::{
    Conv3dConfig, Dropout, Linear, MaxPool3d, Network, Padding, Pool3dConfig, Unit, batch_norm,
    classifier, concat, conv3d_no_bias, dropout, global_avg_pool, trace,
};

/// Inception-v1 with batch norms over images `[N, c_in, 1, 224, 224]`.
pub fn inception_v1(c_in: usize, num_classes: usize) -> InceptionConfig {
    inflated([unit_2d; PARTS], c_in, num_classes)
}

/// Both streams of I3D, for clips `[N, C + 2, 64, 224, 224]`: frames' channels, then flow's. Each is trained by itself; at test logits are
/// averaged.
pub fn two_stream_i3d(
    rgb: &InceptionConfig,
    flow: &InceptionConfig,
    vb: VarBuilder,
) -> Result<Late> {
    let frames = rgb.c_in;
    let streams = vec![
        Stream {
            view: Box::new(move |xs| view::channels("two-stream i3d", xs, 0, frames)),
            network: Box::new(Inception3d::new(rgb, vb.pp("rgb"))?),
            weight: 1.,
        },
        Stream {
            view: Box::new(move |xs| view::channels("two-stream i3d", xs, frames, 2)),
            network: Box::new(Inception3d::new(flow, vb.pp("flow"))?),
            weight: 1.,
        },
    ];
    Late::new(Average::Logits, streams)
}

/// Two streams of images, (c): the middle frame and all fields of flow of clips `[N, C + 2, L, 224, 224]`, 10 in the paper, whose scores
/// are averaged. `flow` is of `2 L` channels.
pub fn two_stream_inception(
    rgb: &InceptionConfig,
    flow: &InceptionConfig,
    vb: VarBuilder,
) -> Result<Late> {
    let (frames, fields) = (rgb.c_in, flow.c_in / 2);
    let seen = move |xs: &Tensor| view::pieces("two-stream inception", xs, frames, fields);
    let streams = vec![
        Stream {
            view: Box::new(move |xs| seen(xs).map(|[frames, _]| frames)),
            network: Box::new(Inception3d::new(rgb, vb.pp("rgb"))?),
            weight: 1.,
        },
        Stream {
            view: Box::new(move |xs| seen(xs).map(|[_, flow]| flow)),
            network: Box::new(Inception3d::new(flow, vb.pp("flow"))?),
            weight: 1.,
        },
    ];
    Late::new(Average::Scores, streams)
}

/// The 3D-fused two-stream network, (d).
#[derive(Debug, Clone, Copy)]
pub struct FusedInceptionConfig {
    /// The network of frames.
    pub rgb: InceptionConfig,
    /// That of flow, of `2 L` channels.
    pub flow: InceptionConfig,
    /// Filters of the convolution over both; 512 in the paper.
    pub width: usize,
}

/// The paper's, for clips `[N, c_in + 2, 5 length, 224, 224]`: five pieces of 10 frames, each with its flow.
pub fn fused_inception(length: usize, c_in: usize, num_classes: usize) -> FusedInceptionConfig {
    let [rgb, flow] = [c_in, 2 * length].map(|channels| inception_v1(channels, num_classes));
    FusedInceptionConfig { rgb, flow, width: 512 }
}

/// Two networks of images whose maps, at five times, meet in a convolution over space and time: `[N, C + 2, T L, 224, 224]` to
/// logits `[N, K]`.
///
/// The paper does not say by what steps the pooling goes, nor how many values the classifier sees: here every second, and their mean.
pub struct FusedInception {
    trunks: [InceptionTrunk; 2],
    frame: usize,
    length: usize,
    conv: Unit,
    dropout: Dropout,
    logits: Linear,
}

impl FusedInception {
    /// Builds the network at `vb`.
    pub fn new(config: &FusedInceptionConfig, vb: VarBuilder) -> Result<Self> {
        let FusedInceptionConfig { rgb, flow, width } = *config;
        let trunks =
            [InceptionTrunk::new(&rgb, vb.pp("rgb"))?, InceptionTrunk::new(&flow, vb.pp("flow"))?];
        let c_in = trunks.iter().map(InceptionTrunk::c_out).sum();
        let same = Conv3dConfig { padding: Padding::Same, ..Default::default() };
        let conv = conv3d_no_bias(c_in, width, [3; 3], same, vb.pp("fusion.conv3d"))?;
        let norm = batch_norm(width, BATCH_NORM, vb.pp("fusion.bn"))?;
        Ok(Self {
            trunks,
            frame: rgb.c_in,
            length: flow.c_in / 2,
            conv: Unit::from(conv).norm(norm).relu(),
            dropout: dropout(rgb.dropout, &vb.pp("dropout"))?,
            logits: classifier(width, rgb.num_classes, vb.pp("logits"))?,
        })
    }
}

impl Network for FusedInception {
    /// The mean of the pooled maps, `[N, 512]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let seen = view::pieces("3d-fused", xs, self.frame, self.length)?;
        let mut maps = Vec::with_capacity(2);
        for (trunk, xs) in self.trunks.iter().zip(seen) {
            // Each time by itself, which poolings over time would join.
            let n = xs.dim(0)?;
            let ys = trunk.forward_t(&view::time_into_batch(&xs)?, train)?;
            maps.push(view::batch_into_time(&ys, n)?);
        }
        let xs = self.conv.forward_t(&concat(&maps)?, train)?;
        trace::stage("fusion", &xs);
        let pool = Pool3dConfig { padding: Padding::Same, ..Pool3dConfig::new([3; 3], [2; 3]) };
        let xs = MaxPool3d(pool).forward(&xs)?;
        trace::stage("pool", &xs);
        global_avg_pool(&xs)
    }
}

impl ModuleT for FusedInception {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.dropout.forward_t(&self.features_t(xs, train)?, train)?;
        let xs = self.logits.forward(&xs)?;
        trace::stage("logits", &xs);
        Ok(xs)
    }
}
