//! Several tensors made one, as at the end of a residual block or of an Inception module.

use candle::{Result, Tensor, bail};
use marey_kernels::channels;

use crate::tape::{self, Input};
use crate::{ops, order, trace};

/// `xs + ys`, of one shape.
pub fn add(xs: &Tensor, ys: &Tensor) -> Result<Tensor> {
    // While a network is traced only shapes count, and a sum would take the memory of all its zeros.
    if trace::recording() && xs.dims() == ys.dims() {
        return Ok(xs.clone());
    }
    let known = [xs, ys].iter().all(|xs| ops::takes(xs) && xs.rank() > 1);
    if !known || xs.dims() != ys.dims() {
        return xs + ys;
    }
    let (xs, ys) = (Input::of(xs)?, Input::of(ys)?);
    let dims = xs.dims().to_vec();
    let mut sums = xs.with(<[f32]>::to_vec)?;
    ys.with(|ys| marey_kernels::elementwise::add(&mut sums, ys))?;
    let both = [xs.clone(), ys.clone()];
    let backward = move |_: &Tensor, dys: Vec<f32>| {
        if let Some(mut sum) = both[0].gradient() {
            sum.add(&dys);
        }
        if let Some(mut sum) = both[1].gradient() {
            sum.give(dys);
        }
        Ok([None, None])
    };
    tape::output(sums, dims, &[&xs, &ys], &[], Box::new(backward))
}

/// The channels of `[N, C, ..]` tensors, one after the other.
pub fn concat(all: &[Tensor]) -> Result<Tensor> {
    let [first, others @ ..] = all else { bail!("concat: nothing to concatenate") };
    let alike = |ys: &Tensor| {
        ys.rank() > 1 && ys.dims()[0] == first.dims()[0] && ys.dims()[2..] == first.dims()[2..]
    };
    if first.rank() < 2 || !others.iter().all(alike) {
        return Tensor::cat(all, 1);
    }
    let mut dims = first.dims().to_vec();
    dims[1] = all.iter().map(|xs| xs.dims()[1]).sum();
    if trace::recording() {
        return trace::zeros(dims, first.device());
    }
    if !all.iter().all(ops::takes) {
        return Tensor::cat(all, 1);
    }
    let inputs = all.iter().map(Input::of).collect::<Result<Vec<_>>>()?;
    let total = dims[1];
    let firsts: Vec<(usize, usize)> = all
        .iter()
        .scan(0, |next, xs| {
            let first = *next;
            *next += xs.dims()[1];
            Some((first, xs.dims()[1]))
        })
        .collect();
    let mut ys = vec![0.; dims.iter().product()];
    for (input, (first, c)) in inputs.iter().zip(&firsts) {
        input.with(|xs| channels::put(xs, *c, &mut ys, total, *first))?;
    }
    let parts = inputs.clone();
    let backward = move |_: &Tensor, dys: Vec<f32>| {
        for (part, (first, c)) in parts.iter().zip(&firsts) {
            if let Some(mut sum) = part.gradient() {
                channels::take(&dys, total, *first, *c, &mut sum);
            }
        }
        Ok([None, None])
    };
    let dims = order::last_dims(&dims);
    tape::output(ys, dims, &inputs.iter().collect::<Vec<_>>(), &[], Box::new(backward))
}
