//! MC3: 3D kernels in the first stage, 2D kernels above.
//!
//! Reference: Tran et al., CVPR 2018, section 3.3, <https://arxiv.org/abs/1711.11248>.
//! Weights are named as in torchvision's `mc3_18`.

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::{Block, ConvSpec, Stage, VideoResNetConfig, basic_stem};
use marey_layers::{BatchNormConfig, Conv3dConfig, Units, conv3d_no_bias};

/// MC3-18, for clips `[N, c_in, 16, 112, 112]`.
pub fn mc3_18(c_in: usize, num_classes: usize) -> VideoResNetConfig {
    let flat = Stage { depth: 2, stride: [1, 2, 2], conv: conv2d };
    VideoResNetConfig {
        c_in,
        stem: basic_stem,
        pool: None,
        block: Block::Basic,
        width: 64,
        stages: [Stage { depth: 2, stride: [1; 3], conv: conv3d }, flat, flat, flat],
        bn: BatchNormConfig::default(),
        num_classes,
    }
}

fn conv3d(spec: ConvSpec, vb: VarBuilder) -> Result<Units> {
    let config = Conv3dConfig { stride: spec.stride, padding: [1; 3].into(), ..Default::default() };
    Ok(conv3d_no_bias(spec.c_in, spec.c_out, [3; 3], config, vb)?.into())
}

fn conv2d(spec: ConvSpec, vb: VarBuilder) -> Result<Units> {
    let config =
        Conv3dConfig { stride: spec.stride, padding: [0, 1, 1].into(), ..Default::default() };
    Ok(conv3d_no_bias(spec.c_in, spec.c_out, [1, 3, 3], config, vb)?.into())
}
