//! Convolution composed of candle's operations, for any device and type: for each tap of the kernel, a product of its
//! weights with the cells it falls on.

use candle::{Result, Tensor};
use marey_kernels::ConvShape;

use crate::ops::stepped;

pub(super) fn conv3d(
    shape: &ConvShape,
    xs: &Tensor,
    ws: &Tensor,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let ConvShape { n, c_in, c_out, groups, window, .. } = *shape;
    let output = shape.output().unwrap_or_default();
    let places = output.iter().product::<usize>();
    let mut padded = xs.clone();
    for axis in 0..3 {
        padded = padded.pad_with_zeros(axis + 2, window.before[axis], window.after[axis])?;
    }
    let [kt, kh, kw] = window.kernel;
    let mut sum: Option<Tensor> = None;
    for (a, b, e) in (0..kt * kh * kw).map(|tap| (tap / (kh * kw), tap / kw % kh, tap % kw)) {
        let mut cells = padded.clone();
        for (axis, tap) in [a, b, e].into_iter().enumerate() {
            cells = stepped(&cells, axis + 2, tap, window.stride[axis], output[axis])?;
        }
        let cells = cells.contiguous()?.reshape((n, groups, c_in / groups, places))?;
        let weight = ws.narrow(2, a, 1)?.narrow(3, b, 1)?.narrow(4, e, 1)?;
        let weight = weight.contiguous()?.reshape((1, groups, c_out / groups, c_in / groups))?;
        let product = if c_in == groups {
            // One channel a group: a matrix product would be a call for each.
            cells.broadcast_mul(&weight)?
        } else {
            weight.broadcast_matmul(&cells)?
        };
        sum = Some(match sum {
            None => product,
            Some(sum) => (sum + product)?,
        });
    }
    let Some(ys) = sum else { candle::bail!("conv3d: the kernel has no tap") };
    let ys = ys.reshape((n, c_out, output[0], output[1], output[2]))?;
    match bias {
        None => Ok(ys),
        Some(bias) => ys.broadcast_add(&bias.reshape((1, c_out, 1, 1, 1))?),
    }
}
