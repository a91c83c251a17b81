//! Inception-v1 inflated, as I3D has it: what networks that keep some of its kernels share.
//!
//! Reference: Carreira and Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, figure 3. Weights are named as in
//! pytorch-i3d; padding is TensorFlow's.

use candle::Result;
use candle_nn::VarBuilder;
use marey_layers::{
    BatchNormConfig, Conv3dConfig, Padding, Pool3dConfig, Units, batch_norm, conv3d_no_bias,
};

use crate::{InceptionConfig, PARTS, UnitFn, UnitSpec};

/// The released checkpoints' epsilon; the decay of 0.999 that TensorFlow code counts is a momentum of 1e-3 here.
pub const BATCH_NORM: BatchNormConfig = BatchNormConfig { eps: 1e-3, momentum: 1e-3 };

/// Inception-v1 with `units` for convolutions, I3D's poolings and names, and half of the features dropped.
pub fn inflated(units: [UnitFn; PARTS], c_in: usize, num_classes: usize) -> InceptionConfig {
    InceptionConfig { c_in, units, gate: None, pool, names, shrink: 1, dropout: 0.5, num_classes }
}

/// A cubic convolution, a batch norm, a ReLU.
pub fn unit_3d(spec: UnitSpec, vb: VarBuilder) -> Result<Units> {
    unit(spec.kernel, spec, vb)
}

/// One over frames, each by itself; a stride still leaves frames out.
pub fn unit_2d(spec: UnitSpec, vb: VarBuilder) -> Result<Units> {
    unit(1, spec, vb)
}

/// A convolution over `t` frames, a batch norm, a ReLU.
pub fn unit(t: usize, spec: UnitSpec, vb: VarBuilder) -> Result<Units> {
    let UnitSpec { c_in, c_out, kernel, stride } = spec;
    let config = Conv3dConfig { padding: Padding::Same, stride: [stride; 3], ..Default::default() };
    let conv = conv3d_no_bias(c_in, c_out, [t, kernel, kernel], config, vb.pp("conv3d"))?;
    Ok(Units::from(conv).norm(batch_norm(c_out, BATCH_NORM, vb.pp("bn"))?).relu())
}

fn pool(kernel: [usize; 3], stride: [usize; 3]) -> Pool3dConfig {
    Pool3dConfig { padding: Padding::Same, ..Pool3dConfig::new(kernel, stride) }
}

/// pytorch-i3d calls endpoints and branches as the skeleton does.
fn names(part: &'static str) -> &'static str {
    if part == "logits" { "logits.conv3d" } else { part }
}
