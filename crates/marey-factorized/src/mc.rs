//! MC and rMC: 3D kernels in some stages, 2D kernels in the others.
//!
//! Reference: Tran et al., CVPR 2018, section 3.3, <https://arxiv.org/abs/1711.11248>. Weights are named as in
//! torchvision's `mc3_18`. Frames are halved by 3D kernels only.
//!
//! ```text
//!             stem     layer1   layer2   layer3   layer4     frames left of 16
//!   MC2       3x7x7 │  1x3x3    1x3x3    1x3x3    1x3x3      16
//!   MC3       3x7x7    3x3x3 │  1x3x3    1x3x3    1x3x3      16
//!   MC4       3x7x7    3x3x3    3x3x3 │  1x3x3    1x3x3       8
//!   MC5       3x7x7    3x3x3    3x3x3    3x3x3 │  1x3x3       4
//!   rMC2      1x7x7 │  3x3x3    3x3x3    3x3x3    3x3x3       2
//!   rMC3      1x7x7    1x3x3 │  3x3x3    3x3x3    3x3x3       2
//!   rMC4      1x7x7    1x3x3    1x3x3 │  3x3x3    3x3x3       4
//!   rMC5      1x7x7    1x3x3    1x3x3    1x3x3 │  3x3x3       8
//! ```

use marey_backbone::video_resnet::{CAFFE2, conv_2d, conv_3d, flat_stem};
use marey_backbone::{Depth, Stage, VideoResNetConfig};
use marey_layers::BatchNormConfig;

/// A group of layers, as the paper counts them: its stem is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The first stage, `layer1` by name.
    Conv2,
    /// The second.
    Conv3,
    /// The third.
    Conv4,
    /// The last.
    Conv5,
}

/// MC3-18 as torchvision has it, for clips `[N, c_in, 16, 112, 112]`.
pub fn mc3_18(c_in: usize, num_classes: usize) -> VideoResNetConfig {
    VideoResNetConfig { bn: BatchNormConfig::default(), ..mc(Group::Conv3, c_in, num_classes) }
}

/// MC2 to MC5 of 18 layers: 2D kernels from `group` on, 3D ones before. For clips `[N, c_in, 16, 112, 112]`.
pub fn mc(group: Group, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    let mut config = VideoResNetConfig::new(Depth::D18, c_in, num_classes, conv_3d);
    config.stages[group as usize..].iter_mut().for_each(flatten);
    VideoResNetConfig { bn: CAFFE2, ..config }
}

/// rMC2 to rMC5 of 18 layers, the reverse: 3D kernels from `group` on, 2D ones before. For clips
/// `[N, c_in, 16, 112, 112]`.
pub fn rmc(group: Group, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    let mut config = VideoResNetConfig::new(Depth::D18, c_in, num_classes, conv_3d);
    config.stages[..group as usize].iter_mut().for_each(flatten);
    VideoResNetConfig { stem: flat_stem, bn: CAFFE2, ..config }
}

/// Takes a stage's time away.
pub(crate) fn flatten(stage: &mut Stage) {
    let [_, h, w] = stage.stride;
    *stage = Stage { stride: [1, h, w], conv: conv_2d, ..*stage };
}
