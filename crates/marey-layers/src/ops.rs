//! What layers ask of tensors before they hand them to a kernel, and what composed layers share.

use candle::{DType, Result, Tensor};

/// Whether the kernels of `marey-kernels` take `xs`: on the CPU, in f32.
pub(crate) fn takes(xs: &Tensor) -> bool {
    xs.device().is_cpu() && xs.dtype() == DType::F32
}

/// The numbers of a small tensor: a bias, a scale.
pub(crate) fn numbers(xs: &Tensor) -> Result<Vec<f32>> {
    xs.flatten_all()?.to_vec1()
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
