//! Local response normalisation.

use candle::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use marey_kernels::{LrnShape, lrn};

use super::{cells, filled, with_cells};

/// Local response normalisation.
pub(crate) struct Lrn(pub(crate) LrnShape);

impl CustomOp1 for Lrn {
    fn name(&self) -> &'static str {
        "lrn"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let xs = cells(xs, layout)?;
        let mut ys = vec![0.; xs.len()];
        lrn::forward(&self.0, xs, &mut ys);
        Ok((CpuStorage::F32(ys), layout.shape().clone()))
    }

    fn bwd(&self, arg: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let gradient =
            |xs: &[f32], dys: &[f32]| filled(arg, |dxs| lrn::gradient(&self.0, xs, dys, dxs));
        with_cells(arg, |xs| with_cells(grad, |dys| gradient(xs, dys)))??.map(Some)
    }
}
