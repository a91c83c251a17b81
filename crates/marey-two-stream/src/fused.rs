//! Two streams that become one at a layer of their convolutions.
//!
//! Reference: Feichtenhofer, Pinz and Zisserman, "Convolutional Two-Stream Network Fusion for Video Action Recognition",
//! CVPR 2016, sections 3 and 4, <https://arxiv.org/abs/1604.06573>. No names of a checkpoint are known; weights are named
//! `spatial.conv1`, `temporal.conv1`, `fusion` and so on. What follows the fusion goes on in the temporal stream.
//!
//! ```text
//!   at each of T times:                                          over all times:
//!   frame ─── spatial tower ──┬──────────────── pool ── full layers ── logits ┐
//!                             ├─ fusion ─┐   (if it is kept)                  ├─ mean
//!   flow of L ─ temporal tower┘          └───── pool ── full layers ── logits ┘
//! ```
//!
//! A clip is `T` pieces of `L` frames, one after the other, each with its flow. The middle frame of a piece is the spatial tower's, its
//! `L` fields are the temporal tower's. The paper draws the distance of pieces while training: so do those who make clips.

use candle::{ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;
use candle_nn::loss::cross_entropy;
use marey_backbone::plain::{After, Convs, Full, follow, pooled};
use marey_backbone::{PlainConfig, view};
use marey_fusion::{Fusion, Operator, fusion};
use marey_layers::{Linear, Network, classifier, trace};

/// What becomes of the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// Each has its own logits, which are averaged ("2D pooling").
    Apart,
    /// The pooling after the fusion spans all of them ("3D pooling").
    Pooled,
}

/// A fused two-stream network.
#[derive(Debug, Clone, PartialEq)]
pub struct FusedConfig {
    /// The spatial tower, a network of frames.
    pub spatial: PlainConfig,
    /// The temporal tower, of `2 L` channels.
    pub temporal: PlainConfig,
    /// The towers meet after the ReLU of this convolution, counted from 0, before what else follows it.
    pub at: usize,
    /// How they meet.
    pub operator: Operator,
    /// What becomes of the times.
    pub times: Times,
    /// Whether the spatial tower goes on by itself as well: logits are then averaged.
    pub two_towers: bool,
    /// Frames of a piece, `L`.
    pub length: usize,
}

/// Two towers of one kind, such as [`cnn_m`](marey_backbone::cnn_m()) or [`vgg_16`](marey_backbone::vgg_16) of channels and classes, that
/// meet after convolution `at` by `operator`: for clips `[N, c_in + 2, length, 224, 224]`.
pub fn fused(
    tower: fn(usize, usize) -> PlainConfig,
    at: usize,
    operator: Operator,
    length: usize,
    c_in: usize,
    num_classes: usize,
) -> FusedConfig {
    FusedConfig {
        // Of 0.85, by section 4.
        spatial: tower(c_in, num_classes).dropout(0.85),
        temporal: tower(2 * length, num_classes).dropout(0.85),
        at,
        operator,
        times: Times::Apart,
        two_towers: false,
        length,
    }
}

/// The paper's final network (section 4): a 3 x 3 x 3 convolution and a pooling over all times, both towers kept. For clips
/// `[N, c_in + 2, 5 length, 224, 224]`.
pub fn spatiotemporal(
    tower: fn(usize, usize) -> PlainConfig,
    length: usize,
    c_in: usize,
    num_classes: usize,
) -> FusedConfig {
    let last = tower(c_in, num_classes).convs.len() - 1;
    FusedConfig {
        times: Times::Pooled,
        two_towers: true,
        ..fused(tower, last, Operator::Conv([3; 3]), length, c_in, num_classes)
    }
}

/// A fused two-stream network, `[N, C + 2, T L, H, W]` to logits `[N, K]`.
pub struct Fused {
    towers: [Convs; 2],
    fusion: Fusion,
    fused: Head,
    spatial: Option<Head>,
    frames: usize,
    length: usize,
}

