//! Res3D: the residual network that the authors of C3D searched for.
//!
//! Reference: Tran, Ray, Shou, Chang and Paluri, "ConvNet Architecture Search for Spatiotemporal Feature Learning", 2017,
//! <https://arxiv.org/abs/1708.05038>, and its released definition for Caffe (C3D-v1.1). Weights are named as in
//! torchvision's `r3d_18`, of which it is an elder: `layer1.0.downsample` is the projection that this one has more.
//!
//! ```text
//!   clip         conv1           res2a res2b   res3a res3b   res4a res4b   res5a res5b   mean, fc
//!   3 x 8 x 112²  64, 3 x 7 x 7    64 8 x 56²   128 4 x 28²   256 2 x 14²   512 1 x 7²
//!
//!   a block:   x ──┬── 3 x 3 x 3 ── 3 x 3 x 3 ── + ── ReLU
//!                  └────── 1 x 1 x 1 in a ───────┘
//! ```

use marey_backbone::video_resnet::conv_3d;
use marey_backbone::{Depth, VideoResNetConfig};

/// Res3D-18, for clips `[N, c_in, 8, 112, 112]`. The first block of every stage has a projection, that of the first stage too.
pub fn res3d_18(c_in: usize, num_classes: usize) -> VideoResNetConfig {
    let mut config = VideoResNetConfig::new(Depth::D18, c_in, num_classes, conv_3d);
    config.stages[0].project = true;
    VideoResNetConfig { frames: 8, ..config }
}
