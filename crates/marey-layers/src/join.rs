//! Several tensors made one, as at the end of a residual block or of an Inception module.

use candle::{Result, Tensor, bail};

use crate::trace;

/// `xs + ys`, of one shape.
pub fn add(xs: &Tensor, ys: &Tensor) -> Result<Tensor> {
    // While a network is traced only shapes count, and a sum would take the memory of all its zeros.
    if trace::recording() && xs.dims() == ys.dims() { Ok(xs.clone()) } else { xs + ys }
}

/// The channels of `[N, C, ..]` tensors, one after the other.
pub fn concat(all: &[Tensor]) -> Result<Tensor> {
    let [first, others @ ..] = all else { bail!("concat: nothing to concatenate") };
    let alike = |ys: &Tensor| {
        ys.rank() > 1 && ys.dims()[0] == first.dims()[0] && ys.dims()[2..] == first.dims()[2..]
    };
    if trace::recording() && first.rank() > 1 && others.iter().all(alike) {
        let mut dims = first.dims().to_vec();
        dims[1] = all.iter().map(|xs| xs.dims()[1]).sum();
        return trace::zeros(dims, first.device());
    }
    Tensor::cat(all, 1)
}
