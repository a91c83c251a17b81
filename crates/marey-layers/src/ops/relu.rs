//! ReLU.

use candle::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use marey_kernels::elementwise;

use super::{cells, filled, with_cells};

/// `max(xs, 0)`.
pub(crate) struct Relu;

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "relu"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let xs = cells(xs, layout)?;
        let mut ys = vec![0.; xs.len()];
        elementwise::relu(xs, &mut ys);
        Ok((CpuStorage::F32(ys), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, res: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let gradient =
            |ys: &[f32], dys: &[f32]| filled(res, |dxs| elementwise::relu_gradient(ys, dys, dxs));
        with_cells(res, |ys| with_cells(grad, |dys| gradient(ys, dys)))??.map(Some)
    }
}
