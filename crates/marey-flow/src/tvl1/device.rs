//! TV-L1 of a batch by candle's own operations, for devices that are not the CPU.
//!
//! The numbers are those of the CPU's code to rounding. It was tested on the CPU device only, and keeps to operations that candle
//! has for CUDA and Metal.

mod median;
mod resample;
mod warp;

use candle::{DType, Device, Result, Tensor, bail};

use super::rows::Terms;
use super::{LARGEST, TvL1Config};
use resample::{larger, pyramid};
use warp::{Data, Seen};

/// Iterations between two questions to the device whether all pairs have stopped, each of which waits for it.
const UNASKED: usize = 8;

/// The flow of pairs of grey frames `[N, 1, H, W]` in `[0, 255]`, `[N, 2, H, W]`.
pub(super) fn flow(config: &TvL1Config, from: &Tensor, to: &Tensor) -> Result<Tensor> {
    let frames = |frames: &Tensor| frames.detach().to_dtype(DType::F32);
    let images = Tensor::cat(&[frames(from)?, frames(to)?], 1)?;
    if !all(&images.abs()?.le(f64::from(LARGEST))?)? {
        bail!("TV-L1: pixels are expected in [0, 255], and some are too large or no numbers")
    }
    let mut u: Option<Tensor> = None;
    for images in pyramid(config, images)?.iter().rev() {
        let (n, _, h, w) = images.dims4()?;
        let start = match u {
            Some(above) => larger(config, &above, w, h)?,
            None => {
                let components = if config.gamma > 0. { 3 } else { 2 };
                Tensor::zeros((n, components, h, w), DType::F32, images.device())?
            }
        };
        u = Some(solve(config, images, start)?);
    }
    let Some(u) = u else { bail!("TV-L1: no level to find flow on") };
    let flow = u.narrow(1, 0, 2)?.contiguous()?;
    if !all(&flow.abs()?.le(f64::from(f32::MAX))?)? {
        bail!(
            "TV-L1: the flow is not finite: pixels are expected in [0, 255], or the parameters let it grow"
        )
    }
    Ok(flow)
}

/// Improves the flow `u` `[N, C, H, W]` between the two images of each pair, `[N, 2, H, W]`.
fn solve(config: &TvL1Config, images: &Tensor, u: Tensor) -> Result<Tensor> {
    let (first, second) = (images.narrow(1, 0, 1)?, images.narrow(1, 1, 1)?);
    let seen = Seen::new(config.scheme, &second)?;
    let mut level = Level::new(config, u)?;
    for _ in 0..config.warps {
        let data = seen.data(&first, &level.u, config.gamma)?;
        level.iterate(&data)?;
    }
    Ok(level.u)
}

/// The state of a level: the flow, and its dual variables along x and along y, all `[N, C, H, W]`.
struct Level<'a> {
    config: &'a TvL1Config,
    terms: Terms,
    u: Tensor,
    p: [Tensor; 2],
    /// Numbers of the columns to the right and to the left, and of the rows below and above.
    neighbours: [Tensor; 4],
    /// The longest step that the data term takes, forwards and backwards, and the change at which a pair stops.
    limits: [Tensor; 3],
}

impl<'a> Level<'a> {
    fn new(config: &'a TvL1Config, u: Tensor) -> Result<Self> {
        let (_, _, h, w) = u.dims4()?;
        let (dev, terms) = (u.device(), Terms::new(config));
        let enough = f64::from(config.epsilon).powi(2) * (h * w) as f64;
        let limit = |value: f32| Tensor::full(value, (1, 1, 1, 1), dev);
        // The dual variables of the last column and row are always 0, as those before the first are to be.
        let before = |len: usize| cells(len, |at| (at + len - 1) % len, dev);
        let after = |len: usize| cells(len, |at| (at + 1).min(len - 1), dev);
        Ok(Self {
            config,
            terms,
            p: [u.zeros_like()?, u.zeros_like()?],
            neighbours: [after(w)?, before(w)?, after(h)?, before(h)?],
            limits: [limit(terms.step)?, limit(-terms.step)?, limit(enough as f32)?],
            u,
        })
    }

