//! 3D convolution over `[N, C, T, H, W]`.

use candle::{Module, Result, Tensor, bail};
use candle_nn::{VarBuilder, init};
use marey_kernels::ConvShape;

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
}

impl Conv3d {
    /// Wraps a weight `[C_out, C_in / groups, kT, kH, kW]` and a bias `[C_out]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, config: Conv3dConfig) -> Self {
        Self { weight, bias, config }
    }

    /// `[C_out, C_in / groups, kT, kH, kW]`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The sizes of a pass over `xs`, refused where they do not go together.
    fn shape(&self, xs: &Tensor) -> Result<ConvShape> {
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
}

impl Module for Conv3d {
    /// `[N, C_in, T, H, W]` to `[N, C_out, T', H', W']`.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        let shape = self.shape(xs)?;
        if trace::recording() {
            trace::count(shape.multiply_adds().unwrap_or_default());
            let [t, h, w] = shape.output().unwrap_or_default();
            return trace::zeros((shape.n, shape.c_out, t, h, w), xs.device());
        }
        if !ops::takes(xs) {
            return composed::conv3d(&shape, xs, &self.weight, self.bias.as_ref());
        }
        let (xs, weight) = (xs.contiguous()?, self.weight.contiguous()?);
        match &self.bias {
            None => xs.apply_op2(&weight, ops::conv::Conv(shape)),
            Some(bias) => xs.apply_op3(&weight, &bias.contiguous()?, ops::conv::Conv(shape)),
        }
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
