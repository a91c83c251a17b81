//! 3D convolution over `[N, C, T, H, W]`.

use std::sync::Arc;

use candle::{Module, Result, Tensor, bail};
use candle_nn::{VarBuilder, init};
use marey_kernels::conv::{self, plan, plan_fresh};
use marey_kernels::{ConvShape, Epilogue, Filter, elementwise};

use crate::filters::Filters;
use crate::precision::precision;
use crate::tape::{self, Input, with_cells};
use crate::{Padding, ops, trace};

mod composed;

/// Stride, padding and groups of a [`Conv3d`], in the order `[t, h, w]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv3dConfig {
    /// Zeros added around the input.
    pub padding: Padding,
    /// Step along each axis.
    pub stride: [usize; 3],
    /// Number of channel groups. `groups == c_in` is a depthwise convolution.
    pub groups: usize,
}

impl Default for Conv3dConfig {
    fn default() -> Self {
        Self { padding: Padding::default(), stride: [1; 3], groups: 1 }
    }
}

/// A 3D convolution.
#[derive(Debug, Clone)]
pub struct Conv3d {
    weight: Tensor,
    bias: Option<Tensor>,
    config: Conv3dConfig,
    filters: Filters,
}

impl Conv3d {
    /// Wraps a weight `[C_out, C_in / groups, kT, kH, kW]` and a bias `[C_out]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv3dConfig) -> Self {
        Self { weight, bias, config, filters: Filters::default() }
    }

    /// `[C_out, C_in / groups, kT, kH, kW]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// `[C_out]`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// The sizes of a pass over `xs`, refused where they do not go together.
    pub(crate) fn shape(&self, xs: &Tensor) -> Result<ConvShape> {
        let [n, c_in, t, h, w] = *xs.dims() else {
            bail!("conv3d: expected clips [N, C, T, H, W], got {:?}", xs.dims())
        };
        let (c_out, group_in, kt, kh, kw) = self.weight.dims5()?;
        let Conv3dConfig { padding, stride, groups } = self.config;
        if c_in != group_in * groups {
            bail!(
                "conv3d: expected {} channels ({groups} groups of {group_in}), got {:?}",
                group_in * groups,
                xs.dims()
            )
        }
        let window = padding.window([kt, kh, kw], stride, [t, h, w]);
        let shape = ConvShape { n, c_in, c_out, groups, input: [t, h, w], window };
        if shape.output().is_none() {
            bail!(
                "conv3d: a kernel {kt}x{kh}x{kw} of stride {stride:?} does not fit {t}x{h}x{w} padded by {padding:?}"
            )
        }
        Ok(shape)
    }

    /// Where only shapes count: the shape, and what it costs.
    pub(crate) fn traced(&self, xs: &Tensor) -> Result<Tensor> {
        let shape = self.shape(xs)?;
        trace::convolution(shape);
        let [t, h, w] = shape.output().unwrap_or_default();
        trace::zeros((shape.n, shape.c_out, t, h, w), xs.device())
    }

    /// The weights, laid out for the algorithm of `shape`.
    pub(crate) fn filter(&self, shape: &ConvShape) -> Result<Arc<Filter>> {
        self.filters.of(shape, plan(shape, precision()), &self.weight.contiguous()?)
    }

    /// `conv(xs) + bias`, and its ReLU if `relu`: by the kernels, on the graph where there is one.
    pub(crate) fn recorded(&self, xs: &Tensor, relu: bool) -> Result<Tensor> {
        let shape = self.shape(xs)?;
        let xs = Input::of(xs)?;
        let filter = if self.weight.track_op() {
            // The next step has others.
            let algorithm = plan_fresh(&shape, precision());
            let weight = self.weight.detach().contiguous()?;
            Arc::new(with_cells(&weight, |ws| Filter::new(&shape, algorithm, ws))?)
        } else {
            self.filter(&shape)?
        };
        let bias = self.bias.as_ref().map(ops::numbers).transpose()?;
        let epilogue = Epilogue { shift: bias.as_deref(), relu, ..Default::default() };
        let ys = xs.with(|xs| filter.forward(&shape, xs, &epilogue))?;
        let [t, h, w] = shape.output().unwrap_or_default();
        let dims = (shape.n, t, h, w, shape.c_out);
        let parameters: Vec<&Tensor> = [&self.weight].into_iter().chain(&self.bias).collect();
        let (input, precision) = (xs.clone(), precision());
        let (weight, bias) = (self.weight.clone(), self.bias.clone());
        let backward = move |ys: &Tensor, mut dys: Vec<f32>| {
            if relu {
                with_cells(ys, |ys| elementwise::relu_gradient(ys, &mut dys))?;
            }
            let of_weight = || -> Result<Tensor> {
                let mut dws = vec![0.; shape.weight_len()];
                input.with(|xs| conv::weight_gradient(&shape, precision, xs, &dys, &mut dws))?;
                Tensor::from_vec(dws, weight.shape(), weight.device())
            };
            let of_bias = |bias: &Tensor| {
                let mut dbias = vec![0.; shape.c_out];
                conv::bias_gradient(&dys, &mut dbias);
                Tensor::from_vec(dbias, bias.shape(), bias.device())
            };
            let dbias = bias.as_ref().filter(|bias| bias.track_op()).map(of_bias).transpose()?;
            let dweight = weight.track_op().then(of_weight).transpose()?;
            if let Some(mut dxs) = input.gradient() {
                with_cells(&weight.contiguous()?, |ws| {
                    conv::input_gradient(&shape, precision, &dys, ws, &mut dxs);
                })?;
            }
            Ok([dweight, dbias])
        };
        tape::output(ys, dims, &[&xs], &parameters, Box::new(backward))
    }
}

impl Module for Conv3d {
    /// `[N, C_in, T, H, W]` to `[N, C_out, T', H', W']`.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        if trace::recording() {
            return self.traced(xs);
        }
        if !ops::takes(xs) {
            return composed::conv3d(&self.shape(xs)?, xs, &self.weight, self.bias.as_ref());
        }
        self.recorded(xs, false)
    }
}

/// A convolution with a bias, at `vb`: tensors `weight` and `bias` (zero at first).
pub fn conv3d(
    c_in: usize,
    c_out: usize,
    kernel: [usize; 3],
    config: Conv3dConfig,
    vb: VarBuilder,
) -> Result<Conv3d> {
    let bias = vb.get_with_hints(c_out, "bias", init::ZERO)?;
    let conv = conv3d_no_bias(c_in, c_out, kernel, config, vb)?;
    Ok(Conv3d { bias: Some(bias), ..conv })
}

/// A convolution without a bias, at `vb`: tensor `weight`, at first as He et al. 2015 for ReLU.
pub fn conv3d_no_bias(
    c_in: usize,
    c_out: usize,
    [kt, kh, kw]: [usize; 3],
    config: Conv3dConfig,
    vb: VarBuilder,
) -> Result<Conv3d> {
    let groups = config.groups;
    if groups == 0 || !c_in.is_multiple_of(groups) || !c_out.is_multiple_of(groups) {
        bail!(
            "conv3d `{}`: {c_in} and {c_out} channels do not divide into {groups} groups",
            vb.prefix()
        )
    }
    let shape = (c_out, c_in / groups, kt, kh, kw);
    let weight = vb.get_with_hints(shape, "weight", init::DEFAULT_KAIMING_NORMAL)?;
    Ok(Conv3d::new(weight, None, config))
}
