//! Batch normalisation by the batch's own statistics.

use candle::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor};
use marey_kernels::norm;

use super::{cells, planes, with_cells};

/// `(xs - mean) * inverse * scale + shift` of `[N, C, ..]`, `[C]`, `[C]`; its gradient knows that mean and deviation are of `xs`.
pub(crate) struct Normalise {
    /// Mean of each channel of the batch.
    pub(crate) mean: Vec<f32>,
    /// One over the deviation of each channel of the batch.
    pub(crate) inverse: Vec<f32>,
}

impl CustomOp3 for Normalise {
    fn name(&self) -> &'static str {
        "batch-norm"
    }

    fn cpu_fwd(
        &self,
        xs: &CpuStorage,
        lx: &Layout,
        scale: &CpuStorage,
        ls: &Layout,
        shift: &CpuStorage,
        lt: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (xs, scale, shift) = (cells(xs, lx)?, cells(scale, ls)?, cells(shift, lt)?);
        let scale: Vec<f32> =
            scale.iter().zip(&self.inverse).map(|(scale, inverse)| scale * inverse).collect();
        let moved = shift.iter().zip(&scale).zip(&self.mean);
        let shift: Vec<f32> = moved.map(|((shift, scale), mean)| shift - mean * scale).collect();
        let mut ys = vec![0.; xs.len()];
        norm::affine(xs, lx.dims()[2..].iter().product(), &scale, &shift, &mut ys);
        Ok((CpuStorage::F32(ys), lx.shape().clone()))
    }

    fn bwd(
        &self,
        xs: &Tensor,
        scale: &Tensor,
        _: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dims = planes(xs)?;
        let gradient = |xs: &[f32], dys: &[f32], scale: &[f32]| {
            norm::gradient(xs, dys, dims, &self.mean, &self.inverse, scale)
        };
        let norm::Gradient { input, scale, shift } = with_cells(xs, |xs| {
            with_cells(grad, |dys| with_cells(scale, |scale| gradient(xs, dys, scale)))
        })???;
        Ok((
            Some(Tensor::from_vec(input, xs.shape(), xs.device())?),
            Some(Tensor::from_vec(scale, dims[1], xs.device())?),
            Some(Tensor::from_vec(shift, dims[1], xs.device())?),
        ))
    }
}
