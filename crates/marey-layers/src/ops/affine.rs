//! `xs * scale + shift`, one scale and one shift a channel.

use candle::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use marey_kernels::{elementwise, norm};

use super::{cells, filled, planes, with_cells};

/// `xs * scale + shift` of `[N, C, ..]`, `[C]`, `[C]`.
pub(crate) struct Affine;

impl CustomOp3 for Affine {
    fn name(&self) -> &'static str {
        "affine"
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
        let [_, _, rest @ ..] = lx.dims() else {
            bail!("affine: expected [N, C, ..], got {:?}", lx.dims())
        };
        let xs = cells(xs, lx)?;
        let mut ys = vec![0.; xs.len()];
        norm::affine(xs, rest.iter().product(), cells(scale, ls)?, cells(shift, lt)?, &mut ys);
        Ok((CpuStorage::F32(ys), lx.shape().clone()))
    }

    fn bwd(
        &self,
        xs: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let dims @ [_, c, p] = planes(xs)?;
        let dxs = || {
            let scaled = |dys: &[f32], scale: &[f32]| {
                filled(xs, |dxs| norm::affine(dys, p, scale, &vec![0.; c], dxs))
            };
            with_cells(grad, |dys| with_cells(scale, |scale| scaled(dys, scale)))??
        };
        let dscale = || {
            let dots = with_cells(xs, |xs| {
                with_cells(grad, |dys| elementwise::channel_dots(xs, dys, dims))
            })??;
            Tensor::from_vec(dots, c, xs.device())
        };
        let dshift = || {
            let sums = with_cells(grad, |dys| elementwise::channel_sums(dys, dims))?;
            Tensor::from_vec(sums, c, xs.device())
        };
        Ok((
            xs.track_op().then(dxs).transpose()?,
            scale.track_op().then(dscale).transpose()?,
            shift.track_op().then(dshift).transpose()?,
        ))
    }
}
