//! Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).

use candle::{Module, Result, Tensor, bail};
use marey_kernels::LrnShape;

use crate::{ops, trace};

/// `y = x / (k + alpha / size * sum x^2)^beta`, the sum over `size` neighbouring channels.
///
/// Constants as Caffe and PyTorch print them; the papers' own `alpha` is not divided by `size`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LocalResponseNorm {
    /// Number of channels in the sum.
    pub size: usize,
    /// Scale of the sum.
    pub alpha: f64,
    /// Exponent.
    pub beta: f64,
    /// Constant added to the sum.
    pub k: f64,
}

impl Module for LocalResponseNorm {
    /// `[N, C, ..]` to the same.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let &Self { size, alpha, beta, k } = self;
        if size == 0 {
            bail!("lrn: a sum over no channel")
        }
        let dims @ [n, c, p] = ops::planes(xs)?;
        if trace::recording() {
            return Ok(xs.clone());
        }
        if ops::takes(xs) {
            let shape =
                LrnShape { dims, size, alpha: alpha as f32, beta: beta as f32, k: k as f32 };
            return xs.contiguous()?.apply_op1(ops::lrn::Lrn(shape));
        }
        let squares = xs.reshape((n, c, p))?.sqr()?.pad_with_zeros(1, size / 2, (size - 1) / 2)?;
        let mut sum = squares.narrow(1, 0, c)?;
        for i in 1..size {
            sum = (sum + squares.narrow(1, i, c)?)?;
        }
        let divisor = ((sum * (alpha / size as f64))? + k)?.powf(beta)?;
        xs / divisor.reshape(xs.shape())?
    }
}
