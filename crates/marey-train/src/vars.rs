//! The variables of a network in the order of their names.

use candle::{DType, Device, Result, Storage, Tensor, Var};
use candle_nn::VarMap;
use rayon::prelude::*;

/// Numbers a thread takes at once. Sums are formed by chunk and then in order, so that they do
/// not depend on the number of threads.
pub(crate) const CHUNK: usize = 1 << 15;

/// All variables, sorted by name: a map's own order differs from run to run.
pub(crate) fn sorted(vars: &VarMap) -> Vec<(String, Var)> {
    let vars = vars.data().lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut vars: Vec<_> = vars.iter().map(|(name, var)| (name.clone(), var.clone())).collect();
    vars.sort_by(|(a, _), (b, _)| a.cmp(b));
    vars
}

/// The sum of squares, in f64 where the device has it. Not finite where a number is not.
pub(crate) fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    if let Some(sum) = with_f32(tensor, |xs| {
        xs.par_chunks(CHUNK).map(squares).collect::<Vec<_>>().into_iter().sum()
    }) {
        return Ok(sum);
    }
    let dtype = if tensor.device().is_cpu() { DType::F64 } else { DType::F32 };
    let sum = tensor.to_dtype(dtype)?.sqr()?.sum_all()?;
    sum.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar()
}

/// Eight sums side by side, which become vector instructions where one cannot.
fn squares(xs: &[f32]) -> f64 {
    let mut sums = [0f64; 8];
    let (eights, rest) = xs.as_chunks::<8>();
    for eight in eights {
        for (sum, &x) in sums.iter_mut().zip(eight) {
            *sum += f64::from(x) * f64::from(x);
        }
    }
    let rest: f64 = rest.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    sums.iter().sum::<f64>() + rest
}

/// Whether all numbers are finite. Those that are not floats are.
pub(crate) fn is_finite(tensor: &Tensor) -> Result<bool> {
    if !tensor.dtype().is_float() || tensor.elem_count() == 0 {
        return Ok(true);
    }
    let finite =
        with_f32(tensor, |xs| xs.par_chunks(CHUNK).all(|c| c.iter().all(|x| x.is_finite())));
    match finite {
        Some(finite) => Ok(finite),
        // An infinite number times 0 is undefined, and so is any sum with an undefined one.
        None => {
            let zero = (tensor.flatten_all()?.to_dtype(DType::F32)? * 0.)?.sum_all()?;
            Ok(zero.to_scalar::<f32>()? == 0.)
        }
    }
}

/// `f` of the numbers of a contiguous f32 tensor on the CPU, without copying them.
fn with_f32<T>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> T) -> Option<T> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { return None };
    let xs = storage.as_slice::<f32>().ok()?;
    let (start, end) = layout.contiguous_offsets()?;
    Some(f(&xs[start..end]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_any_layout_and_type() {
        let xs = Tensor::new(&[[3f32, 4.], [1., 2.]], &Device::Cpu).unwrap();
        let all = [xs.clone(), xs.t().unwrap(), xs.to_dtype(DType::F64).unwrap()];
        for xs in all {
            assert_eq!(sum_of_squares(&xs).unwrap(), 30.);
            assert!(is_finite(&xs).unwrap());
        }
        // 1e30 squared is beyond f32, but no reason to stop.
        let large = Tensor::new(&[1e30f32], &Device::Cpu).unwrap();
        assert!((sum_of_squares(&large).unwrap() / 1e60 - 1.).abs() < 1e-6);
    }

    #[test]
    fn numbers_that_are_not_finite_are_found() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let xs = Tensor::new(&[[1f32, bad], [0., 2.]], &Device::Cpu).unwrap();
            for xs in [xs.clone(), xs.t().unwrap(), xs.to_dtype(DType::F64).unwrap()] {
                assert!(!is_finite(&xs).unwrap());
                assert!(!sum_of_squares(&xs).unwrap().is_finite());
            }
        }
    }
}
