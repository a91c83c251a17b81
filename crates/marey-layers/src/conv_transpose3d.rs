//! Transposed 3D convolution over `[N, C, T, H, W]`, which papers also call deconvolution or up-convolution.
//!
//! It takes maps to where the gradient of a convolution's output goes: to the input. So its forward pass is the input
//! gradient of a convolution, and the gradient of its input is that convolution.

use candle::{Module, Result, Tensor, bail};
use candle_nn::{VarBuilder, init};
use marey_kernels::conv::{self, plan_fresh};
use marey_kernels::{ConvShape, Epilogue, Filter, Sum, Window, norm};

use crate::precision::precision;
use crate::tape::{self, Input, with_cells};
use crate::{ops, trace};

mod composed;

/// Stride, padding and groups of a [`ConvTranspose3d`], in the order `[t, h, w]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvTranspose3dConfig {
    /// Cells cut off at both ends of the output.
    pub padding: [usize; 3],
    /// Step in the output from one cell of the input to the next.
    pub stride: [usize; 3],
    /// Number of channel groups.
    pub groups: usize,
}

impl Default for ConvTranspose3dConfig {
    fn default() -> Self {
        Self { padding: [0; 3], stride: [1; 3], groups: 1 }
    }
}

/// A transposed 3D convolution.
#[derive(Debug, Clone)]
pub struct ConvTranspose3d {
    weight: Tensor,
    bias: Option<Tensor>,
    config: ConvTranspose3dConfig,
}

impl ConvTranspose3d {
    /// Wraps a weight `[C_in, C_out / groups, kT, kH, kW]` and a bias `[C_out]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: ConvTranspose3dConfig) -> Self {
        Self { weight, bias, config }
    }

    /// The convolution that this one is the transpose of: from our output to our input. Along each axis the output has
    /// `(input - 1) stride + kernel - 2 padding` cells.
    fn transposed(&self, xs: &Tensor) -> Result<ConvShape> {
        let [n, c_in, t, h, w] = *xs.dims() else {
            bail!("conv_transpose3d: expected clips [N, C, T, H, W], got {:?}", xs.dims())
        };
        let (expected, group_out, kt, kh, kw) = self.weight.dims5()?;
        let ConvTranspose3dConfig { padding, stride, groups } = self.config;
        if c_in != expected {
            bail!("conv_transpose3d: expected {expected} channels, got {:?}", xs.dims())
        }
        let (cells, kernel) = ([t, h, w], [kt, kh, kw]);
        let mut output = [0; 3];
        for axis in 0..3 {
            let full = cells[axis].saturating_sub(1) * stride[axis] + kernel[axis];
            output[axis] = full.saturating_sub(2 * padding[axis]);
        }
        let window = Window { kernel, stride, before: padding, after: padding };
        let c_out = group_out * groups;
        let shape = ConvShape { n, c_in: c_out, c_out: c_in, groups, input: output, window };
        if output.contains(&0) || shape.output() != Some(cells) {
            bail!("conv_transpose3d: {:?} of {kernel:?} makes nothing of {cells:?}", self.config)
        }
        Ok(shape)
    }

    /// By the kernels, on the graph where there is one.
    fn recorded(&self, shape: ConvShape, xs: &Tensor) -> Result<Tensor> {
        let (xs, precision) = (Input::of(xs)?, precision());
        let weight = self.weight.detach().contiguous()?;
        let mut sum = Sum::default();
        xs.with(|xs| {
            with_cells(&weight, |ws| conv::input_gradient(&shape, precision, xs, ws, &mut sum))
        })??;
        let mut ys = sum.take().unwrap_or_default();
        if let Some(bias) = self.bias.as_ref().map(ops::numbers).transpose()? {
            let epilogue = Epilogue { shift: Some(&bias), ..Default::default() };
            ys = norm::finish(&ys, shape.c_in, &epilogue);
        }
        let [t, h, w] = shape.input;
        let dims = (shape.n, t, h, w, shape.c_in);
        let parameters: Vec<&Tensor> = [&self.weight].into_iter().chain(&self.bias).collect();
        let input = xs.clone();
        let tracked = [Some(&self.weight), self.bias.as_ref()]
            .map(|parameter| parameter.is_some_and(Tensor::track_op));
        let backward = move |_: &Tensor, dys: Vec<f32>| {
            let of_weight = || -> Result<Tensor> {
                let mut dws = vec![0.; shape.weight_len()];
                input.with(|xs| conv::weight_gradient(&shape, precision, &dys, xs, &mut dws))?;
                Tensor::from_vec(dws, weight.shape(), weight.device())
            };
            let of_bias = || {
                let mut dbias = vec![0.; shape.c_in];
                conv::bias_gradient(&dys, &mut dbias);
                Tensor::from_vec(dbias, shape.c_in, weight.device())
            };
            let dweight = tracked[0].then(of_weight).transpose()?;
            let dbias = tracked[1].then(of_bias).transpose()?;
            if let Some(mut dxs) = input.gradient() {
                let algorithm = plan_fresh(&shape, precision);
                let filter = with_cells(&weight, |ws| Filter::new(&shape, algorithm, ws))?;
                dxs.give(filter.forward(&shape, &dys, &Epilogue::default()));
            }
            Ok([dweight, dbias])
        };
        tape::output(ys, dims, &[&xs], &parameters, Box::new(backward))
    }
}

impl Module for ConvTranspose3d {
    /// `[N, C_in, T, H, W]` to `[N, C_out, T', H', W']`.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let shape = self.transposed(xs)?;
        if trace::recording() {
            trace::transposed(shape);
            let [t, h, w] = shape.input;
            return trace::zeros((shape.n, shape.c_in, t, h, w), xs.device());
        }
        if !ops::takes(xs) {
            return composed::conv_transpose3d(&shape, xs, &self.weight, self.bias.as_ref());
        }
        self.recorded(shape, xs)
    }
}

/// A transposed convolution with a bias, at `vb`: tensors `weight` `[c_in, c_out / groups, kT, kH, kW]`, at first as He et
/// al. 2015 with the fan-in that Caffe counts, `c_out / groups` kernels, and `bias` (zero at first).
pub fn conv_transpose3d(
    c_in: usize,
    c_out: usize,
    [kt, kh, kw]: [usize; 3],
    config: ConvTranspose3dConfig,
    vb: VarBuilder,
) -> Result<ConvTranspose3d> {
    let groups = config.groups;
    if groups == 0 || !c_in.is_multiple_of(groups) || !c_out.is_multiple_of(groups) {
        bail!(
            "conv_transpose3d `{}`: {c_in} and {c_out} channels do not divide into {groups} groups",
            vb.prefix()
        )
    }
    let shape = (c_in, c_out / groups, kt, kh, kw);
    let weight = vb.get_with_hints(shape, "weight", init::DEFAULT_KAIMING_NORMAL)?;
    let bias = vb.get_with_hints(c_out, "bias", init::ZERO)?;
    Ok(ConvTranspose3d::new(weight, Some(bias), config))
}
