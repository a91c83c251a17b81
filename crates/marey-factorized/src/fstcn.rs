//! F_ST-CN: spatial convolutions that all frames share, then one path over space and one over time.
//!
//! Reference: Sun, Jia, Yeung and Shi, "Human Action Recognition using Factorized Spatio-Temporal Convolutional
//! Networks", ICCV 2015, <https://arxiv.org/abs/1510.00562>. No weights were released; names are plain. The paper does not
//! print paddings: these give the maps 102, 50, 25, 12, 12, 4, of which the re-implementation's full layers have their sizes
//! too. ReLUs after the temporal and the full layers are those of its time.
//!
//! ```text
//!   clip         ── one frame ──┐ scl1        scl2       scl3     scl4    ┌ spatial.conv ── pool ───────────── fc1 ── fc2 ┐
//!   3 x T x 204²                ├ 96, 7², /2  256, 5²/2  512, 3²  512, 3² ┤ 128, 3²         3²        128x4²  4096   2048 ├ fc
//!   difference   ── all ────────┘ norm, pool  norm, pool                  └ temporal.conv ─ pool ─ T-P ─ TCL ─ fc1 ── fc2 ┘
//!
//!   T-P:  [f, t, y, x] ── P over f (128 x 128) ──> [(y x), t, f]: a plane of time and features, the places are its channels
//!   TCL:  32 kernels 3 x 3 and 32 kernels 5 x 5 over this plane, side by side
//! ```

use candle::{ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;
use marey_backbone::PlainConfig;
use marey_backbone::plain::{After, Convs, PlainConv, PlainFull};
use marey_backbone::view::{channels, middle_frame};
use marey_layers::rng::layer_stream;
use marey_layers::{Linear, LocalResponseNorm, Network, Pool3dConfig, classifier, trace};
use rand::Rng;

pub mod mrzzm;
mod path;

use path::{Spatial, Temporal};

/// An F_ST-CN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FstCnConfig {
    /// Channels of the clip, and of the difference: 3.
    pub c_in: usize,
    /// Filters of the shared convolutions.
    pub lower: [usize; 4],
    /// Filters of each path's convolution.
    pub upper: usize,
    /// Whether there is a spatial path.
    pub spatial: bool,
    /// Sides of the kernels over time and features. Without any there is no temporal path.
    pub kernels: &'static [usize],
    /// Filters of each of these.
    pub filters: usize,
    /// Units of the two full layers of each path.
    pub units: [usize; 2],
    /// Clip `[t, h, w]`.
    pub input: [usize; 3],
    /// Chance that a value after the kernels over time is dropped.
    pub dropout: f32,
    /// Number of classes.
    pub num_classes: usize,
}

/// F_ST-CN, for clips and their differences `[N, 6, frames, 204, 204]`.
pub fn fstcn(frames: usize, num_classes: usize) -> FstCnConfig {
    FstCnConfig {
        c_in: 3,
        lower: [96, 256, 512, 512],
        upper: 128,
        spatial: true,
        kernels: &[3, 5],
        filters: 32,
        units: [4096, 2048],
        input: [frames, 204, 204],
        dropout: 0.5,
        num_classes,
    }
}

impl FstCnConfig {
    /// The spatial path alone, as in the control experiments.
    pub fn spatial_only(self) -> Self {
        Self { kernels: &[], ..self }
    }

    /// The temporal path alone.
    pub fn temporal_only(self) -> Self {
        Self { spatial: false, ..self }
    }

    /// The shared convolutions, as the first part of a plain ConvNet.
    fn shared(&self) -> PlainConfig {
        PlainConfig {
            c_in: self.c_in,
            convs: lower(["scl1", "scl2", "scl3", "scl4"], self.lower, Some(NORM)),
            norm: None,
            full: Vec::new(),
            features: 0,
            classifier: "fc",
            input: self.input,
            num_classes: self.num_classes,
        }
    }
}

/// The shared convolutions under a classifier of their own, in which they are trained on images first, then on frames of videos:
/// `[N, c_in, T, 204, 204]`. The paper prints neither the pooling nor the sizes of its full layers; these are a path's.
pub fn auxiliary(c_in: usize, num_classes: usize) -> PlainConfig {
    let config = FstCnConfig { c_in, ..fstcn(1, num_classes) };
    let full = |(name, units)| PlainFull { name, units, dropout: 0.5 };
    let mut plain = PlainConfig {
        full: ["fc1", "fc2"].into_iter().zip(config.units).map(full).collect(),
        features: 1,
        ..config.shared()
    };
    plain.convs[3].after.push(After::Pool(path::POOL));
    plain
}

/// AlexNet's constants; the paper's own are not printed.
const NORM: LocalResponseNorm = LocalResponseNorm { size: 5, alpha: 5e-4, beta: 0.75, k: 2. };

