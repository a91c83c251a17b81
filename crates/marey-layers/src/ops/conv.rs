//! Convolution.

use candle::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};
use marey_kernels::{ConvShape, conv, elementwise};

use super::{cells, filled, with_cells};

/// `conv(xs, ws)`, and with a third argument, `conv(xs, ws) + bias`.
pub(crate) struct Conv(pub(crate) ConvShape);

impl Conv {
    fn output(&self) -> Result<(Shape, usize)> {
        let (Some([t, h, w]), Some(len)) = (self.0.output(), self.0.output_len()) else {
            bail!("conv3d: {:?} has no output", self.0)
        };
        Ok(((self.0.n, self.0.c_out, t, h, w).into(), len))
    }

    /// The gradients of input and weights, where they are asked for.
    fn gradients(
        &self,
        xs: &Tensor,
        ws: &Tensor,
        dys: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let dys = dys.contiguous()?;
        let dxs = || {
            with_cells(ws, |ws| {
                with_cells(&dys, |dys| {
                    filled(xs, |dxs| conv::input_gradient(&self.0, dys, ws, dxs))
                })
            })??
        };
        let dws = || {
            with_cells(xs, |xs| {
                with_cells(&dys, |dys| {
                    filled(ws, |dws| conv::weight_gradient(&self.0, xs, dys, dws))
                })
            })??
        };
        Ok((xs.track_op().then(dxs).transpose()?, ws.track_op().then(dws).transpose()?))
    }
}

impl CustomOp2 for Conv {
    fn name(&self) -> &'static str {
        "conv3d"
    }

    fn cpu_fwd(
        &self,
        xs: &CpuStorage,
        lx: &Layout,
        ws: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (shape, len) = self.output()?;
        let mut ys = vec![0.; len];
        conv::forward(&self.0, cells(xs, lx)?, cells(ws, lw)?, None, &mut ys);
        Ok((CpuStorage::F32(ys), shape))
    }

    fn bwd(
        &self,
        xs: &Tensor,
        ws: &Tensor,
        _: &Tensor,
        dys: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.gradients(xs, ws, dys)
    }
}

impl CustomOp3 for Conv {
    fn name(&self) -> &'static str {
        "conv3d"
    }

    fn cpu_fwd(
        &self,
        xs: &CpuStorage,
        lx: &Layout,
        ws: &CpuStorage,
        lw: &Layout,
        bias: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (shape, len) = self.output()?;
        let mut ys = vec![0.; len];
        conv::forward(&self.0, cells(xs, lx)?, cells(ws, lw)?, Some(cells(bias, lb)?), &mut ys);
        Ok((CpuStorage::F32(ys), shape))
    }

    fn bwd(
        &self,
        xs: &Tensor,
        ws: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        dys: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (dxs, dws) = self.gradients(xs, ws, dys)?;
        let dims = super::planes(dys)?;
        let sums = || with_cells(dys, |dys| elementwise::channel_sums(dys, dims));
        let dbias = bias.track_op().then(|| Tensor::from_vec(sums()?, dims[1], dys.device()));
        Ok((dxs, dws, dbias.transpose()?))
    }
}
