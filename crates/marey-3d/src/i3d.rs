//! I3D: Inception-v1 with its kernels inflated to 3D.
//!
//! Reference: Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017,
//! figure 3, <https://arxiv.org/abs/1705.07750>. Weights are named as in pytorch-i3d; padding is TensorFlow's.

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::{InceptionConfig, UnitSpec};
use marey_layers::{
    BatchNormConfig, Conv3dConfig, Padding, Pool3dConfig, Units, batch_norm, conv3d_no_bias,
};

/// The released checkpoints' epsilon; the decay of 0.999 that TensorFlow code counts is a momentum of 1e-3 here.
const BATCH_NORM: BatchNormConfig = BatchNormConfig { eps: 1e-3, momentum: 1e-3 };

/// I3D, for clips `[N, c_in, 64, 224, 224]` in `[-1, 1]`.
pub fn i3d(c_in: usize, num_classes: usize) -> InceptionConfig {
    InceptionConfig { c_in, unit, pool, names, shrink: 1, dropout: 0.5, num_classes }
}

/// A convolution, a batch norm, a ReLU.
fn unit(spec: UnitSpec, vb: VarBuilder) -> Result<Units> {
    let UnitSpec { c_in, c_out, kernel, stride } = spec;
    let config = Conv3dConfig { padding: Padding::Same, stride: [stride; 3], ..Default::default() };
    let conv = conv3d_no_bias(c_in, c_out, [kernel; 3], config, vb.pp("conv3d"))?;
    Ok(Units::from(conv).norm(batch_norm(c_out, BATCH_NORM, vb.pp("bn"))?).relu())
}

fn pool(kernel: [usize; 3], stride: [usize; 3]) -> Pool3dConfig {
    Pool3dConfig { padding: Padding::Same, ..Pool3dConfig::new(kernel, stride) }
}

/// pytorch-i3d calls endpoints and branches as the skeleton does.
fn names(part: &'static str) -> &'static str {
    if part == "logits" { "logits.conv3d" } else { part }
}