/// The four shared convolutions.
fn lower(
    names: [&'static str; 4],
    filters: [usize; 4],
    norm: Option<LocalResponseNorm>,
) -> Vec<PlainConv> {
    let pool = Pool3dConfig::new([1, 3, 3], [1, 2, 2]);
    let sizes = [(7, 2, 3), (5, 2, 2), (3, 1, 1), (3, 1, 1)];
    let conv = |(i, (side, stride, pad))| {
        let conv = PlainConv::over_frames(names[i], filters[i], side, stride, pad);
        if i > 1 {
            return conv;
        }
        norm.into_iter().map(After::Norm).chain([After::Pool(pool)]).fold(conv, PlainConv::then)
    };
    sizes.into_iter().enumerate().map(conv).collect()
}

/// F_ST-CN, `[N, 6, T, H, W]` to logits `[N, K]`.
pub struct FstCn {
    c_in: usize,
    shared: Convs,
    spatial: Option<Spatial>,
    temporal: Option<Temporal>,
    /// The name that frames are drawn under.
    frame: String,
    fc: Linear,
}

impl FstCn {
    /// Builds the network at `vb`. Errors if it has no path, or if a clip is too small for it.
    pub fn new(config: &FstCnConfig, vb: VarBuilder) -> Result<Self> {
        let FstCnConfig { c_in, spatial, kernels, units, num_classes, .. } = *config;
        let paths = usize::from(spatial) + usize::from(!kernels.is_empty());
        if paths == 0 {
            bail!("f_st-cn: expected a spatial path, or kernels for a temporal one")
        }
        let shared = config.shared();
        let maps = shared.maps(0..4, config.input)?;
        Ok(Self {
            c_in,
            shared: Convs::new(&shared, 0..4, vb.clone())?,
            spatial: spatial.then(|| Spatial::new(config, maps, vb.pp("spatial"))).transpose()?,
            temporal: (!kernels.is_empty())
                .then(|| Temporal::new(config, maps, vb.pp("temporal")))
                .transpose()?,
            frame: vb.pp("frame").prefix(),
            fc: classifier(paths * units[1], num_classes, vb.pp("fc"))?,
        })
    }

    /// A frame of each clip: while it trains one drawn at random, otherwise the middle one. `[N, C, 1, H, W]`.
    fn one_frame(&self, clip: &Tensor, train: bool) -> Result<Tensor> {
        if !train {
            return middle_frame(clip);
        }
        let (n, _, t, _, _) = clip.dims5()?;
        let mut rng = layer_stream(&self.frame)?;
        let frame = |i| clip.narrow(0, i, 1)?.narrow(2, rng.random_range(0..t), 1);
        Tensor::cat(&(0..n).map(frame).collect::<Result<Vec<_>>>()?, 0)
    }
}

impl Network for FstCn {
    /// The last full layers of the paths side by side, `[N, 4096]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut frames = Vec::with_capacity(2);
        if self.spatial.is_some() {
            let clip = channels("f_st-cn", xs, 0, self.c_in)?;
            frames.push(self.one_frame(&clip, train)?);
        }
        if self.temporal.is_some() {
            frames.push(channels("f_st-cn", xs, self.c_in, self.c_in)?);
        }
        // Frames do not meet in the shared convolutions: those of both paths go through together.
        let maps = self.shared.forward_t(&Tensor::cat(&frames, 2)?, train)?;
        let mut features = Vec::with_capacity(2);
        if let Some(spatial) = &self.spatial {
            features.push(spatial.forward_t(&maps.narrow(2, 0, 1)?, train)?);
        }
        if let Some(temporal) = &self.temporal {
            let first = features.len();
            let maps = maps.narrow(2, first, maps.dim(2)? - first)?;
            features.push(temporal.forward_t(&maps, train)?);
        }
        Tensor::cat(&features, 1)
    }
}

impl ModuleT for FstCn {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.features_t(xs, train)?.apply(&self.fc)?;
        trace::stage("fc", &xs);
        Ok(xs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{DType, Device};
    use candle_nn::VarMap;
    use marey_layers::rng::train_step;
    use marey_layers::seeded;

    fn thin() -> FstCnConfig {
        let sizes = FstCnConfig { lower: [4; 4], upper: 2, units: [3, 2], ..fstcn(5, 2) };
        FstCnConfig { input: [5, 56, 56], dropout: 0., ..sizes }
    }

    /// Frame `t` of clip `n` is all `5 n + t`.
    fn clips(n: usize) -> Result<Tensor> {
        let frames = Tensor::arange(0f32, 5. * n as f32, &Device::Cpu)?;
        frames.reshape((n, 1, 5, 1, 1))?.broadcast_as((n, 6, 5, 56, 56))?.contiguous()
    }

    #[test]
    fn a_frame_is_drawn_in_training_and_the_middle_one_seen_else() -> Result<()> {
        let vb = seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu);
        let net = FstCn::new(&thin(), vb)?;
        let frames = |train| -> Result<Vec<f32>> {
            let frames = net.one_frame(&clips(8)?, train)?;
            assert_eq!(frames.dims(), [8, 6, 1, 56, 56]);
            frames.flatten_from(1)?.narrow(1, 0, 1)?.flatten_all()?.to_vec1()
        };
        let middle: Vec<f32> = (0..8).map(|n| (5 * n + 2) as f32).collect();
        assert_eq!(frames(false)?, middle);
        let drawn = |step| train_step(3, step, || frames(true));
        let (first, second) = (drawn(0)?, drawn(1)?);
        for (n, frame) in first.iter().enumerate() {
            assert_eq!((frame / 5.) as usize, n, "of another clip");
        }
        assert!(first != middle && first != second && first == drawn(0)?);
        assert!(frames(true).is_err(), "nothing is drawn outside of a step");
        Ok(())
    }

    #[test]
    fn a_network_without_a_path_or_for_too_small_a_clip_is_refused() {
        let build = |config: FstCnConfig| {
            FstCn::new(&config, seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu)).err()
        };
        assert!(build(thin()).is_none());
        assert!(build(thin().temporal_only().spatial_only()).is_some());
        assert!(build(FstCnConfig { input: [5, 40, 40], ..thin() }).is_some());
    }
}
