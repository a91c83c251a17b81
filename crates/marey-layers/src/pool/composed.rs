//! Pooling composed of candle's operations, for any device and type.

use candle::{Result, Tensor};
use marey_kernels::PoolShape;

use crate::ops::stepped;

/// Calls `fold` with the cells under each tap of the window, and what it made of those before.
fn taps(
    shape: &PoolShape,
    padded: &Tensor,
    fold: impl Fn(Tensor, &Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let output = shape.output().unwrap_or_default();
    let [kt, kh, kw] = shape.window.kernel;
    let mut folded: Option<Tensor> = None;
    for tap in 0..kt * kh * kw {
        let tap = [tap / (kh * kw), tap / kw % kh, tap % kw];
        let mut cells = padded.clone();
        for axis in 0..3 {
            cells = stepped(&cells, axis + 2, tap[axis], shape.window.stride[axis], output[axis])?;
        }
        folded = Some(match folded {
            None => cells.contiguous()?,
            Some(folded) => fold(folded, &cells)?,
        });
    }
    match folded {
        Some(folded) => Ok(folded),
        None => candle::bail!("pool3d: the window has no cell"),
    }
}

/// Cells after the last that windows reach, padding and what ceil mode adds to it.
fn after(shape: &PoolShape, axis: usize) -> usize {
    let places = shape.output().unwrap_or_default()[axis];
    let reach = places.saturating_sub(1) * shape.window.stride[axis] + shape.window.kernel[axis];
    reach.saturating_sub(shape.input[axis] + shape.window.before[axis])
}

/// Padding repeats the outermost cell: a window that sees the padding sees that cell too, so it wins nothing new.
pub(super) fn max(shape: &PoolShape, xs: &Tensor) -> Result<Tensor> {
    let mut padded = xs.clone();
    for axis in 0..3 {
        padded = padded.pad_with_same(axis + 2, shape.window.before[axis], after(shape, axis))?;
    }
    taps(shape, &padded, |best, cells| best.maximum(cells))
}

pub(super) fn average(shape: &PoolShape, count_padding: bool, xs: &Tensor) -> Result<Tensor> {
    // A clip of ones, padded by what counts, has each window's number of cells for its sum.
    let mut ones = xs.narrow(0, 0, 1)?.narrow(1, 0, 1)?.ones_like()?;
    let mut padded = xs.clone();
    for axis in 0..3 {
        let (before, after) = (shape.window.before[axis], after(shape, axis));
        padded = padded.pad_with_zeros(axis + 2, before, after)?;
        if count_padding {
            let counted = after.min(shape.window.after[axis]);
            ones = ones.pad_with_same(axis + 2, before, counted)?.pad_with_zeros(
                axis + 2,
                0,
                after - counted,
            )?;
        } else {
            ones = ones.pad_with_zeros(axis + 2, before, after)?;
        }
    }
    let add = |sum: Tensor, cells: &Tensor| sum + cells;
    taps(shape, &padded, add)?.broadcast_div(&taps(shape, &ones, add)?)
}
