//! First weights that follow from a seed.
//!
//! candle cannot seed its CPU generator, so weights are drawn here. A weight depends on the seed, its own name and its
//! shape alone: not on the device, nor on what was built before it.

use std::cell::Cell;

use candle::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::init::NormalOrUniform;
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder, VarMap};
use rand::Rng;
use rand_distr::{Distribution, StandardNormal};

use crate::rng;

thread_local! {
    /// The first values of the tensor that is asked for, where it has a pattern.
    static PATTERN: Cell<Option<Pattern>> = const { Cell::new(None) };
}

/// The first values of a tensor of a shape.
pub type Pattern = fn(&[usize]) -> Vec<f32>;

/// The tensor `name` of `vb`, whose first values, where [`seeded`] or [`drawn`] give it some, are a pattern: an identity, say, that no
/// [`Init`] can tell.
///
/// Errors as `vb` does, and where the pattern is not of that shape.
pub fn patterned(
    shape: impl Into<Shape>,
    name: &str,
    pattern: Pattern,
    vb: &VarBuilder,
) -> Result<Tensor> {
    PATTERN.set(Some(pattern));
    let tensor = vb.get_with_hints(shape.into(), name, Init::Const(0.));
    PATTERN.set(None);
    tensor
}

struct Seeded {
    vars: VarMap,
    seed: u64,
    frozen: Box<Frozen>,
}

/// Whether the variable of a name gets no gradient.
type Frozen = dyn Fn(&str) -> bool + Send + Sync;

struct Drawn {
    seed: u64,
}

/// A `VarBuilder` of weights as [`seeded`] draws them, but as plain tensors, which no optimiser changes: for a network that
/// is only evaluated.
pub fn drawn(seed: u64, dtype: DType, device: &Device) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Drawn { seed }), dtype, device.clone())
}

impl SimpleBackend for Drawn {
    fn get(&self, s: Shape, name: &str, init: Init, dtype: DType, dev: &Device) -> Result<Tensor> {
        Tensor::from_vec(draw(&s, name, init, self.seed), s, dev)?.to_dtype(dtype)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle::bail!("`{name}`: a weight that is drawn needs a shape")
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// A `VarBuilder` that adds variables to `vars`, drawn from `seed`. Variables that `vars` has already keep their value.
pub fn seeded(vars: &VarMap, seed: u64, dtype: DType, device: &Device) -> VarBuilder<'static> {
    seeded_but(vars, seed, dtype, device, |_| false)
}

/// [`seeded`], but the network gets the variables whose names are `frozen` as plain tensors, which follow their variable and
/// get no gradient: nothing is computed for them on the way back, nor for layers before the first that learns.
pub fn seeded_but(
    vars: &VarMap,
    seed: u64,
    dtype: DType,
    device: &Device,
    frozen: impl Fn(&str) -> bool + Send + Sync + 'static,
) -> VarBuilder<'static> {
    let backend = Seeded { vars: vars.clone(), seed, frozen: Box::new(frozen) };
    VarBuilder::from_backend(Box::new(backend), dtype, device.clone())
}

impl SimpleBackend for Seeded {
    fn get(&self, s: Shape, name: &str, init: Init, dtype: DType, dev: &Device) -> Result<Tensor> {
        if !self.contains_tensor(name) {
            let tensor = self.vars.get(s.clone(), name, Init::Const(0.), dtype, dev)?;
            let values = Tensor::from_vec(draw(&s, name, init, self.seed), s.clone(), dev)?;
            Var::from_tensor(&tensor)?.set(&values.to_dtype(dtype)?)?;
        }
        let tensor = self.vars.get(s, name, Init::Const(0.), dtype, dev)?;
        Ok(if (self.frozen)(name) { tensor.detach() } else { tensor })
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        candle::bail!("`{name}`: a weight that is drawn needs a shape")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.vars.data().lock().is_ok_and(|vars| vars.contains_key(name))
    }
}

/// The values of the tensor `name` of `shape`, as `init` says, from `seed`.
fn draw(shape: &Shape, name: &str, init: Init, seed: u64) -> Vec<f32> {
    if let Some(pattern) = PATTERN.take() {
        return pattern(shape.dims());
    }
    let mut rng = rng::stream(seed, name, 0);
    let count = shape.elem_count();
    let mut normal = |mean: f64, deviation: f64| -> Vec<f32> {
        let value = |z: f32| (mean + deviation * f64::from(z)) as f32;
        StandardNormal.sample_iter(&mut rng).take(count).map(value).collect()
    };
    match init {
        Init::Const(value) => vec![value as f32; count],
        Init::Randn { mean, stdev } => normal(mean, stdev),
        Init::Uniform { lo, up } => uniform(&mut rng, lo, up, count),
        Init::Kaiming { dist, fan, non_linearity } => {
            let deviation = non_linearity.gain() / (fan.for_shape(shape) as f64).sqrt();
            match dist {
                NormalOrUniform::Normal => normal(0., deviation),
                NormalOrUniform::Uniform => {
                    let bound = 3f64.sqrt() * deviation;
                    uniform(&mut rng, -bound, bound, count)
                }
            }
        }
    }
}

