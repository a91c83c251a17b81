//! R3D: a residual network with full 3 x 3 x 3 kernels.
//!
//! Reference: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018, section
//! 3.2, <https://arxiv.org/abs/1711.11248>. Weights are named as in torchvision's `r3d_18`.
//!
//! ```text
//!   clip ── stem 3x7x7 ── layer1 ── layer2 ── layer3 ── layer4 ── mean ── fc
//!   16x112²     16x56²    16x56²    8x28²     4x14²     2x7²
//!                  64       64       128       256       512
//!
//!   a block:  x ── 3x3x3 norm ReLU ── 3x3x3 norm ── + ── ReLU
//!             └─────── (1x1x1 norm) ────────────────┘
//! ```

use marey_backbone::video_resnet::{CAFFE2, conv_3d};
use marey_backbone::{Depth, VideoResNetConfig};

/// R3D-18, for clips `[N, c_in, 16, 112, 112]`.
pub fn r3d_18(c_in: usize, num_classes: usize) -> VideoResNetConfig {
    VideoResNetConfig::new(Depth::D18, c_in, num_classes, conv_3d)
}

/// R3D-34, for clips `[N, c_in, 16, 112, 112]`.
pub fn r3d_34(c_in: usize, num_classes: usize) -> VideoResNetConfig {
    VideoResNetConfig::new(Depth::D34, c_in, num_classes, conv_3d)
}

/// ResNet3D of Tran et al., "Video Classification with Channel-Separated Convolutional Networks", ICCV 2019, section 4:
/// what CSN is compared with, for clips `[N, c_in, 8, 224, 224]`. Its stem is pooled.
pub fn resnet3d(depth: Depth, c_in: usize, num_classes: usize) -> VideoResNetConfig {
    VideoResNetConfig {
        frames: 8,
        pool: Some(VideoResNetConfig::stem_pool()),
        bn: CAFFE2,
        ..VideoResNetConfig::new(depth, c_in, num_classes, conv_3d)
    }
}
