//! Weights and clips that are formulas, and what several tests need.
//!
//! A golden file holds a network's output and no weights: PyTorch and marey both compute the weights from the names, so a
//! wrong name fails the test as surely as a wrong layer.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};

use candle::{DType, Device, Result, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use marey::layers::rng::fnv1a;

/// Names and shapes that were asked for.
pub(crate) type Asked = Arc<Mutex<Vec<(String, Vec<usize>)>>>;

struct Formula(Asked);

/// A `VarBuilder` of formula weights, and the list of what is asked of it.
pub(crate) fn formula(device: &Device) -> (VarBuilder<'static>, Asked) {
    let asked = Asked::default();
    let backend = Formula(asked.clone());
    (VarBuilder::from_backend(Box::new(backend), DType::F32, device.clone()), asked)
}

impl SimpleBackend for Formula {
    fn get(&self, s: Shape, name: &str, _: Init, dtype: DType, dev: &Device) -> Result<Tensor> {
        self.0.lock().unwrap().push((name.to_string(), s.dims().to_vec()));
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

/// As `values` in `golden/make.py`.
pub(crate) fn values(name: &str, dims: &[usize]) -> Vec<f32> {
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

/// An input `[N, C, T, H, W]` that is a formula too, in `[-scale, scale)`.
pub(crate) fn clip(dims: &[usize], scale: f32) -> Result<Tensor> {
    let values = noise("clip").take(dims.iter().product());
    let values: Vec<f32> = values.map(|w| (w * f64::from(scale)) as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu)
}

/// The largest difference, as a share of the largest value wanted.
pub(crate) fn difference(got: &Tensor, want: &Tensor) -> Result<f32> {
    let largest = |xs: &Tensor| xs.abs()?.max_all()?.to_scalar::<f32>();
    Ok(largest(&(got - want)?)? / largest(want)?)
}

/// This test binary once more, to run the test `name` alone.
pub(crate) fn rerun(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads", "1"]);
    command
}

/// The folder of real files, where there is one.
pub(crate) fn data() -> Option<PathBuf> {
    let data = std::env::var_os("MAREY_DATA").map(PathBuf::from);
    if data.is_none() {
        println!("skipped: MAREY_DATA is not set");
    }
    data
}

#[test]
fn hash_and_generator_of_the_reference_vectors() {
    // http://www.isthe.com/chongo/tech/comp/fnv/, and the first two numbers of Vigna's splitmix64.c from state 0.
    assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    assert_eq!(split_mix(0), 0xe220_a839_7b1d_cdaf);
    assert_eq!(split_mix(0x9e37_79b9_7f4a_7c15), 0x6e78_9e6a_a1b9_65f4);
}

/// How thin a network is for tests that train it, and the clip `[T, H, W]` it then takes.
pub(crate) fn thin(name: &str) -> (usize, [usize; 3]) {
    match name {
        "spatial" => (8, [1, 56, 56]),
        "c3d-bn" | "c3d-padded" => (8, [16, 32, 32]),
        "i2d" | "i3d" | "i3d-bottom-heavy" | "i3d-top-heavy" => (8, [8, 32, 32]),
        name if ["s3d", "csn", "resnet3d"].iter().any(|kind| name.contains(kind)) => {
            (8, [8, 64, 64])
        }
        _ => (8, [8, 24, 24]),
    }
}
