//! ReLU, and its leaky relative.

use candle::{Result, Tensor, bail};
use marey_kernels::elementwise;

use crate::tape::{self, Input, with_cells};
use crate::{ops, trace};

/// `max(xs, 0)`, of any shape.
pub fn relu(xs: &Tensor) -> Result<Tensor> {
    if trace::recording() {
        return Ok(xs.clone());
    }
    if !ops::takes(xs) || xs.rank() < 2 {
        return xs.relu();
    }
    let xs = Input::of(xs)?;
    let dims = xs.dims().to_vec();
    let mut ys = vec![0.; dims.iter().product()];
    xs.with(|xs| elementwise::relu(xs, &mut ys))?;
    let input = xs.clone();
    let backward = move |ys: &Tensor, mut dys: Vec<f32>| {
        with_cells(ys, |ys| elementwise::relu_gradient(ys, &mut dys))?;
        if let Some(mut dxs) = input.gradient() {
            dxs.add(&dys);
        }
        Ok([None, None])
    };
    tape::output(ys, dims, &[&xs], &[], Box::new(backward))
}

/// `xs`, times `slope` where it is below 0: of any shape (Maas et al. 2013). `slope` must be above 0 and below 1.
pub fn leaky_relu(xs: &Tensor, slope: f32) -> Result<Tensor> {
    if !(slope > 0. && slope < 1.) {
        bail!("leaky relu: expected a slope above 0 and below 1, got {slope}")
    }
    if trace::recording() {
        return Ok(xs.clone());
    }
    if !ops::takes(xs) || xs.rank() < 2 {
        return xs.maximum(&(xs * f64::from(slope))?);
    }
    let xs = Input::of(xs)?;
    let dims = xs.dims().to_vec();
    let mut ys = vec![0.; dims.iter().product()];
    xs.with(|xs| elementwise::leaky_relu(xs, slope, &mut ys))?;
    let input = xs.clone();
    let backward = move |ys: &Tensor, mut dys: Vec<f32>| {
        with_cells(ys, |ys| elementwise::leaky_relu_gradient(ys, slope, &mut dys))?;
        if let Some(mut dxs) = input.gradient() {
            dxs.give(dys);
        }
        Ok([None, None])
    };
    tape::output(ys, dims, &[&xs], &[], Box::new(backward))
}
