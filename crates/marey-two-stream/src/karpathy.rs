//! The ways of seeing time of Karpathy et al.: single frame, early, late and slow fusion; and the fovea and context of their
//! multiresolution networks.
//!
//! Reference: Karpathy et al., "Large-Scale Video Classification with Convolutional Neural Networks", CVPR 2014, figures 1
//! and 2. No weights were released; layers are named `conv1` to `fc8` as AlexNet's, those of two towers `fovea.conv1` and so on.
//! Paddings are those that give the maps of 7 x 7 x 256 of the paper.
//!
//! ```text
//!   single        early            late               slow
//!     fc6          fc6              fc6                fc6
//!   conv3-5      conv3-5      conv3-5 = conv3-5      conv4-5
//!     │            │             │         │          conv3        sees all 10
//!   conv1-2      conv2        conv1-2 = conv1-2      ╱     ╲       (2, every 2nd)
//!     │            │             │         │      conv2   conv2    (2, every 2nd)
//!     │          conv1           │         │      ╱   ╲   ╱   ╲
//!     │        ╱╱╱││╲╲╲          │         │     c1   c1 c1   c1   (4 frames, every 2nd)
//!   ──█──     ──████████──     ──█─────────█──   ──██████████──
//!                                 one set of weights
//! ```

use candle::{Module, ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;
use marey_backbone::PlainConfig;
use marey_backbone::plain::{After, Convs, Full, PlainConv, PlainFull};
use marey_backbone::view::middle_frame;
use marey_layers::{AvgPool3d, LocalResponseNorm, Network, Pool3dConfig};

/// AlexNet's normalisation with the paper's beta of 0.5; its sum is not divided by its size, [`LocalResponseNorm`]'s is.
const NORM: LocalResponseNorm = LocalResponseNorm { size: 5, alpha: 5e-4, beta: 0.5, k: 2. };

/// What a tower sees of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// All of it.
    Clip,
    /// Frame `T / 2`.
    Middle,
    /// The first frame.
    First,
    /// The last frame.
    Last,
    /// The middle of the middle frame, half as wide and high.
    Fovea,
    /// The middle frame at half its resolution.
    Context,
}

/// A network of Karpathy et al.
#[derive(Debug, Clone, PartialEq)]
pub struct KarpathyConfig {
    /// The layers of a tower, for the clip a tower sees; the full layers see all towers side by side.
    pub layers: PlainConfig,
    /// The towers.
    pub towers: Vec<Sees>,
    /// Whether towers have one set of weights.
    pub shared: bool,
}

/// Single-frame network, for clips `[N, c_in, T, 170, 170]`, of which it sees the middle frame.
pub fn single_frame(c_in: usize, num_classes: usize) -> KarpathyConfig {
    KarpathyConfig { layers: layers(c_in, num_classes), towers: vec![Sees::Middle], shared: false }
}

/// Early fusion, for clips `[N, c_in, frames, 170, 170]`, of 10 frames in the paper: the first kernel sees all of them.
pub fn early_fusion(frames: usize, c_in: usize, num_classes: usize) -> KarpathyConfig {
    let mut layers = layers(c_in, num_classes);
    layers.convs[0].kernel[0] = frames;
    layers.input[0] = frames;
    KarpathyConfig { layers, towers: vec![Sees::Clip], shared: false }
}

/// Late fusion, for clips `[N, c_in, 16, 170, 170]`: two towers see the first and the last frame, 15 apart.
pub fn late_fusion(c_in: usize, num_classes: usize) -> KarpathyConfig {
    let towers = vec![Sees::First, Sees::Last];
    KarpathyConfig { layers: layers(c_in, num_classes), towers, shared: true }
}

/// Slow fusion, for clips `[N, c_in, 10, 170, 170]`: of 10 frames the first three convolutions leave 4, 2 and 1.
pub fn slow_fusion(c_in: usize, num_classes: usize) -> KarpathyConfig {
    let mut layers = layers(c_in, num_classes);
    for (conv, frames) in layers.convs.iter_mut().zip([4, 2, 2]) {
        (conv.kernel[0], conv.stride[0]) = (frames, 2);
    }
    layers.input[0] = 10;
    KarpathyConfig { layers, towers: vec![Sees::Clip], shared: false }
}

