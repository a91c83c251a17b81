//! MotionNet: flow between eleven frames, learnt from the frames alone.
//!
//! Reference: Zhu et al., "Hidden Two-Stream Convolutional Networks for Action Recognition", ACCV 2018, section 3.1 and table 1,
//! <https://arxiv.org/abs/1704.00389>. Weights are named as in the released definition for Caffe.
//!
//! ```text
//!  clip      conv1  conv2    conv3    conv4    conv5    conv6
//!  33x224²     64   128 /2   256 /2   512 /2   512 /2   1024 /2   each with a second one, conv1_1 to conv6_1
//!                     │        │        │        │         ├── conv_pr6 ────────────────────── flow 20x7²
//!                     │        │        │        └──── deconv5, flow ── smooth_conv5 ── conv_pr5  20x14²
//!                     │        │        └───────────── deconv4, flow ── smooth_conv4 ── conv_pr4  20x28²
//!                     │        └────────────────────── deconv3, flow ── smooth_conv3 ── conv_pr3  20x56²
//!                     └─────────────────────────────── deconv2, flow ── smooth_conv2 ── conv_pr2  20x112²
//! ```
//!
//! A level of the decoder sees the maps of the encoder, the last level's maps and the last level's flow, both brought to twice
//! their size. Convolutions are 3 x 3 with a leaky ReLU of slope 0.1, but `smooth_conv` and `conv_pr`, which have none.

use candle::{Module, Result, Tensor, bail};
use candle_nn::VarBuilder;
use marey_backbone::view::time_into_channels;
use marey_flow::{Estimator, Flow};
use marey_layers::{
    Conv3d, Conv3dConfig, ConvTranspose3d, ConvTranspose3dConfig, concat, conv_transpose3d, conv3d,
    leaky_relu, trace,
};

use crate::flow_loss::{LEVELS, flow_loss};

const SLOPE: f32 = 0.1;

/// Filters and strides of the encoder.
const ENCODER: [(&str, usize, usize); 12] = [
    ("conv1", 64, 1),
    ("conv1_1", 64, 1),
    ("conv2", 128, 2),
    ("conv2_1", 128, 1),
    ("conv3", 256, 2),
    ("conv3_1", 256, 1),
    ("conv4", 512, 2),
    ("conv4_1", 512, 1),
    ("conv5", 512, 2),
    ("conv5_1", 512, 1),
    ("conv6", 1024, 2),
    ("conv6_1", 1024, 1),
];

/// The levels of the decoder, from small to large: number, and filters.
const DECODER: [(usize, usize); 4] = [(5, 512), (4, 256), (3, 128), (2, 64)];

/// Mean red, green and blue of ImageNet in `[0, 1]`, which is taken from clips before.
pub const MEAN: [f32; 3] = [123. / 255., 117. / 255., 104. / 255.];

/// Sides of clips are multiples of this.
const STEP: usize = 32;

/// MotionNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MotionNetConfig {
    /// Frames of a clip; flow is between each and the next.
    pub frames: usize,
    /// Every count of filters, but of those that predict flow, is divided by this.
    pub shrink: usize,
}

/// MotionNet, for clips `[N, 3, 11, 224, 224]`.
pub fn motion_net() -> MotionNetConfig {
    MotionNetConfig { frames: 11, shrink: 1 }
}

impl MotionNetConfig {
    /// Channels of flow: x and y between each frame and the next.
    pub fn channels(&self) -> usize {
        2 * self.frames.saturating_sub(1)
    }
}