impl Fused {
    /// Builds the network at `vb`. Errors if the towers' maps differ or are too small.
    pub fn new(config: &FusedConfig, vb: VarBuilder) -> Result<Self> {
        let FusedConfig { spatial, temporal, at, operator, times, two_towers, length } = config;
        let (at, [s, t]) = (*at, [vb.pp("spatial"), vb.pp("temporal")]);
        if at >= spatial.convs.len() || *length == 0 {
            bail!("fused two-stream: no convolution {at}, or pieces of {length} frames")
        }
        let tower = |config: &PlainConfig, vb| -> Result<((usize, [usize; 3]), Convs)> {
            let mut config = config.clone();
            config.convs[at].after.clear();
            let [c, _, h, w] = config.maps(0..at + 1, config.input)?;
            Ok(((c, [1, h, w]), Convs::new(&config, 0..at + 1, vb)?))
        };
        let (maps, spatial_tower) = tower(spatial, s.clone())?;
        let (others, temporal_tower) = tower(temporal, t.clone())?;
        if maps != others {
            bail!(
                "fused two-stream: maps {maps:?} of the spatial tower, {others:?} of the temporal one"
            )
        }
        let (c, size) = maps;
        Ok(Self {
            towers: [spatial_tower, temporal_tower],
            fusion: fusion(*operator, c, vb.pp("fusion"))?,
            fused: match operator {
                Operator::Bilinear => {
                    Head::Products(classifier(c * c, temporal.num_classes, vb.pp("fc8"))?)
                }
                _ => Head::new(temporal, at, (operator.c_out(c), size), *times, t)?,
            },
            spatial: match two_towers {
                true => Some(Head::new(spatial, at, (c, size), *times, s)?),
                false => None,
            },
            frames: spatial.c_in,
            length: *length,
        })
    }

    /// What both towers see of `[N, C + 2, T L, H, W]`: `[N, C, T, H, W]` and `[N, 2 L, T, H, W]`.
    fn seen(&self, xs: &Tensor) -> Result<[Tensor; 2]> {
        let (n, _, all, h, w) = xs.dims5()?;
        let length = self.length;
        if all == 0 || !all.is_multiple_of(length) {
            bail!(
                "fused two-stream: expected clips of pieces of {length} frames, got {:?}",
                xs.dims()
            )
        }
        let middles: Vec<u32> =
            (0..all / length).map(|i| (i * length + length / 2) as u32).collect();
        let frames = view::channels("fused two-stream", xs, 0, self.frames)?.contiguous()?;
        let frames = frames.index_select(&Tensor::new(middles, xs.device())?, 2)?;
        let flow = view::channels("fused two-stream", xs, self.frames, 2)?.contiguous()?;
        // [N, 2, T, L, ..] to [N, L, 2, T, ..]: x and y of the first field, of the second, and so on.
        let flow = flow.reshape((n, 2, all / length, length, h * w))?.permute((0, 3, 1, 2, 4))?;
        let flow = flow.contiguous()?.reshape((n, 2 * length, all / length, h, w))?;
        Ok([frames, flow])
    }

    /// Features of the fused tower, and of the spatial one where it is kept.
    fn towers_t(&self, xs: &Tensor, train: bool) -> Result<(Tensor, Option<Tensor>)> {
        let [frames, flow] = self.seen(xs)?;
        let spatial = self.towers[0].forward_t(&frames, train)?;
        let temporal = self.towers[1].forward_t(&flow, train)?;
        let fused = self.fusion.forward_t(&spatial, &temporal, train)?;
        trace::stage("fusion", &fused);
        let kept =
            self.spatial.as_ref().map(|head| head.features_t(&spatial, train)).transpose()?;
        Ok((self.fused.features_t(&fused, train)?, kept))
    }

    /// Logits of the fused tower, and of the spatial one where it is kept.
    fn logits_t(&self, xs: &Tensor, train: bool) -> Result<Vec<Tensor>> {
        let (fused, kept) = self.towers_t(xs, train)?;
        let n = xs.dim(0)?;
        let mut all = vec![self.fused.logits_t(&fused, n, train)?];
        if let (Some(head), Some(kept)) = (&self.spatial, kept) {
            all.push(head.logits_t(&kept, n, train)?);
        }
        Ok(all)
    }
}

