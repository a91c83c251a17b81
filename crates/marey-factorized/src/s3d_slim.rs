//! S3D and S3D-G as their authors' code for TF-slim has them.
//!
//! Reference: Xie et al., ECCV 2018, and `research/slim/nets/s3dg.py` of tensorflow/models. Unlike in [`s3d`](crate::s3d())
//! the first convolution is not taken apart, those of time have a bias in place of a batch norm, gates have none, and
//! padding is TensorFlow's. No weights were released; they are named as in pytorch-i3d, with `temporal` for time.
//!
//! ```text
//!   1 x k x k ── batch norm ── ReLU ── k x 1 x 1, + bias ── ReLU
//!                                      at first the frame in the middle: time is not seen yet
//! ```

use candle::Result;
use candle_nn::{Init, VarBuilder, init};
use marey_backbone::inflated::{BATCH_NORM, inflated, unit, unit_2d, unit_3d};
use marey_backbone::{InceptionConfig, PARTS, UnitFn, UnitSpec};
use marey_layers::{
    Conv3d, Conv3dConfig, Linear, Padding, Units, batch_norm, conv3d_no_bias, patterned,
};

/// Frames that the first kernel sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stem {
    /// As in the code, by default.
    Three,
    /// As in the paper.
    Seven,
}

/// The first part after the stem that sees time (`temporal_conv_startat` in the code).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// As in S3D.
    Conv2c = 2,
    /// The first block.
    Mixed3b,
    /// The second.
    Mixed3c,
    /// The third.
    Mixed4b,
    /// The fourth.
    Mixed4c,
    /// The fifth.
    Mixed4d,
    /// The sixth.
    Mixed4e,
    /// The seventh.
    Mixed4f,
    /// The eighth.
    Mixed5b,
    /// The last.
    Mixed5c,
}

/// S3D, for clips `[N, c_in, 64, 224, 224]` in `[-1, 1]`.
pub fn s3d_slim(stem: Stem, c_in: usize, num_classes: usize) -> InceptionConfig {
    s3d_slim_from(Start::Conv2c, stem, c_in, num_classes)
}

/// S3D whose parts between the stem and `start` see frames by themselves: the later it is, the fewer and the smaller the maps
/// over which time is seen. For clips `[N, c_in, 64, 224, 224]` in `[-1, 1]`.
pub fn s3d_slim_from(start: Start, stem: Stem, c_in: usize, num_classes: usize) -> InceptionConfig {
    let mut units: [UnitFn; PARTS] = [separable; PARTS];
    units[..start as usize].fill(unit_2d);
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
    let time = {
        let vb = vb.pp("temporal");
        let weight = patterned((c_out, c_out, k, 1, 1), "weight", centre, &vb)?;
        let bias = vb.get_with_hints(c_out, "bias", init::ZERO)?;
        Conv3d::new(weight, Some(bias), config([s, 1, 1]))
    };
    Ok(Units::from(space)
        .norm(batch_norm(c_out, BATCH_NORM, vb.pp("bn"))?)
        .relu()
        .then(time)
        .relu())
}

/// A kernel that leaves what it sees as it is: 1 in the middle from each channel to itself, 0 elsewhere.
fn centre(dims: &[usize]) -> Vec<f32> {
    let (channels, taps) = (dims[1], dims[2]);
    let mut values = vec![0.; dims[0] * channels * taps];
    values.iter_mut().skip(taps / 2).step_by((channels + 1) * taps).for_each(|value| *value = 1.);
    values
}

fn gate(c: usize, vb: VarBuilder) -> Result<Linear> {
    let small = Init::Randn { mean: 0., stdev: 0.01 };
    Ok(Linear::new(vb.get_with_hints((c, c), "weight", small)?, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{DType, Device, ModuleT, Tensor};
    use candle_nn::VarMap;
    use marey_layers::seeded;

    #[test]
    fn at_first_time_is_not_seen() -> Result<()> {
        let vb = || seeded(&VarMap::new(), 7, DType::F32, &Device::Cpu);
        let spec = UnitSpec { c_in: 3, c_out: 4, kernel: 3, stride: 1 };
        let values = (0..3 * 5 * 6 * 7).map(|i| (0.7 * i as f32).sin()).collect::<Vec<_>>();
        let xs = Tensor::from_vec(values, (1, 3, 5, 6, 7), &Device::Cpu)?;
        let values = |ys: Tensor| ys.flatten_all()?.to_vec1::<f32>();
        let both = values(separable(spec, vb())?.forward_t(&xs, false)?)?;
        assert_eq!(both, values(unit_2d(spec, vb())?.forward_t(&xs, false)?)?);
        assert!(both.iter().any(|y| *y > 0.));
        Ok(())
    }
}