/// MotionNet, from clips to flow.
#[derive(Debug, Clone)]
pub struct MotionNet {
    frames: usize,
    encoder: Vec<(&'static str, Conv3d)>,
    smallest: Conv3d,
    decoder: Vec<Decoder>,
}

/// A level of the decoder.
#[derive(Debug, Clone)]
struct Decoder {
    /// Which map of the encoder it sees.
    skip: usize,
    name: String,
    up: ConvTranspose3d,
    up_flow: ConvTranspose3d,
    smooth: Conv3d,
    predict: Conv3d,
}

impl MotionNet {
    /// Builds the network at `vb`. Errors if there are fewer than two frames.
    pub fn new(config: &MotionNetConfig, vb: VarBuilder) -> Result<Self> {
        let flow = config.channels();
        if flow == 0 {
            bail!("MotionNet: expected at least 2 frames, got {}", config.frames)
        }
        let thin = |filters: usize| filters.div_ceil(config.shrink.max(1));
        let conv = |c_in, c_out, stride, name: &str| {
            let stride = [1, stride, stride];
            let config = Conv3dConfig { padding: [0, 1, 1].into(), stride, groups: 1 };
            conv3d(c_in, c_out, [1, 3, 3], config, vb.pp(name))
        };
        let up = |c_in, c_out, name: &str| {
            let config = ConvTranspose3dConfig { padding: [0, 1, 1], stride: [1, 2, 2], groups: 1 };
            conv_transpose3d(c_in, c_out, [1, 4, 4], config, vb.pp(name))
        };
        let mut channels = 3 * config.frames;
        let mut encoder = Vec::with_capacity(ENCODER.len());
        for (name, filters, stride) in ENCODER {
            encoder.push((name, conv(channels, thin(filters), stride, name)?));
            channels = thin(filters);
        }
        let smallest = conv(channels, flow, 1, "conv_pr6")?;
        let mut decoder = Vec::with_capacity(DECODER.len());
        for (level, filters) in DECODER {
            // The second convolution of the encoder's level.
            let skip = 2 * level - 1;
            let seen = thin(ENCODER[skip].1) + thin(filters) + flow;
            let upsample = format!("upsample_flow{}to{level}", level + 1);
            decoder.push(Decoder {
                skip,
                name: format!("conv_pr{level}"),
                up: up(channels, thin(filters), &format!("deconv{level}"))?,
                up_flow: up(flow, flow, &upsample)?,
                smooth: conv(seen, thin(filters), 1, &format!("smooth_conv{level}"))?,
                predict: conv(thin(filters), flow, 1, &format!("conv_pr{level}"))?,
            });
            channels = thin(filters);
        }
        Ok(Self { frames: config.frames, encoder, smallest, decoder })
    }

    /// Flow of five sizes, from a 32nd of the clip's sides to half of them: `[N, 3, L + 1, H, W]` to `[N, 2 L, h, w]` each, x
    /// and y of the first field, of the second, and so on. A unit is 20 pixels of the clip.
    ///
    /// Errors where there are not as many frames as the network was built for, or sides are not multiples of 32 from 64 on.
    pub fn flows(&self, xs: &Tensor) -> Result<Vec<Tensor>> {
        let (_, _, t, h, w) = xs.dims5()?;
        let fits = |side: usize| side >= 2 * STEP && side.is_multiple_of(STEP);
        if t != self.frames || !fits(h) || !fits(w) {
            bail!(
                "MotionNet: expected clips [N, 3, {}, H, W] with sides that are multiples of {STEP} from 64 on, got {:?}",
                self.frames,
                xs.dims()
            )
        }
        let mut xs = time_into_channels(xs)?;
        let mut maps = Vec::with_capacity(self.encoder.len());
        for (name, conv) in &self.encoder {
            xs = leaky_relu(&conv.forward(&xs)?, SLOPE)?;
            trace::stage(name, &xs);
            maps.push(xs.clone());
        }
        let mut flow = self.smallest.forward(&xs)?;
        trace::stage("conv_pr6", &flow);
        let mut flows = vec![flow.squeeze(2)?];
        for level in &self.decoder {
            let up = leaky_relu(&level.up.forward(&xs)?, SLOPE)?;
            let seen = concat(&[maps[level.skip].clone(), up, level.up_flow.forward(&flow)?])?;
            xs = level.smooth.forward(&seen)?;
            flow = level.predict.forward(&xs)?;
            trace::stage(&level.name, &flow);
            flows.push(flow.squeeze(2)?);
        }
        Ok(flows)
    }

    /// The loss that it is trained by alone, of clips `[N, 3, L + 1, H, W]`: there are no labels. See
    /// [`flow_loss`].
    pub fn loss(&self, xs: &Tensor) -> Result<Tensor> {
        flow_loss(xs, &self.flows(xs)?, 1.)
    }
}

impl Estimator for MotionNet {
    /// The largest of its [`flows`](MotionNet::flows), half as wide and high as the clips. There are as many frames as the network
    /// was built for.
    fn flow_of(&self, clips: &Tensor) -> Result<Flow> {
        let mean = Tensor::new(&MEAN, clips.device())?.to_dtype(clips.dtype())?;
        let flows = self.flows(&clips.broadcast_sub(&mean.reshape((1, 3, 1, 1, 1))?)?)?;
        let (Some(flow), Some(level)) = (flows.last(), LEVELS.last()) else {
            bail!("MotionNet: no flow")
        };
        let (n, channels, h, w) = flow.dims4()?;
        let fields = flow.contiguous()?.reshape((n, channels / 2, 2, h, w))?;
        Flow::new((fields * level.scale)?.transpose(1, 2)?)
    }
}
