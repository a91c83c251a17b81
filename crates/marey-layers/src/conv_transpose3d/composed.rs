//! Transposed convolution composed of candle's operations, for any device and type: for each tap of the kernel, a product of
//! its weights with all cells, laid down where that tap puts them.

use candle::{Result, Tensor};
use marey_kernels::ConvShape;

/// `shape` is the convolution from the output to the input.
pub(super) fn conv_transpose3d(
    shape: &ConvShape,
    xs: &Tensor,
    ws: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let ConvShape { n, c_in: c_out, c_out: c_in, groups, input: output, window } = *shape;
    let (_, _, t, h, w) = xs.dims5()?;
    let rows = xs.contiguous()?.reshape((n, groups, c_in / groups, t * h * w))?;
    let [kt, kh, kw] = window.kernel;
    let mut sum: Option<Tensor> = None;
    for tap in (0..kt * kh * kw).map(|tap| [tap / (kh * kw), tap / kw % kh, tap % kw]) {
        let [a, b, e] = tap;
        let weight = ws.narrow(2, a, 1)?.narrow(3, b, 1)?.narrow(4, e, 1)?;
        let weight = weight.contiguous()?.reshape((1, groups, c_in / groups, c_out / groups))?;
        let weight = weight.transpose(2, 3)?.contiguous()?;
        let mut part = weight.broadcast_matmul(&rows)?.reshape((n, c_out, t, h, w))?;
        for (axis, before) in tap.into_iter().enumerate() {
            let spread = spread(&part, axis + 2, window.stride[axis])?;
            let after = window.kernel[axis] - 1 - before;
            part = spread.pad_with_zeros(axis + 2, before, after)?;
        }
        sum = Some(match sum {
            None => part,
            Some(sum) => (sum + part)?,
        });
    }
    let Some(mut ys) = sum else { candle::bail!("conv_transpose3d: the kernel has no tap") };
    for (axis, cells) in output.into_iter().enumerate() {
        ys = ys.narrow(axis + 2, window.before[axis], cells)?;
    }
    match bias {
        None => ys.contiguous(),
        Some(bias) => ys.broadcast_add(&bias.reshape((1, c_out, 1, 1, 1))?),
    }
}

/// The cells along `axis`, `step` apart, with zeros between them.
fn spread(xs: &Tensor, axis: usize, step: usize) -> Result<Tensor> {
    let len = xs.dim(axis)?;
    if step == 1 {
        return Ok(xs.clone());
    }
    let mut dims = xs.dims().to_vec();
    let wide = xs.unsqueeze(axis + 1)?.pad_with_zeros(axis + 1, 0, step - 1)?;
    dims[axis] = len * step;
    wide.reshape(dims)?.narrow(axis, 0, (len - 1) * step + 1)
}
