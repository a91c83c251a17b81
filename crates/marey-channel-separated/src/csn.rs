//! ip-CSN and ir-CSN: residual networks whose 3 x 3 x 3 kernels see one channel each.
//!
//! Reference: Tran et al., "Video Classification with Channel-Separated Convolutional Networks", ICCV 2019, section 4,
//! <https://arxiv.org/abs/1904.02811>, and the authors' code for the stem's pooling. Weights are named as torchvision
//! names those of a `VideoResNet` of bottlenecks.

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::video_resnet::CAFFE2;
use marey_backbone::{ConvFn, ConvSpec, Depth, VideoResNetConfig};
use marey_layers::{Conv3d, Conv3dConfig, Units, batch_norm, conv3d_no_bias};

/// Interaction-reduced CSN: the 3 x 3 x 3 kernel becomes depthwise. For clips `[N, c_in, 32, 224, 224]`.
pub fn ir_csn(depth: Depth, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    csn(depth, c_in, num_classes, |spec, vb| Ok(depthwise(spec, vb)?.into()))
}

/// Interaction-preserved CSN: as [`ir_csn`], with a 1 x 1 x 1 kernel ahead of the depthwise one.
pub fn ip_csn(depth: Depth, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    csn(depth, c_in, num_classes, preserved)
}

fn csn(depth: Depth, c_in: usize, num_classes: usize, conv: ConvFn) -> VideoResNetConfig {
    VideoResNetConfig {
        frames: 32,
        pool: Some(VideoResNetConfig::stem_pool()),
        bn: CAFFE2,
        ..VideoResNetConfig::new(depth, c_in, num_classes, conv)
    }
}

fn depthwise(spec: ConvSpec, vb: VarBuilder) -> Result<Conv3d> {
    let ConvSpec { c_in, c_out, stride, .. } = spec;
    let config = Conv3dConfig { stride, padding: [1; 3].into(), groups: c_in };
    conv3d_no_bias(c_in, c_out, [3; 3], config, vb)
}

/// 1 x 1 x 1, batch norm, and no ReLU before the depthwise kernel.
fn preserved(spec: ConvSpec, vb: VarBuilder) -> Result<Units> {
    let ConvSpec { c_in, c_out, bn, .. } = spec;
    let pointwise = conv3d_no_bias(c_in, c_out, [1; 3], Conv3dConfig::default(), vb.pp(0))?;
    Ok(Units::from(pointwise)
        .norm(batch_norm(c_out, bn, vb.pp(1))?)
        .then(depthwise(ConvSpec { c_in: c_out, ..spec }, vb.pp(2))?))
}