    /// Iterates until the flow of each pair changes by less than epsilon. `active` is 1 for a pair that has not stopped and 0 for
    /// one that has; nothing of that changes any more.
    fn iterate(&mut self, data: &Data) -> Result<()> {
        let mut active = Tensor::ones((self.u.dim(0)?, 1, 1, 1), DType::F32, self.u.device())?;
        let mut unasked = 0;
        for _ in 0..self.config.outer {
            if self.config.median > 1 {
                self.smooth(&active)?;
            }
            for _ in 0..self.config.inner {
                let change = self.step(data, &active)?;
                let goes_on = change.broadcast_gt(&self.limits[2])?.to_dtype(DType::F32)?;
                active = (active * goes_on)?;
                unasked += 1;
                if unasked == UNASKED {
                    unasked = 0;
                    if active.max_all()?.to_scalar::<f32>()? == 0. {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// The median filter of x and y.
    fn smooth(&mut self, active: &Tensor) -> Result<()> {
        let flow = self.u.narrow(1, 0, 2)?;
        let smooth = median::median(self.config.median, &flow.contiguous()?)?;
        let stopped = (1. - active)?;
        let flow = (smooth.broadcast_mul(active)? + flow.broadcast_mul(&stopped)?)?;
        self.u = match self.u.dim(1)? {
            2 => flow,
            _ => Tensor::cat(&[flow, self.u.narrow(1, 2, 1)?.contiguous()?], 1)?,
        };
        Ok(())
    }

    /// One iteration; gives the sum of squared changes of each pair.
    fn step(&mut self, data: &Data, active: &Tensor) -> Result<Tensor> {
        let [longest, backwards, _] = &self.limits;
        let [right, left, below, above] = &self.neighbours;
        let rho = (components_sum(&(&data.direction * &self.u)?)? + &data.rho)?;
        let length = (rho * &data.inverse)?.broadcast_minimum(longest)?;
        let length = length.broadcast_maximum(backwards)?;
        let [px, py] = &self.p;
        let along = (px - px.index_select(left, 3)?)?;
        let down = (py - py.index_select(above, 2)?)?;
        let smoother = ((along + down)? * f64::from(self.terms.theta))?;
        let step = (data.direction.broadcast_mul(&length)? + smoother)?.broadcast_mul(active)?;
        let u = (&self.u + &step)?;
        let tau = (active * f64::from(self.terms.tau))?;
        let along = (u.index_select(right, 3)? - &u)?.broadcast_mul(&tau)?;
        let down = (u.index_select(below, 2)? - &u)?.broadcast_mul(&tau)?;
        let share = ((along.sqr()? + down.sqr()?)?.sqrt()? + 1.)?.recip()?;
        self.p = [((px + along)? * &share)?, ((py + down)? * &share)?];
        self.u = u;
        step.sqr()?.sum_keepdim(3)?.sum_keepdim((1, 2))
    }
}

/// The sum over dimension 1, whose few terms candle's reductions are slow for.
fn components_sum(xs: &Tensor) -> Result<Tensor> {
    let first = xs.narrow(1, 0, 1)?;
    (1..xs.dim(1)?).try_fold(first, |sum, c| sum + xs.narrow(1, c, 1)?)
}

/// Which cell of an axis stands for each.
fn cells(len: usize, cell: impl Fn(usize) -> usize, device: &Device) -> Result<Tensor> {
    Tensor::from_vec((0..len).map(|at| cell(at) as u32).collect(), len, device)
}

/// Whether a comparison holds everywhere.
fn all(holds: &Tensor) -> Result<bool> {
    Ok(holds.to_dtype(DType::F32)?.min_all()?.to_scalar::<f32>()? == 1.)
}

#[cfg(test)]
mod tests;
