//! R(2+1)D: each 3 x 3 x 3 kernel becomes a 1 x 3 x 3 and a 3 x 1 x 1.
//!
//! Reference: Tran et al., CVPR 2018, section 3.5, <https://arxiv.org/abs/1711.11248>.
//! Weights are named as in torchvision's `r2plus1d_18`.
//!
//! There are two dialects of the middle channels. The paper's, and the authors' code: those of each convolution by itself.
//! torchvision's: both convolutions of a block have the first one's, which makes the network a little thinner.
//!
//! ```text
//!    3D                 (2+1)D
//!                       1 x d x d ── M channels
//!   t x d x d    ->     batch norm, ReLU
//!                       t x 1 x 1 ── N channels
//!
//!   M = t d² C N / (d² C + t N), rounded down: as many parameters as the kernel of C to N channels had.
//! ```

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::video_resnet::{CAFFE2, middle};
use marey_backbone::{ConvSpec, Depth, StemSpec, VideoResNetConfig};
use marey_layers::{BatchNormConfig, Conv3dConfig, Units, batch_norm, conv3d_no_bias};

/// R(2+1)D-18 as torchvision has it, for clips `[N, c_in, 16, 112, 112]`.
pub fn r2plus1d_18(c_in: usize, num_classes: usize) -> VideoResNetConfig {
    let bn = BatchNormConfig::default();
    VideoResNetConfig { stem, bn, ..VideoResNetConfig::new(Depth::D18, c_in, num_classes, conv) }
}

/// R(2+1)D as in the paper and its authors' code, for clips `[N, c_in, 16, 112, 112]`: 18, 34 and, of bottlenecks, 152 layers
/// were released.
pub fn r2plus1d(depth: Depth, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    let own = |spec: ConvSpec, vb: VarBuilder| {
        conv(ConvSpec { c_mid: middle(spec.c_in, spec.c_out), ..spec }, vb)
    };
    VideoResNetConfig { stem, bn: CAFFE2, ..VideoResNetConfig::new(depth, c_in, num_classes, own) }
}

/// 1 x 3 x 3 to the middle channels, batch norm, ReLU, 3 x 1 x 1.
fn conv(spec: ConvSpec, vb: VarBuilder) -> Result<Units> {
    let ConvSpec { c_in, c_out, c_mid, stride: [st, sh, sw], bn, .. } = spec;
    let space =
        Conv3dConfig { stride: [1, sh, sw], padding: [0, 1, 1].into(), ..Default::default() };
    let time = Conv3dConfig { stride: [st, 1, 1], padding: [1, 0, 0].into(), ..Default::default() };
    Ok(Units::from(conv3d_no_bias(c_in, c_mid, [1, 3, 3], space, vb.pp(0))?)
        .norm(batch_norm(c_mid, bn, vb.pp(1))?)
        .relu()
        .then(conv3d_no_bias(c_mid, c_out, [3, 1, 1], time, vb.pp(3))?))
}

/// 1 x 7 x 7 to 45 channels of the paper's 64, then 3 x 1 x 1 to all of them.
fn stem(spec: StemSpec, vb: VarBuilder) -> Result<Units> {
    let StemSpec { c_in, c_out, bn, .. } = spec;
    let c_mid = (45 * c_out / 64).max(1);
    let space = Conv3dConfig { stride: [1, 2, 2], padding: [0, 3, 3].into(), ..Default::default() };
    let time = Conv3dConfig { padding: [1, 0, 0].into(), ..Default::default() };
    Ok(Units::from(conv3d_no_bias(c_in, c_mid, [1, 7, 7], space, vb.pp(0))?)
        .norm(batch_norm(c_mid, bn, vb.pp(1))?)
        .relu()
        .then(conv3d_no_bias(c_mid, c_out, [3, 1, 1], time, vb.pp(3))?)
        .norm(batch_norm(c_out, bn, vb.pp(4))?)
        .relu())
}
