//! The fully connected layer.

use candle::{Module, Result, Shape, Tensor};
use candle_nn::{Init, VarBuilder, init};
use marey_kernels::conv::plan;
use marey_kernels::{ConvShape, Epilogue, Window, elementwise};

use crate::filters::Filters;
use crate::precision::{Precision, precision};
use crate::tape::{self, Input, with_cells};
use crate::{Conv3d, Conv3dConfig, ops, trace};

/// `ys = xs weight^T + bias`, as [`candle_nn::Linear`]; it also says what it costs while a network is
/// [traced](crate::trace).
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    filters: Filters,
}

impl Linear {
    /// Wraps a weight `[D_out, D_in]` and a bias `[D_out]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias, filters: Filters::default() }
    }

    /// `D_in`.
    pub fn d_in(&self) -> Result<usize> {
        self.weight.dim(1)
    }

    /// By candle's product of matrices.
    fn product(&self, xs: &Tensor) -> Result<Tensor> {
        let ys = xs.matmul(&self.weight.t()?)?;
        match &self.bias {
            None => Ok(ys),
            Some(bias) => ys.broadcast_add(bias),
        }
    }

    /// On the graph where there is one. A single row is a matter of reading the weights once.
    fn recorded(&self, xs: &Tensor) -> Result<Tensor> {
        let (n, d_in) = xs.dims2()?;
        let (d_out, expected) = self.weight.dims2()?;
        if d_in != expected {
            candle::bail!("linear: expected [N, {expected}], got {:?}", xs.dims())
        }
        let (xs, weight) = (Input::of(xs)?, self.weight.detach().contiguous()?);
        let bias = || self.bias.as_ref().map(ops::numbers).transpose();
        let ys = if precision() == Precision::Bf16 {
            // Half the bytes, which are what takes the time.
            let shape = rows(n, d_in, d_out);
            let algorithm = plan(&shape, Precision::Bf16);
            let filter = self.filters.of(&shape, algorithm, &self.weight.contiguous()?)?;
            let bias = bias()?;
            let epilogue = Epilogue { shift: bias.as_deref(), ..Default::default() };
            xs.with(|xs| filter.forward(&shape, xs, &epilogue))?
        } else if n == 1 {
            let bias = bias()?;
            let mut ys = vec![0.; d_out];
            xs.with(|xs| {
                with_cells(&weight, |ws| elementwise::linear(ws, xs, bias.as_deref(), &mut ys))
            })??;
            ys
        } else {
            let detached = Self::new(weight.clone(), self.bias.as_ref().map(Tensor::detach));
            ops::numbers(&detached.product(xs.cells())?)?
        };
        let parameters: Vec<&Tensor> = [&self.weight].into_iter().chain(&self.bias).collect();
        let input = xs.clone();
        let tracked = [Some(&self.weight), self.bias.as_ref()]
            .map(|parameter| parameter.is_some_and(Tensor::track_op));
        let backward = move |_: &Tensor, dys: Vec<f32>| {
            let dys = Tensor::from_vec(dys, (n, d_out), weight.device())?;
            if let Some(mut dxs) = input.gradient() {
                with_cells(&dys.matmul(&weight)?, |cells| dxs.add(cells))?;
            }
            let dweight = || {
                if n > 1 {
                    return dys.t()?.matmul(input.cells());
                }
                let mut dws = vec![0.; d_out * d_in];
                input
                    .with(|xs| with_cells(&dys, |dys| elementwise::outer(dys, xs, &mut dws)))??;
                Tensor::from_vec(dws, (d_out, d_in), weight.device())
            };
            Ok([tracked[0].then(dweight).transpose()?, tracked[1].then(|| dys.sum(0)).transpose()?])
        };
        tape::output(ys, (n, d_out), &[&xs], &parameters, Box::new(backward))
    }
}

/// `n` rows as the places of a convolution that sees one of them at a time.
fn rows(n: usize, c_in: usize, c_out: usize) -> ConvShape {
    let window = Window { kernel: [1; 3], stride: [1; 3], before: [0; 3], after: [0; 3] };
    ConvShape { n, c_in, c_out, groups: 1, input: [1; 3], window }
}

impl Module for Linear {
    /// `[N, D_in]` to `[N, D_out]`.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        if trace::recording() {
            let (n, _) = xs.dims2()?;
            let (d_out, d_in) = self.weight.dims2()?;
            trace::linear(n, d_in, d_out);
            return trace::zeros((n, d_out), xs.device());
        }
        if ops::takes(xs) { self.recorded(xs) } else { self.product(xs) }
    }
}

/// A fully connected layer at `vb`: tensors `weight` `[d_out, d_in]` and `bias` `[d_out]`.
pub fn linear(d_in: usize, d_out: usize, vb: VarBuilder) -> Result<Linear> {
    let bound = 1. / (d_in as f64).sqrt();
    let weight = vb.get_with_hints((d_out, d_in), "weight", init::DEFAULT_KAIMING_NORMAL)?;
    let bias = vb.get_with_hints(d_out, "bias", Init::Uniform { lo: -bound, up: bound })?;
    Ok(Linear::new(weight, Some(bias)))
}

/// The fully connected layer that gives logits: as [`linear`], but its first weights are small, normal with a deviation of
/// 0.01, and its bias is 0, as in torchvision's VGG and video ResNets.
///
/// Training then begins at the loss of a guess. With the larger weights of [`linear`] the first steps do little but undo
/// them, and a deep network without batch norm, such as C3D, may not learn at all after that.
pub fn classifier(d_in: usize, num_classes: usize, vb: VarBuilder) -> Result<Linear> {
    let (weight, bias) = classifier_parts(d_in, num_classes, vb)?;
    Ok(Linear::new(weight, Some(bias)))
}

/// Weight and bias of a [`classifier`].
pub(crate) fn classifier_parts(
    d_in: usize,
    num_classes: usize,
    vb: VarBuilder,
) -> Result<(Tensor, Tensor)> {
    small((num_classes, d_in), num_classes, vb)
}

/// As [`classifier`], for each place of `[N, c_in, T, H, W]`: a 1 x 1 x 1 convolution.
pub fn classifier_conv(c_in: usize, num_classes: usize, vb: VarBuilder) -> Result<Conv3d> {
    let (weight, bias) = small((num_classes, c_in, 1, 1, 1), num_classes, vb)?;
    Ok(Conv3d::new(weight, Some(bias), Conv3dConfig::default()))
}

fn small(shape: impl Into<Shape>, c_out: usize, vb: VarBuilder) -> Result<(Tensor, Tensor)> {
    let small = Init::Randn { mean: 0., stdev: 0.01 };
    let weight = vb.get_with_hints(shape.into(), "weight", small)?;
    Ok((weight, vb.get_with_hints(c_out, "bias", init::ZERO)?))
}
