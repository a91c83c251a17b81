//! The second images and their gradients, seen through the flow that there is so far.

use candle::{DType, Result, Tensor, bail};

use super::super::Scheme;
use super::super::warp::{FLAT, KEYS_HALF, KEYS_THREE_QUARTERS};
use super::{cells, components_sum};

/// Most pixels of a plane: their numbers are whole in `f32`.
const MOST: usize = 1 << 24;

/// What a warp leaves constant, all `[N, _, H, W]`.
pub(super) struct Data {
    /// How the residual changes with each component of the flow: the gradient of the warped image, and gamma.
    pub(super) direction: Tensor,
    /// Minus 1 over the gradient's squared length.
    pub(super) inverse: Tensor,
    /// The part of the residual that does not depend on the flow.
    pub(super) rho: Tensor,
}

/// Images and their gradients, and the places of their pixels.
pub(super) struct Seen {
    scheme: Scheme,
    /// `[N, 3, H * W]`: the image, and its gradient along x and y.
    planes: Tensor,
    columns: Tensor,
    rows: Tensor,
}

impl Seen {
    /// Of images `[N, 1, H, W]`.
    pub(super) fn new(scheme: Scheme, images: &Tensor) -> Result<Self> {
        let (_, _, h, w) = images.dims4()?;
        if h * w > MOST {
            bail!("TV-L1: an image of {w}x{h} pixels, and at most {MOST} are numbered exactly")
        }
        let (dev, images) = (images.device(), images.contiguous()?);
        let difference = |axis: usize, len: usize| {
            let after = cells(len, |at| (at + 1).min(len - 1), dev)?;
            let before = cells(len, |at| at.saturating_sub(1), dev)?;
            (images.index_select(&after, axis)? - images.index_select(&before, axis)?)? * 0.5
        };
        let planes = Tensor::cat(&[&images, &difference(3, w)?, &difference(2, h)?], 1)?;
        let line = |len: usize| Tensor::arange(0, len as u32, dev)?.to_dtype(DType::F32);
        Ok(Self {
            scheme,
            planes: planes.flatten_from(2)?,
            columns: line(w)?.reshape((1, 1, 1, w))?,
            rows: line(h)?.reshape((1, 1, h, 1))?,
        })
    }

    /// What is constant while the flow is near `u` `[N, C, H, W]`, for the first images `[N, 1, H, W]`.
    pub(super) fn data(&self, first: &Tensor, u: &Tensor, gamma: f32) -> Result<Data> {
        let flow = u.narrow(1, 0, 2)?;
        let seen = self.through(&flow)?;
        let (image, gradient) = (seen.narrow(1, 0, 1)?, seen.narrow(1, 1, 2)?.contiguous()?);
        let length = components_sum(&gradient.sqr()?)?.maximum(f64::from(FLAT))?;
        let rho = ((image - components_sum(&(&gradient * flow)?)?)? - first)?;
        let direction = match u.dim(1)? {
            2 => gradient,
            _ => Tensor::cat(&[gradient, Tensor::full(gamma, first.shape(), first.device())?], 1)?,
        };
        Ok(Data { direction, inverse: length.recip()?.neg()?, rho })
    }

    /// The planes, each pixel taken from where `flow` `[N, 2, H, W]` points to.
    fn through(&self, flow: &Tensor) -> Result<Tensor> {
        let (n, _, h, w) = flow.dims4()?;
        let x = flow.narrow(1, 0, 1)?.broadcast_add(&self.columns)?.reshape((n, 1, h * w))?;
        let y = flow.narrow(1, 1, 1)?.broadcast_add(&self.rows)?.reshape((n, 1, h * w))?;
        let (across, down) = (self.taps(&x, w)?, self.taps(&y, h)?);
        let mut sum = self.planes.zeros_like()?;
        for row in &down {
            let mut line = self.planes.zeros_like()?;
            for column in &across {
                let at = ((&row.cell * w as f64)? + &column.cell)?.to_dtype(DType::U32)?;
                let at = at.broadcast_as(self.planes.shape())?.contiguous()?;
                line = (line + self.planes.gather(&at, 2)?.broadcast_mul(&column.weight)?)?;
            }
            sum = (sum + line.broadcast_mul(&row.weight)?)?;
        }
        sum.reshape((n, 3, h, w))
    }

    /// The four pixels about places on an axis of `len`.
    fn taps(&self, places: &Tensor, len: usize) -> Result<Vec<Tap>> {
        let last = len as f64 - 1.;
        // Further out there is nothing, either.
        let places = places.clamp(-3., last + 2.)?;
        let low = places.floor()?;
        let x = (places - &low)?;
        let between = |cell: &Tensor, least: f64, most: f64| {
            cell.ge(least)?.to_dtype(DType::F32)? * cell.le(most)?.to_dtype(DType::F32)?
        };
        let (powers, whole) = match self.scheme {
            Scheme::Ipol => (&KEYS_HALF, Some(between(&low, 1., last - 2.)?)),
            Scheme::OpenCv => (&KEYS_THREE_QUARTERS, None),
        };
        let tap = |i: usize| {
            let cell = (&low + (i as f64 - 1.))?;
            let polynomial = |sum: Tensor, factors: &[f32; 4]| (sum * &x)? + f64::from(factors[i]);
            let weight = powers.iter().try_fold(x.zeros_like()?, polynomial)?;
            let counts = match &whole {
                Some(whole) => whole.clone(),
                None => between(&cell, 0., last)?,
            };
            Ok(Tap { cell: cell.clamp(0., last)?, weight: (weight * counts)? })
        };
        (0..4).map(tap).collect()
    }
}

/// A pixel near places on an axis.
struct Tap {
    /// Its number; of one beyond the end, that at the end.
    cell: Tensor,
    /// What it counts; beyond the end, nothing.
    weight: Tensor,
}
