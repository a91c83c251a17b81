//! TV-L1 optical flow.

mod lanes;
mod level;
mod median;
mod plane;
mod resample;
mod rows;
mod sweep;
mod warp;

use level::{Work, solve};
use plane::Plane;

use crate::{Error, Field, Grey, Result};

/// Whose images, pyramids and interpolations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// IPOL 2013.
    Ipol,
    /// OpenCV's `DualTVL1OpticalFlow`.
    OpenCv,
}

/// Parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TvL1Config {
    pub tau: f32,
    pub lambda: f32,
    pub theta: f32,
    pub gamma: f32,
    pub epsilon: f32,
    pub scales: usize,
    pub zoom: f32,
    pub warps: usize,
    pub inner: usize,
    pub outer: usize,
    pub median: usize,
    pub scheme: Scheme,
}

impl TvL1Config {
    pub fn opencv() -> Self {
        Self { tau: 0.25, lambda: 0.15, theta: 0.3, gamma: 0., epsilon: 0.01, scales: 5, zoom: 0.8, warps: 5, inner: 30, outer: 10, median: 5, scheme: Scheme::OpenCv }
    }
    pub fn ipol() -> Self {
        Self { scales: 100, zoom: 0.5, inner: 300, outer: 1, median: 1, scheme: Scheme::Ipol, ..Self::opencv() }
    }
}

pub fn quick(config: &TvL1Config, a: &Grey, b: &Grey, bands: usize) -> Result<Field> {
    let (w, h) = (a.width(), a.height());
    let mut levels = vec![[a, b].map(|i| Plane::of(w, h, i.pixels()))];
    for _ in 1..config.scales {
        let last = levels.last().unwrap();
        let size = |n: usize| (n as f64 * f64::from(config.zoom)).round_ties_even() as usize;
        let (w, h) = (size(last[0].width()), size(last[0].height()));
        if w < 16 || h < 16 { break; }
        let step = 1. / f64::from(config.zoom);
        let next = [0, 1].map(|i| resample::bilinear(&last[i], w, h, [step; 2]));
        levels.push(next);
    }
    let work = Work { isa: lanes::Isa::best(), bands };
    let mut u: Option<Vec<Plane>> = None;
    for [first, second] in levels.iter().rev() {
        let (w, h) = (first.width(), first.height());
        let start = match u {
            None => vec![Plane::new(w, h); 2],
            Some(u) => u.iter().map(|p| {
                let step = [p.width() as f64 / w as f64, p.height() as f64 / h as f64];
                let mut q = resample::bilinear(p, w, h, step);
                for y in 0..h { q.row_mut(y).iter_mut().for_each(|v| *v *= 1. / config.zoom); }
                q
            }).collect(),
        };
        u = Some(solve(config, work, first, second, start));
    }
    let u = u.unwrap();
    Field::new(w, h, u[0].values(), u[1].values())
}
