//! TV-L1 of tensors.

use candle::{DType, Device, Result, Tensor, bail};

use super::{TvL1, device};
use crate::{Estimator, Flow, Grey};

impl TvL1 {
    /// The flow of a batch of pairs: grey frames `[N, 1, H, W]` in `[0, 255]` each, to `[N, 2, H, W]`, x before y, in pixels.
    ///
    /// On a device that is not the CPU all pairs are computed there at once, with the CPU's numbers but for rounding (tested on
    /// the CPU device only).
    pub fn flow(&self, from: &Tensor, to: &Tensor) -> Result<Tensor> {
        let (n, c, h, w) = from.dims4()?;
        if c != 1 || to.dims() != from.dims() {
            let (from, to) = (from.dims(), to.dims());
            bail!(
                "TV-L1: expected two batches [N, 1, H, W] of grey frames, got {from:?} and {to:?}"
            )
        }
        if !from.device().is_cpu() {
            return device::flow(self.config(), from, to);
        }
        let (first, second) = (greys(from)?, greys(to)?);
        let pairs: Vec<(&Grey, &Grey)> = first.iter().zip(&second).collect();
        let values =
            self.fields(&pairs)?.into_iter().flat_map(|field| field.into_planes().concat());
        Tensor::from_vec(values.collect(), (n, 2, h, w), from.device())
    }
}

impl Estimator for TvL1 {
    fn flow_of(&self, clips: &Tensor) -> Result<Flow> {
        let (n, c, t, h, w) = clips.dims5()?;
        if c != 3 || t < 2 {
            bail!(
                "TV-L1: expected clips [N, 3, T, H, W] of two frames or more, got {:?}",
                clips.dims()
            )
        }
        let channel =
            |c: usize, weight: f64| (clips.narrow(1, c, 1)? * (255. * weight))?.squeeze(1);
        // Rounded, as frames of 8 bits are.
        let grey = ((channel(0, 0.299)? + channel(1, 0.587)?)? + channel(2, 0.114)?)?.round()?;
        let frames = |start: usize| {
            grey.narrow(1, start, t - 1)?.contiguous()?.reshape((n * (t - 1), 1, h, w))
        };
        let fields = self.flow(&frames(0)?, &frames(1)?)?;
        Flow::new(fields.reshape((n, t - 1, 2, h, w))?.transpose(1, 2)?)
    }
}

fn greys(frames: &Tensor) -> Result<Vec<Grey>> {
    let (n, _, h, w) = frames.dims4()?;
    let frames = frames.to_dtype(DType::F32)?.to_device(&Device::Cpu)?;
    (0..n).map(|n| Ok(Grey::new(w, h, frames.get(n)?.flatten_all()?.to_vec1()?)?)).collect()
}
