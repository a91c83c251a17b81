//! S3D and S3D-G as their authors' code for TF-slim has them.
//!
//! Reference: Xie et al., ECCV 2018, and `research/slim/nets/s3dg.py` of tensorflow/models. Unlike in [`s3d`](crate::s3d())
//! the first convolution is not taken apart, those of time have a bias in place of a batch norm, gates have none, and
//! padding is TensorFlow's. No weights were released; they are named as in pytorch-i3d, with `temporal` for time.

use candle::Result;
use candle_nn::{Init, VarBuilder};
use marey_backbone::inflated::{BATCH_NORM, inflated, unit, unit_3d};
use marey_backbone::{InceptionConfig, PARTS, UnitFn, UnitSpec};
use marey_layers::{Conv3dConfig, Linear, Padding, Units, batch_norm, conv3d, conv3d_no_bias};

/// Frames that the first kernel sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stem {
    /// As in the code, by default.
    Three,
    /// As in the paper.
    Seven,
}

/// S3D, for clips `[N, c_in, 64, 224, 224]` in `[-1, 1]`.
pub fn s3d_slim(stem: Stem, c_in: usize, num_classes: usize) -> InceptionConfig {
    let mut units: [UnitFn; PARTS] = [separable; PARTS];
    units[0] = match stem {
        Stem::Three => |spec, vb| unit(3, spec, vb),
        Stem::Seven => unit_3d,
    };
    InceptionConfig { dropout: 0.2, ..inflated(units, c_in, num_classes) }
}

/// S3D-G: as [`s3d_slim`], with gates.
pub fn s3d_g_slim(stem: Stem, c_in: usize, num_classes: usize) -> InceptionConfig {
    InceptionConfig { gate: Some(gate), ..s3d_slim(stem, c_in, num_classes) }
}

/// Space with a batch norm, then time with a bias, each with a ReLU; of a 1 x 1 x 1 kernel the first alone.
fn separable(spec: UnitSpec, vb: VarBuilder) -> Result<Units> {
    let UnitSpec { c_in, c_out, kernel: k, stride: s } = spec;
    if k == 1 {
        return unit_3d(spec, vb);
    }
    let config = |stride| Conv3dConfig { padding: Padding::Same, stride, ..Default::default() };
    let space = conv3d_no_bias(c_in, c_out, [1, k, k], config([1, s, s]), vb.pp("conv3d"))?;
    let time = conv3d(c_out, c_out, [k, 1, 1], config([s, 1, 1]), vb.pp("temporal"))?;
    Ok(Units::from(space)
        .norm(batch_norm(c_out, BATCH_NORM, vb.pp("bn"))?)
        .relu()
        .then(time)
        .relu())
}

fn gate(c: usize, vb: VarBuilder) -> Result<Linear> {
    let small = Init::Randn { mean: 0., stdev: 0.01 };
    Ok(Linear::new(vb.get_with_hints((c, c), "weight", small)?, None))
}