fn uniform(rng: &mut impl Rng, lo: f64, up: f64, count: usize) -> Vec<f32> {
    (0..count).map(|_| (lo + (up - lo) * f64::from(rng.random::<f32>())) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_nn::init::DEFAULT_KAIMING_NORMAL;

    fn weight(seed: u64, name: &str) -> Result<Vec<f32>> {
        let vb = seeded(&VarMap::new(), seed, DType::F32, &Device::Cpu);
        vb.pp("before").get_with_hints(3, "bias", Init::Uniform { lo: -1., up: 1. })?;
        vb.get_with_hints((32, 16, 3, 3, 3), name, DEFAULT_KAIMING_NORMAL)?.flatten_all()?.to_vec1()
    }

    #[test]
    fn frozen_variables_get_no_gradient_and_are_followed() -> Result<()> {
        let vars = VarMap::new();
        let frozen = |name: &str| name.starts_with("a.");
        let vb = seeded_but(&vars, 1, DType::F32, &Device::Cpu, frozen);
        let a = vb.pp("a").get_with_hints(2, "weight", Init::Const(3.))?;
        let b = vb.pp("b").get_with_hints(2, "weight", Init::Const(2.))?;
        assert!(!a.track_op() && b.track_op());
        assert!(!a.is_variable() && vars.all_vars().len() == 2);
        let var = vars.data().lock().unwrap()["a.weight"].clone();
        var.set(&Tensor::new(&[5f32, 7.], &Device::Cpu)?)?;
        assert_eq!(a.to_vec1::<f32>()?, [5., 7.]);
        Ok(())
    }

    #[test]
    fn seeded_weights_follow_from_seed_and_name() -> Result<()> {
        let vb = seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu);
        let alone = vb.get_with_hints((32, 16, 3, 3, 3), "a", DEFAULT_KAIMING_NORMAL)?;
        assert_eq!(weight(1, "a")?, alone.flatten_all()?.to_vec1::<f32>()?);
        let plain = drawn(1, DType::F32, &Device::Cpu);
        let plain = plain.get_with_hints((32, 16, 3, 3, 3), "a", DEFAULT_KAIMING_NORMAL)?;
        assert_eq!(weight(1, "a")?, plain.flatten_all()?.to_vec1::<f32>()?);
        assert!(weight(1, "a")? != weight(2, "a")? && weight(1, "a")? != weight(1, "b")?);
        Ok(())
    }

    #[test]
    fn a_pattern_is_of_its_tensor_alone() -> Result<()> {
        let vb = seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu);
        let rows = |dims: &[usize]| (0..dims.iter().product()).map(|i| i as f32).collect();
        let tensor = patterned((2, 2), "a", rows, &vb)?;
        assert_eq!(tensor.to_vec2::<f32>()?, [[0., 1.], [2., 3.]]);
        // What is there keeps its values, and the pattern is not another's.
        assert_eq!(
            patterned((2, 2), "a", |_| vec![9.; 4], &vb)?.to_vec2::<f32>()?,
            [[0., 1.], [2., 3.]]
        );
        assert_eq!(vb.get_with_hints(2, "b", Init::Const(5.))?.to_vec1::<f32>()?, [5., 5.]);
        assert!(patterned(3, "c", |_| vec![0.; 2], &vb).is_err());
        Ok(())
    }

    #[test]
    fn kaiming_normal_has_its_deviation() -> Result<()> {
        let ws = weight(1, "a")?;
        let square = ws.iter().map(|w| w * w).sum::<f32>() / ws.len() as f32;
        // 2 / (16 * 27), from 13824 draws: 4 deviations of the estimate are 5 %.
        assert!((square * 216. - 1.).abs() < 0.05, "{square}");
        Ok(())
    }

    #[test]
    fn seeded_keeps_what_is_there() -> Result<()> {
        let vars = VarMap::new();
        let first = seeded(&vars, 1, DType::F32, &Device::Cpu).get_with_hints(
            4,
            "a",
            DEFAULT_KAIMING_NORMAL,
        )?;
        let again = seeded(&vars, 2, DType::F32, &Device::Cpu).get_with_hints(
            4,
            "a",
            DEFAULT_KAIMING_NORMAL,
        )?;
        assert_eq!(first.to_vec1::<f32>()?, again.to_vec1::<f32>()?);
        Ok(())
    }
}
