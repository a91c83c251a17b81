//! R3D: a residual network with full 3 x 3 x 3 kernels.
//!
//! Reference: Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018, section
//! 3.2, <https://arxiv.org/abs/1711.11248>. Weights are named as in torchvision's `r3d_18`.

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::{Block, ConvSpec, Stage, VideoResNetConfig, basic_stem};
use marey_layers::{BatchNormConfig, Conv3dConfig, Units, conv3d_no_bias};

/// R3D-18, for clips `[N, c_in, 16, 112, 112]`.
pub fn r3d_18(c_in: usize, num_classes: usize) -> VideoResNetConfig {
    r3d(c_in, num_classes, [2, 2, 2, 2])
}

/// R3D-34, for clips `[N, c_in, 16, 112, 112]`.
pub fn r3d_34(c_in: usize, num_classes: usize) -> VideoResNetConfig {
    r3d(c_in, num_classes, [3, 4, 6, 3])
}

fn r3d(c_in: usize, num_classes: usize, depth: [usize; 4]) -> VideoResNetConfig {
    let stage = |i: usize, s| Stage { depth: depth[i], stride: [s; 3], conv };
    VideoResNetConfig {
        c_in,
        stem: basic_stem,
        pool: None,
        block: Block::Basic,
        width: 64,
        stages: [stage(0, 1), stage(1, 2), stage(2, 2), stage(3, 2)],
        bn: BatchNormConfig::default(),
        num_classes,
    }
}

fn conv(spec: ConvSpec, vb: VarBuilder) -> Result<Units> {
    let config = Conv3dConfig { stride: spec.stride, padding: [1; 3].into(), ..Default::default() };
    Ok(conv3d_no_bias(spec.c_in, spec.c_out, [3; 3], config, vb)?.into())
}
