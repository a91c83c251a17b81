//! Channels multiplied by factors, as gates do.

use candle::{Result, Tensor, bail};
use marey_kernels::{Sum, channels, norm};

use crate::tape::{self, Input};
use crate::{ops, trace};

/// Each channel of each clip of `xs` `[N, C, ..]` times its factor of `factors` `[N, C]`.
pub fn scale_channels(xs: &Tensor, factors: &Tensor) -> Result<Tensor> {
    let dims = xs.dims();
    if dims.len() < 2 || factors.dims() != &dims[..2] {
        bail!("scale: expected factors [N, C] of {dims:?}, got {:?}", factors.dims())
    }
    if trace::recording() {
        return Ok(xs.clone());
    }
    if !ops::takes(xs) || !ops::takes(factors) || xs.elem_count() == 0 {
        let over: Vec<usize> = (0..dims.len()).map(|i| if i < 2 { dims[i] } else { 1 }).collect();
        return xs.broadcast_mul(&factors.reshape(over)?);
    }
    let (n, c) = (dims[0], dims[1]);
    let (xs, factors) = (Input::of(xs)?, Input::of(factors)?);
    let mut ys = Sum::default();
    xs.with(|xs| factors.with(|factors| channels::scale(xs, factors, c, &mut ys)))??;
    let inputs = [xs.clone(), factors.clone()];
    let backward = move |_: &Tensor, dys: Vec<f32>| {
        let [xs, factors] = &inputs;
        if let Some(mut sum) = factors.gradient() {
            let clip = dys.len() / n;
            xs.with(|xs| {
                let clips = xs.chunks(clip).zip(dys.chunks(clip));
                let dots = clips.flat_map(|(xs, dys)| norm::dots(xs, dys, c));
                sum.add(&dots.map(|dot| dot as f32).collect::<Vec<_>>());
            })?;
        }
        if let Some(mut sum) = xs.gradient() {
            factors.with(|factors| channels::scale(&dys, factors, c, &mut sum))?;
        }
        Ok([None, None])
    };
    let dims = xs.dims().to_vec();
    tape::output(ys.take().unwrap_or_default(), dims, &[&xs, &factors], &[], Box::new(backward))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, Var};

    /// By candle's own operation, on the graph and off it.
    #[test]
    fn scaling_and_its_gradients_are_those_of_a_broadcast_product() -> Result<()> {
        let values = |n: usize, f: f32| (0..n).map(|i| (i as f32 * f).sin()).collect::<Vec<_>>();
        let dev = &Device::Cpu;
        let xs = Var::from_vec(values(2 * 5 * 3 * 4 * 2, 0.7), (2, 5, 3, 4, 2), dev)?;
        let factors = Var::from_vec(values(10, 1.3), (2, 5), dev)?;
        let weight = Tensor::from_vec(values(2 * 5 * 3 * 4 * 2, 2.1), (2, 5, 3, 4, 2), dev)?;
        let over = factors.reshape((2, 5, 1, 1, 1))?;
        let (got, want) = (scale_channels(&xs, &factors)?, xs.broadcast_mul(&over)?);
        let worst = |a: &Tensor, b: &Tensor| (a - b)?.abs()?.max_all()?.to_scalar::<f32>();
        assert_eq!(worst(&got, &want)?, 0.);
        let gradients = |ys: &Tensor| crate::backward(&(ys * &weight)?.sum_all()?);
        let (got, want) = (gradients(&got)?, gradients(&want)?);
        for var in [&xs, &factors] {
            let (Some(got), Some(want)) = (got.get(var), want.get(var)) else {
                panic!("no gradient")
            };
            assert!(worst(got, want)? < 1e-5, "{:?}", var.dims());
        }
        assert!(scale_channels(&xs, &factors.narrow(1, 0, 4)?).is_err());
        Ok(())
    }
}
