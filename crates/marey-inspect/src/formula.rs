//! Weights and clips that are formulas, so that two implementations of a network can be compared without a file of weights.
//!
//! Both compute the weights from the names of the tensors: a wrong name fails as surely as a wrong layer. Numbers are SplitMix64's
//! from the FNV-1a hash of the name; `tests/golden/make.py` has the same in Python.

use std::sync::Arc;

use candle::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use marey_layers::rng::fnv1a;

use crate::parameters::{Asked, Parameter};

struct Formula(Asked);

/// A `VarBuilder` of formula weights, which notes what is asked of it.
pub fn formula(device: &Device) -> (VarBuilder<'static>, Asked) {
    let asked = Asked::default();
    let backend = Formula(Arc::clone(&asked));
    (VarBuilder::from_backend(Box::new(backend), DType::F32, device.clone()), asked)
}

impl SimpleBackend for Formula {
    fn get(&self, s: Shape, name: &str, _: Init, dtype: DType, dev: &Device) -> Result<Tensor> {
        if let Ok(mut asked) = self.0.lock() {
            asked.push(Parameter { name: name.into(), shape: s.dims().into() });
        }
        Tensor::from_vec(values(name, s.dims()), s, dev)?.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle::bail!("`{name}`: a formula weight needs a shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// The number after state `state` of SplitMix64.
fn split_mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Numbers in `[-1, 1)`, multiples of 2^-23.
fn noise(name: &str) -> impl Iterator<Item = f64> {
    let start = fnv1a(name);
    let state = move |i: u64| start.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    (0..).map(move |i| (split_mix(state(i)) >> 40) as f64 / f64::from(1 << 23) - 1.)
}

/// The tensor `name` of this shape: kernels of the variance of He et al. 2015, scales around 1, variances of 1 to 1.5, others small.
pub fn values(name: &str, dims: &[usize]) -> Vec<f32> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let he = (6. / dims.iter().skip(1).product::<usize>() as f64).sqrt();
    let value = |w: f64| match (last, dims.len()) {
        ("running_var", _) => 1. + 0.5 * w * w,
        ("weight", 1) => 1. + 0.1 * w,
        ("weight", _) => w * he,
        _ => 0.1 * w,
    };
    noise(name).take(dims.iter().product()).map(|w| value(w) as f32).collect()
}

/// An input `[N, C, T, H, W]` in `[-scale, scale)`.
pub fn clip(dims: &[usize], scale: f32) -> Result<Tensor> {
    let values = noise("clip").take(dims.iter().product());
    let values: Vec<f32> = values.map(|w| (w * f64::from(scale)) as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu)
}

/// The largest difference, as a share of the largest value wanted.
pub fn difference(got: &Tensor, want: &Tensor) -> Result<f32> {
    let largest = |xs: &Tensor| xs.abs()?.max_all()?.to_scalar::<f32>();
    Ok(largest(&(got - want)?)? / largest(want)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_and_generator_of_the_reference_vectors() {
        // http://www.isthe.com/chongo/tech/comp/fnv/, and the first two numbers of Vigna's splitmix64.c from state 0.
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(split_mix(0), 0xe220_a839_7b1d_cdaf);
        assert_eq!(split_mix(0x9e37_79b9_7f4a_7c15), 0x6e78_9e6a_a1b9_65f4);
    }
}
