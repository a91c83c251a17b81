//! Max and average pooling.

use std::sync::OnceLock;

use candle::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use marey_kernels::{PoolShape, pool};

use super::{cells, filled, with_cells};

/// What is made of the cells under a window.
pub(crate) enum Reduction {
    /// The largest; keeps which it was for the gradient.
    Max(OnceLock<Vec<u32>>),
    /// The mean.
    Average {
        /// Whether the padding counts.
        count_padding: bool,
    },
}

/// A pooling of `[N, C, T, H, W]`.
pub(crate) struct Pool {
    pub(crate) shape: PoolShape,
    pub(crate) reduction: Reduction,
}

impl CustomOp1 for Pool {
    fn name(&self) -> &'static str {
        "pool3d"
    }

    fn cpu_fwd(&self, xs: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, c, ..) = layout.shape().dims5()?;
        let Some([t, h, w]) = self.shape.output() else {
            bail!("pool3d: {:?} has no output", self.shape)
        };
        let mut ys = vec![0.; n * c * t * h * w];
        match &self.reduction {
            Reduction::Max(kept) => {
                let mut winners = vec![0; ys.len()];
                pool::max(&self.shape, cells(xs, layout)?, &mut ys, &mut winners);
                kept.get_or_init(|| winners);
            }
            Reduction::Average { count_padding } => {
                pool::average(&self.shape, *count_padding, cells(xs, layout)?, &mut ys);
            }
        }
        Ok((CpuStorage::F32(ys), (n, c, t, h, w).into()))
    }

    fn bwd(&self, arg: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let gradient = |dys: &[f32]| {
            filled(arg, |dxs| match &self.reduction {
                Reduction::Max(kept) => {
                    let winners = kept.get().map_or(&[][..], Vec::as_slice);
                    pool::max_gradient(&self.shape, winners, dys, dxs);
                }
                Reduction::Average { count_padding } => {
                    pool::average_gradient(&self.shape, *count_padding, dys, dxs);
                }
            })
        };
        with_cells(grad, gradient)?.map(Some)
    }
}
