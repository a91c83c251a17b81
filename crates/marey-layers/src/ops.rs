//! The kernels of `marey-kernels` as candle operators, on the CPU in f32.

pub(crate) mod affine;
pub(crate) mod batch_norm;
pub(crate) mod conv;
pub(crate) mod lrn;
pub(crate) mod pool;
pub(crate) mod relu;

use candle::{CpuStorage, DType, Layout, Result, Storage, Tensor, bail};

/// Whether the kernels take `xs`.
pub(crate) fn takes(xs: &Tensor) -> bool {
    xs.device().is_cpu() && xs.dtype() == DType::F32
}

/// The cells of an operator's argument. Arguments are made contiguous before they are handed to an operator.
fn cells<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&storage.as_slice::<f32>()?[start..end]),
        None => bail!("an operator of marey-layers was handed a tensor that is not contiguous"),
    }
}

/// Calls `f` with the cells of `xs`, in order.
pub(crate) fn with_cells<R>(xs: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let xs = xs.contiguous()?;
    let (storage, layout) = xs.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(f(cells(storage, layout)?)),
        _ => bail!("a kernel of the CPU was handed a tensor of {:?}", xs.device()),
    }
}

/// A tensor shaped like `like` of `cells` that `fill` fills.
fn filled(like: &Tensor, fill: impl FnOnce(&mut [f32])) -> Result<Tensor> {
    let mut cells = vec![0.; like.elem_count()];
    fill(&mut cells);
    Tensor::from_vec(cells, like.shape(), like.device())
}

/// Clips, channels, and cells of a channel of `[N, C, ..]`.
pub(crate) fn planes(xs: &Tensor) -> Result<[usize; 3]> {
    match xs.dims() {
        [n, c, rest @ ..] => Ok([*n, *c, rest.iter().product()]),
        dims => bail!("expected a tensor [N, C, ..], got {dims:?}"),
    }
}

/// The `count` cells of `xs` along `axis` from `first`, `step` apart: a slice, by candle's operations.
pub(crate) fn stepped(
    xs: &Tensor,
    axis: usize,
    first: usize,
    step: usize,
    count: usize,
) -> Result<Tensor> {
    if step == 1 {
        return xs.narrow(axis, first, count);
    }
    let cells: Vec<u32> = (0..count).map(|i| (first + i * step) as u32).collect();
    xs.contiguous()?.index_select(&Tensor::new(cells, xs.device())?, axis)
}
