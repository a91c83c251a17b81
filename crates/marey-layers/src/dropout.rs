//! Dropout whose draws follow from a seed (Srivastava et al. 2014).

use candle::{ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;

use crate::{rng, trace};

/// While training, sets each value to zero with chance `p` and divides the rest by `1 - p`; else does nothing.
///
/// It trains inside [`rng::train_step`] only, and refuses otherwise: what it drops follows from the seed and number of
/// the step and its own name.
#[derive(Debug, Clone, PartialEq)]
pub struct Dropout {
    p: f32,
    name: String,
}

impl Dropout {
    /// Of chance `p` in `0..1`, called `name`: two dropouts of one network need two names.
    pub fn new(p: f32, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        if !(0. ..1.).contains(&p) {
            bail!("dropout `{name}`: expected a chance of at least 0 and less than 1, got {p}")
        }
        Ok(Self { p, name })
    }
}

impl ModuleT for Dropout {
    /// Any shape.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        if !train || self.p == 0. || trace::recording() {
            return Ok(xs.clone());
        }
        xs * rng::mask(&self.name, self.p, xs)?
    }
}

/// A dropout of chance `p`, named after the place of `vb`.
pub fn dropout(p: f32, vb: &VarBuilder) -> Result<Dropout> {
    Dropout::new(p, vb.prefix())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Device;

    #[test]
    fn forward_keeps_the_mean_and_follows_from_seed_step_and_name() -> Result<()> {
        let xs = Tensor::ones(10_000, candle::DType::F32, &Device::Cpu)?;
        let drop = |name: &str, seed, step| -> Result<Vec<f32>> {
            let drop = Dropout::new(0.25, name)?;
            rng::train_step(seed, step, || drop.forward_t(&xs, true))?.to_vec1()
        };
        let ys = drop("a", 1, 0)?;
        assert!(ys.iter().all(|y| *y == 0. || *y == 1. / 0.75));
        // Four deviations of the number dropped: sqrt(10000 * 0.25 * 0.75) = 43.
        let dropped = ys.iter().filter(|y| **y == 0.).count();
        assert!((2327..2673).contains(&dropped), "{dropped} of 10000 dropped");
        assert_eq!(ys, drop("a", 1, 0)?);
        assert!(ys != drop("b", 1, 0)? && ys != drop("a", 2, 0)? && ys != drop("a", 1, 1)?);
        Ok(())
    }

    #[test]
    fn forward_in_eval_does_nothing_and_training_outside_a_step_is_refused() -> Result<()> {
        let xs = Tensor::ones(4, candle::DType::F32, &Device::Cpu)?;
        let drop = Dropout::new(0.5, "fc6")?;
        assert_eq!(drop.forward_t(&xs, false)?.to_vec1::<f32>()?, [1.; 4]);
        let error = drop.forward_t(&xs, true).unwrap_err().to_string();
        assert!(error.contains("fc6"), "{error}");
        assert!(Dropout::new(1., "all").is_err());
        Ok(())
    }
}