impl Network for Fused {
    /// `fc7` of the fused tower after its ReLU, averaged over times, and beside it that of the spatial tower where it is kept; of bilinear
    /// features these themselves.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let (fused, kept) = self.towers_t(xs, train)?;
        let n = xs.dim(0)?;
        let all: Result<Vec<Tensor>> =
            [Some(fused), kept].iter().flatten().map(|xs| over_times(xs, n)).collect();
        Tensor::cat(&all?, 1)
    }

    /// The sum of the loss of each tower.
    fn loss(&self, xs: &Tensor, labels: &Tensor, train: bool) -> Result<Tensor> {
        let mut losses =
            self.logits_t(xs, train)?.into_iter().map(|logits| cross_entropy(&logits, labels));
        let Some(first) = losses.next() else { bail!("fused two-stream: no tower") };
        losses.try_fold(first?, |sum, loss| sum + loss?)
    }
}

impl ModuleT for Fused {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        Tensor::stack(&self.logits_t(xs, train)?, 0)?.mean(0)
    }
}

/// What follows a tower's maps.
enum Head {
    Layers {
        name: &'static str,
        after: Vec<After>,
        times: Times,
        convs: Convs,
        full: Full,
    },
    /// Bilinear features, to the power of 1/2 and of length 1, for a linear classifier.
    Products(Linear),
}

impl Head {
    /// What follows convolution `at` of a network whose maps there have this many channels and this size.
    fn new(
        network: &PlainConfig,
        at: usize,
        (c, size): (usize, [usize; 3]),
        times: Times,
        vb: VarBuilder,
    ) -> Result<Self> {
        let after = network.convs[at].after.clone();
        let rest =
            PlainConfig { c_in: c, convs: network.convs[at + 1..].to_vec(), ..network.clone() };
        let Some(size) = pooled(&after, size) else {
            bail!("fused two-stream: maps of {size:?} are too small for their pooling")
        };
        let [c, t, h, w] = rest.maps(0..rest.convs.len(), size)?;
        Ok(Self::Layers {
            name: network.convs[at].name,
            after,
            times,
            convs: Convs::new(&rest, 0..rest.convs.len(), vb.clone())?,
            full: Full::new(&rest, c * t * h * w, vb)?,
        })
    }

    /// Maps `[N, C, T, H, W]` to features `[N, D]`, or `[N T, D]` where times stay apart.
    fn features_t(&self, maps: &Tensor, train: bool) -> Result<Tensor> {
        match self {
            Self::Products(_) => {
                let roots = (maps.abs()? + 1e-12)?.sqrt()?;
                roots.broadcast_div(&(roots.sqr()?.sum_keepdim(1)? + 1e-12)?.sqrt()?)
            }
            Self::Layers { name, after, times, convs, full } => {
                let mut after = after.clone();
                if *times == Times::Pooled {
                    let all = maps.dim(2)?;
                    for after in &mut after {
                        let After::Pool(pool) = after else { continue };
                        (pool.kernel[0], pool.stride[0]) = (all, all);
                    }
                }
                let maps = convs.forward_t(&follow(name, &after, maps.clone())?, train)?;
                full.features_t(&view::time_into_batch(&maps)?, train)
            }
        }
    }

    /// To logits `[N, K]`.
    fn logits_t(&self, features: &Tensor, n: usize, train: bool) -> Result<Tensor> {
        match self {
            Self::Products(classifier) => features.apply(classifier),
            Self::Layers { full, .. } => over_times(&full.logits_t(features, train)?, n),
        }
    }
}

/// The mean of each clip's times: `[N T, D]` to `[N, D]`.
fn over_times(xs: &Tensor, n: usize) -> Result<Tensor> {
    let (all, d) = xs.dims2()?;
    if all == n { Ok(xs.clone()) } else { xs.reshape((n, all / n, d))?.mean(1) }
}
