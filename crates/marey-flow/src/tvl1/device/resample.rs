//! Images and flow at other sizes, as products with matrices.
//!
//! All of it is linear, one axis after the other. A matrix's rows are what the CPU's code makes of rows that are 0 but for one 1.

use candle::{Device, Result, Tensor, bail};
use rayon::prelude::*;

use super::super::plane::Plane;
use super::super::pyramid::{self, BEFORE};
use super::super::resample::gaussian;
use super::super::{Scheme, TvL1Config};

/// Images `[N, C, H, W]` at each size, the largest first.
pub(super) fn pyramid(config: &TvL1Config, images: Tensor) -> Result<Vec<Tensor>> {
    let (_, _, h, w) = images.dims4()?;
    let images = match config.scheme {
        Scheme::OpenCv => images,
        Scheme::Ipol => by_axes(&stretched(&images)?, [w, h], |mut row, _| {
            gaussian(&mut row, BEFORE);
            row
        })?,
    };
    let mut levels = vec![images];
    for size in pyramid::sizes(config, [w, h]).into_iter().skip(1) {
        let Some(below) = levels.last() else { bail!("TV-L1: no image to make smaller") };
        let above = by_axes(below, size, |row, len| pyramid::smaller(config, &row, len, 1))?;
        levels.push(above);
    }
    Ok(levels)
}

/// Flow `[N, C, H, W]` of the level above, made a start for one of `w` x `h` pixels.
pub(super) fn larger(config: &TvL1Config, above: &Tensor, w: usize, h: usize) -> Result<Tensor> {
    let u = by_axes(above, [w, h], |row, len| pyramid::larger(config, &row, len, 1))?;
    let flow = (u.narrow(1, 0, 2)? * f64::from(1. / config.zoom))?;
    match u.dim(1)? {
        2 => Ok(flow),
        _ => Tensor::cat(&[flow, u.narrow(1, 2, 1)?.contiguous()?], 1),
    }
}

/// Both images of each pair, `[N, 2, H, W]`, with their least number made 0 and their most 255.
fn stretched(images: &Tensor) -> Result<Tensor> {
    let values = images.flatten_from(1)?;
    let least = values.min_keepdim(1)?;
    // Images of one brightness become 0.
    let range = (values.max_keepdim(1)? - &least)?.maximum(f64::from(f32::MIN_POSITIVE))?;
    (values.broadcast_sub(&least)? * 255.)?.broadcast_div(&range)?.reshape(images.dims())
}

/// `[N, C, H, W]` with each row, and then each column, put through a linear `map` to so many numbers.
fn by_axes(
    xs: &Tensor,
    [w, h]: [usize; 2],
    map: impl Fn(Plane, usize) -> Plane + Sync,
) -> Result<Tensor> {
    let along_last = |xs: &Tensor, len: usize| {
        let (n, c, rows, from) = xs.dims4()?;
        let matrix = matrix(from, |row| map(row, len), xs.device())?;
        xs.contiguous()?.reshape((n * c * rows, from))?.matmul(&matrix)?.reshape((n, c, rows, len))
    };
    let wide = along_last(xs, w)?;
    along_last(&wide.transpose(2, 3)?, h)?.transpose(2, 3)?.contiguous()
}

fn matrix(from: usize, map: impl Fn(Plane) -> Plane + Sync, device: &Device) -> Result<Tensor> {
    let row = |at: usize| {
        let mut row = Plane::new(from, 1);
        row.row_mut(0)[at] = 1.;
        map(row).values()
    };
    let values: Vec<f32> = (0..from).into_par_iter().flat_map_iter(row).collect();
    let to = values.len() / from;
    Tensor::from_vec(values, (from, to), device)
}
