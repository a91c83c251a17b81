//! Between `[N, C, ..]`, as tensors say their axes, and `[N, .., C]`, as the kernels keep their cells.

use candle::{Result, Tensor, bail};
use marey_kernels::channels;

use crate::tape::with_cells;

/// The axes of `[N, C, ..]` with the channels last.
pub(crate) fn last_dims(dims: &[usize]) -> Vec<usize> {
    match dims {
        [n, c, rest @ ..] => [&[*n], rest, &[*c]].concat(),
        _ => dims.to_vec(),
    }
}

/// `[N, C, ..]` as a contiguous `[N, .., C]`: without a copy where its cells are in that order already.
pub(crate) fn last(xs: &Tensor) -> Result<Tensor> {
    let [n, c, rest @ ..] = xs.dims() else {
        bail!("expected a tensor [N, C, ..], got {:?}", xs.dims())
    };
    let axes: Vec<usize> = [0].into_iter().chain(2..xs.rank()).chain([1]).collect();
    let view = xs.permute(axes)?;
    if view.is_contiguous() || !xs.is_contiguous() {
        return view.contiguous();
    }
    let mut cells = vec![0.; xs.elem_count()];
    let planes = [*n, *c, rest.iter().product()];
    with_cells(xs, |xs| channels::to_last(xs, planes, &mut cells))?;
    Tensor::from_vec(cells, last_dims(xs.dims()), xs.device())
}

/// `[N, .., C]` seen as `[N, C, ..]`.
pub(crate) fn first(xs: &Tensor) -> Result<Tensor> {
    let rank = xs.rank();
    let axes: Vec<usize> = [0, rank - 1].into_iter().chain(1..rank - 1).collect();
    xs.permute(axes)
}
