//! Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).

use candle::{Module, Result, Tensor, bail};
use marey_kernels::{LrnShape, lrn};

use crate::tape::{self, Input};
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
        let [n, c, rest @ ..] = xs.dims() else {
            bail!("lrn: expected [N, C, ..], got {:?}", xs.dims())
        };
        let (n, c, p) = (*n, *c, rest.iter().product::<usize>());
        if trace::recording() {
            return Ok(xs.clone());
        }
        if ops::takes(xs) {
            let shape =
                LrnShape { channels: c, size, alpha: alpha as f32, beta: beta as f32, k: k as f32 };
            return recorded(shape, xs);
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

/// By the kernel, on the graph where there is one.
fn recorded(shape: LrnShape, xs: &Tensor) -> Result<Tensor> {
    let xs = Input::of(xs)?;
    let dims = xs.dims().to_vec();
    let mut ys = vec![0.; dims.iter().product()];
    xs.with(|xs| lrn::forward(&shape, xs, &mut ys))?;
    let input = xs.clone();
    let backward = move |_: &Tensor, dys: Vec<f32>| {
        input.with(|xs| {
            if let Some(mut sum) = input.gradient() {
                let mut dxs = vec![0.; xs.len()];
                lrn::gradient(&shape, xs, &dys, &mut dxs);
                sum.add(&dxs);
            }
        })?;
        Ok([None, None])
    };
    tape::output(ys, dims, &[&xs], &[], Box::new(backward))
}
