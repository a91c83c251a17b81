//! ip-CSN and ir-CSN: residual networks whose 3 x 3 x 3 kernels see one channel each; and those between them and ResNet3D.
//!
//! Reference: Tran et al., "Video Classification with Channel-Separated Convolutional Networks", ICCV 2019, sections 3 and
//! 4, <https://arxiv.org/abs/1904.02811>, and the authors' code for the stem's pooling. Weights are named as torchvision
//! names those of a `VideoResNet`.
//!
//! ```text
//!   bottleneck      bottleneck-G    bottleneck-D     bottleneck-DG   ip-CSN
//!                                   (ir-CSN)
//!   1 x 1 x 1       1 x 1 x 1       1 x 1 x 1        1 x 1 x 1, G    1 x 1 x 1
//!   3 x 3 x 3       3 x 3 x 3, G    3 x 3 x 3, dw    3 x 3 x 3, dw   1 x 1 x 1, 3 x 3 x 3, dw
//!   1 x 1 x 1       1 x 1 x 1       1 x 1 x 1        1 x 1 x 1, G    1 x 1 x 1
//!
//!   simple          simple-G        simple-D                         ip-CSN of simple blocks
//!   3 x 3 x 3       3 x 3 x 3, G    (1 x 1 x 1), 3 x 3 x 3, dw       1 x 1 x 1, 3 x 3 x 3, dw
//!   3 x 3 x 3       3 x 3 x 3, G                 3 x 3 x 3, dw       1 x 1 x 1, 3 x 3 x 3, dw
//!
//!   G: in groups; dw: depthwise, one channel each; ( ): where the number of channels changes
//! ```

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::video_resnet::{CAFFE2, conv_3d};
use marey_backbone::{ConvFn, ConvSpec, Depth, VideoResNetConfig};
use marey_layers::{Conv3d, Conv3dConfig, Units, batch_norm, conv3d_no_bias};

/// Interaction-reduced CSN: the 3 x 3 x 3 kernel becomes depthwise. For clips `[N, c_in, 32, 224, 224]`.
///
/// Of bottlenecks its blocks are bottleneck-D; of simple blocks (18 and 34 layers) they are simple-D, in which a 1 x 1 x 1
/// kernel with a batch norm goes ahead where the number of channels changes.
pub fn ir_csn(depth: Depth, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    csn(depth, c_in, num_classes, reduced)
}

/// Interaction-preserved CSN: as [`ir_csn`], with a 1 x 1 x 1 kernel ahead of every depthwise one.
pub fn ip_csn(depth: Depth, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    csn(depth, c_in, num_classes, preserved)
}

/// ResNet3D whose 3 x 3 x 3 kernels part their channels into `groups`: simple-G of 18 and 34 layers, bottleneck-G of others,
/// which with 32 groups is a ResNeXt. For clips `[N, c_in, 32, 224, 224]`. Every number of channels must divide into the groups.
pub fn grouped(depth: Depth, groups: usize, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    VideoResNetConfig { groups, ..csn(depth, c_in, num_classes, conv_3d) }
}

/// [`ir_csn`] of bottlenecks whose 1 x 1 x 1 kernels part their channels into `groups`: bottleneck-DG.
pub fn bottleneck_dg(
    depth: Depth,
    groups: usize,
    c_in: usize,
    num_classes: usize,
) -> VideoResNetConfig {
    VideoResNetConfig { pointwise_groups: groups, ..ir_csn(depth, c_in, num_classes) }
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

/// A depthwise kernel; where it cannot give the channels that are wanted, [`preserved`].
fn reduced(spec: ConvSpec, vb: VarBuilder) -> Result<Units> {
    if spec.c_in == spec.c_out { Ok(depthwise(spec, vb)?.into()) } else { preserved(spec, vb) }
}

/// 1 x 1 x 1, batch norm, and no ReLU before the depthwise kernel.
fn preserved(spec: ConvSpec, vb: VarBuilder) -> Result<Units> {
    let ConvSpec { c_in, c_out, bn, .. } = spec;
    let pointwise = conv3d_no_bias(c_in, c_out, [1; 3], Conv3dConfig::default(), vb.pp(0))?;
    Ok(Units::from(pointwise)
        .norm(batch_norm(c_out, bn, vb.pp(1))?)
        .then(depthwise(ConvSpec { c_in: c_out, ..spec }, vb.pp(2))?))
}
