//! R2D and f-R2D: residual networks of 2D kernels, over all frames at once or over each by itself.
//!
//! Reference: Tran et al., CVPR 2018, section 3.1, <https://arxiv.org/abs/1711.11248>. Weights are named as torchvision
//! names those of its `VideoResNet`.
//!
//! ```text
//!            stem             layer1  layer2  layer3  layer4
//!   R2D      Lx7x7, L -> 1     1x3x3   1x3x3   1x3x3   1x3x3   one image of all frames
//!   f-R2D    1x7x7             1x3x3   1x3x3   1x3x3   1x3x3   L images, averaged at the end
//!              112² -> 56²     56²     28²     14²     7²
//! ```

use marey_backbone::video_resnet::{CAFFE2, collapsing_stem, conv_2d, flat_stem};
use marey_backbone::{Depth, VideoResNetConfig};

use crate::mc::flatten;

/// R2D-18, for clips `[N, c_in, frames, 112, 112]`: its first kernel sees all frames and leaves none of time.
pub fn r2d_18(frames: usize, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    VideoResNetConfig { frames, stem: collapsing_stem, ..fr2d_18(c_in, num_classes) }
}

/// f-R2D-18, for clips `[N, c_in, 16, 112, 112]`: frames meet in the mean before the classifier only.
pub fn fr2d_18(c_in: usize, num_classes: usize) -> VideoResNetConfig {
    let mut config = VideoResNetConfig::new(Depth::D18, c_in, num_classes, conv_2d);
    config.stages.iter_mut().for_each(flatten);
    VideoResNetConfig { stem: flat_stem, bn: CAFFE2, ..config }
}