/// The network of one or both resolutions, for clips `[N, c_in, T, 178, 178]`: towers of half that side, without the last pooling.
pub fn multiresolution(towers: &[Sees], c_in: usize, num_classes: usize) -> KarpathyConfig {
    let mut layers = PlainConfig { input: [1, 89, 89], ..layers(c_in, num_classes) };
    if let Some(last) = layers.convs.last_mut() {
        last.after.clear();
    }
    KarpathyConfig { layers, towers: towers.into(), shared: false }
}

/// The layers of section 3: C(96, 11, 3)-N-P-C(256, 5, 1)-N-P-C(384, 3, 1)-C(384, 3, 1)-C(256, 3, 1)-P-FC(4096)-FC(4096).
fn layers(c_in: usize, num_classes: usize) -> PlainConfig {
    let (norm, pool) = (After::Norm(NORM), After::Pool(Pool3dConfig::new([1, 2, 2], [1, 2, 2])));
    let full = |name| PlainFull { name, units: 4096, dropout: 0.5 };
    PlainConfig {
        c_in,
        convs: vec![
            PlainConv::over_frames("conv1", 96, 11, 3, 5).then(norm).then(pool),
            PlainConv::over_frames("conv2", 256, 5, 1, 2).then(norm).then(pool),
            PlainConv::over_frames("conv3", 384, 3, 1, 1),
            PlainConv::over_frames("conv4", 384, 3, 1, 1),
            PlainConv::over_frames("conv5", 256, 3, 1, 1).then(pool),
        ],
        norm: None,
        full: vec![full("fc6"), full("fc7")],
        features: 1,
        classifier: "fc8",
        input: [1, 170, 170],
        num_classes,
    }
}

impl Sees {
    fn name(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Middle => "middle",
            Self::First => "first",
            Self::Last => "last",
            Self::Fovea => "fovea",
            Self::Context => "context",
        }
    }

    /// `[N, C, T, H, W]` to what the tower sees of it.
    fn of(self, xs: &Tensor) -> Result<Tensor> {
        let (_, _, t, h, w) = xs.dims5()?;
        match self {
            Self::Clip => Ok(xs.clone()),
            Self::Middle => middle_frame(xs),
            Self::First => xs.narrow(2, 0, 1),
            Self::Last => xs.narrow(2, t - 1, 1),
            Self::Fovea => middle_frame(xs)?.narrow(3, (h - h / 2) / 2, h / 2)?.narrow(
                4,
                (w - w / 2) / 2,
                w / 2,
            ),
            // Of an odd side the last line is left out.
            Self::Context => {
                AvgPool3d(Pool3dConfig::new([1, 2, 2], [1, 2, 2])).forward(&middle_frame(xs)?)
            }
        }
    }

    /// The size of that.
    pub fn size(self, [t, h, w]: [usize; 3]) -> [usize; 3] {
        match self {
            Self::Clip => [t, h, w],
            Self::Middle | Self::First | Self::Last => [1, h, w],
            Self::Fovea | Self::Context => [1, h / 2, w / 2],
        }
    }
}

/// A network of Karpathy et al., `[N, C, T, H, W]` to logits `[N, K]`.
pub struct Karpathy {
    towers: Vec<(Sees, Convs)>,
    full: Full,
}

impl Karpathy {
    /// Builds the network at `vb`. Errors if a tower's clip is too small.
    pub fn new(config: &KarpathyConfig, vb: VarBuilder) -> Result<Self> {
        let KarpathyConfig { layers, towers: seen, shared } = config;
        let build = |vb| Convs::new(layers, 0..layers.convs.len(), vb);
        let mut towers: Vec<(Sees, Convs)> = Vec::with_capacity(seen.len());
        for sees in seen {
            let convs = match towers.first() {
                Some((_, first)) if *shared => first.clone(),
                _ if *shared || seen.len() == 1 => build(vb.clone())?,
                _ => build(vb.pp(sees.name()))?,
            };
            towers.push((*sees, convs));
        }
        let full = Full::new(layers, layers.flat()? * towers.len(), vb)?;
        Ok(Self { towers, full })
    }
}

impl Network for Karpathy {
    /// `fc7` after its ReLU, `[N, 4096]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        if xs.rank() != 5 || xs.elem_count() == 0 {
            bail!("karpathy: expected clips [N, C, T, H, W], got {:?}", xs.dims())
        }
        let towers = self.towers.iter().map(|(sees, convs)| convs.forward_t(&sees.of(xs)?, train));
        let maps = marey_layers::concat(&towers.collect::<Result<Vec<_>>>()?)?;
        self.full.features_t(&maps, train)
    }
}

impl ModuleT for Karpathy {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.full.logits_t(&self.features_t(xs, train)?, train)
    }
}
