//! Batch normalisation over `[.., C]`, forward and backward, with what follows it in a block: a residual and a ReLU.

use std::ops::Range;

use rayon::prelude::*;

use crate::memory::{Sum, written};
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::tile::{Epilogue, Finish};
use crate::trace;

mod reduce;

use reduce::reduce;
pub use reduce::sums;

/// Places of a task that changes them one by one.
const PLACES: usize = 256;

/// Mean and biased variance of each of `c` channels.
pub fn statistics(xs: &[f32], c: usize) -> (Vec<f32>, Vec<f32>) {
    let count = (xs.len() / c.max(1)) as f64;
    // Sums are of the distance to the first cell, which is as near the mean as any: squares then lose no digits.
    let Some(first) = xs.get(..c) else { return (vec![0.; c], vec![0.; c]) };
    let what = || format!("statistics of {} x {c}", xs.len() / c);
    let [sums, squares] =
        trace::timed("norm", what, || reduce(xs.len() / c, c, Moments { xs, first }));
    let mean = |i: usize| sums[i] / count;
    let variance = |i: usize| (squares[i] / count - mean(i).powi(2)).max(0.) as f32;
    let of = |i: usize| (f64::from(first[i]) + mean(i)) as f32;
    ((0..c).map(of).collect(), (0..c).map(variance).collect())
}

struct Moments<'a> {
    xs: &'a [f32],
    first: &'a [f32],
}

impl reduce::Terms<2> for Moments<'_> {
    #[inline(always)]
    unsafe fn at<V: Vector>(&self, cell: usize, channel: usize, len: usize) -> [V; 2] {
        // SAFETY: as of the trait.
        unsafe {
            let first = V::load_upto(self.first.as_ptr().add(channel), len);
            let x = V::load_upto(self.xs.as_ptr().add(cell), len).sub(first);
            [x, x.mul(x)]
        }
    }
}

/// `max(xs * scale + shift + residual, 0)`, each part where the epilogue has it; `xs` has `c` channels.
pub fn finish(xs: &[f32], c: usize, epilogue: &Epilogue) -> Vec<f32> {
    epilogue.check(c, xs.len());
    let fill = |ys: Shared| {
        in_places(xs.len() / c, |places| {
            Isa::best().run(Finished { xs, c, finish: epilogue.from(0, c), ys, places });
        });
    };
    let what = || format!("{} x {c}", xs.len() / c);
    // SAFETY: all places are written.
    trace::timed("norm", what, || unsafe { written(xs.len(), fill) })
}

/// Calls `task` in parallel with ranges that together are all places.
fn in_places(places: usize, task: impl Fn(Range<usize>) + Sync) {
    let tasks = places.div_ceil(PLACES);
    (0..tasks).into_par_iter().with_max_len(tasks.div_ceil(32).max(1)).for_each(|i| {
        task(i * PLACES..places.min((i + 1) * PLACES));
    });
}

struct Finished<'a> {
    xs: &'a [f32],
    c: usize,
    finish: Finish,
    ys: Shared<'a>,
    places: Range<usize>,
}

impl Kernel for Finished<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for place in self.places {
            let mut channel = 0;
            while channel < self.c {
                let (cell, len) = (place * self.c + channel, self.c - channel);
                // SAFETY: all slices are of one shape; each task has places of its own.
                unsafe {
                    let x = V::load_upto(self.xs.as_ptr().add(cell), len);
                    let y = self.finish.apply(x, channel, place, len);
                    y.store_upto(self.ys.cell(cell), len);
                }
                channel += V::LANES;
            }
        }
    }
}

/// What a batch norm did: `ys = (xs - mean) * inverse * scale + shift`, and what followed.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a> {
    /// Its input.
    pub xs: &'a [f32],
    /// The output, where a ReLU followed.
    pub gate: Option<&'a [f32]>,
    /// Mean of each channel over the batch.
    pub mean: &'a [f32],
    /// `1 / sqrt(variance + eps)`.
    pub inverse: &'a [f32],
    /// Scale of each channel.
    pub scale: &'a [f32],
}

/// The gradients of scale and shift, from the gradient `dys` of the output.
pub fn parameter_gradients(done: &Done, dys: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let c = done.mean.len();
    assert_eq!(done.xs.len(), dys.len(), "batch norm: input and the output's gradient");
    assert!(done.gate.is_none_or(|gate| gate.len() == dys.len()), "batch norm: gate");
    let places = dys.len() / c.max(1);
    let what = || format!("parameter gradients of {places} x {c}");
    let [dots, sums] = trace::timed("norm", what, || reduce(places, c, Slopes { done, dys }));
    let scale =
        dots.iter().zip(done.inverse).map(|(dot, inverse)| (dot * f64::from(*inverse)) as f32);
    (scale.collect(), sums.iter().map(|sum| *sum as f32).collect())
}

struct Slopes<'a> {
    done: &'a Done<'a>,
    dys: &'a [f32],
}

impl Slopes<'_> {
    /// The gradient before the ReLU.
    #[inline(always)]
    unsafe fn gated<V: Vector>(&self, cell: usize, len: usize) -> V {
        // SAFETY: all slices are of one shape.
        unsafe {
            let dy = V::load_upto(self.dys.as_ptr().add(cell), len);
            match self.done.gate {
                None => dy,
                Some(gate) => dy.where_positive(V::load_upto(gate.as_ptr().add(cell), len)),
            }
        }
    }
}

impl reduce::Terms<2> for Slopes<'_> {
    #[inline(always)]
    unsafe fn at<V: Vector>(&self, cell: usize, channel: usize, len: usize) -> [V; 2] {
        // SAFETY: as of the trait.
        unsafe {
            let dy = self.gated::<V>(cell, len);
            let mean = V::load_upto(self.done.mean.as_ptr().add(channel), len);
            let x = V::load_upto(self.done.xs.as_ptr().add(cell), len).sub(mean);
            [x.mul(dy), dy]
        }
    }
}

/// The gradient of the input, and of a residual where there was one, from the gradient `dys` of the output.
///
/// `parameters` are the gradients of scale and shift where mean and deviation were those of the batch; none where they
/// were fixed. Results are added to `dxs` and `residual`.
pub fn input_gradient(
    done: &Done,
    dys: &[f32],
    parameters: Option<(&[f32], &[f32])>,
    dxs: Option<&mut Sum>,
    residual: Option<&mut Sum>,
) {
    let c = done.mean.len();
    assert_eq!(done.xs.len(), dys.len(), "batch norm: input and the output's gradient");
    let count = (dys.len() / c.max(1)) as f64;
    let factor: Vec<f32> = done.scale.iter().zip(done.inverse).map(|(a, b)| a * b).collect();
    let (mut of_x, mut rest) = (vec![0f32; c], vec![0f32; c]);
    if let Some((dscale, dshift)) = parameters {
        for i in 0..c {
            let inverse = f64::from(done.inverse[i]);
            let slope = -f64::from(dscale[i]) * inverse / count;
            of_x[i] = slope as f32;
            rest[i] = -(f64::from(dshift[i]) / count) as f32 - of_x[i] * done.mean[i];
        }
    }
    let slopes = Slopes { done, dys };
    let run = |dxs: Option<(Shared, bool)>, residual: Option<(Shared, bool)>| {
        let (slopes, factor, of_x, rest) = (&slopes, &factor[..], &of_x[..], &rest[..]);
        in_places(dys.len() / c.max(1), |places| {
            Isa::best().run(Back { slopes, factor, of_x, rest, dxs, residual, places });
        });
    };
    let len = dys.len();
    // SAFETY: all places are written.
    let all = || unsafe {
        match (dxs, residual) {
            (None, None) => {}
            (Some(dxs), None) => dxs.with(len, |dxs, add| run(Some((dxs, add)), None)),
            (None, Some(residual)) => {
                residual.with(len, |cells, add| run(None, Some((cells, add))))
            }
            (Some(dxs), Some(residual)) => dxs.with(len, |dxs, add| {
                let dxs = Some((dxs, add));
                residual.with(len, |cells, add| run(dxs, Some((cells, add))));
            }),
        }
    };
    trace::timed("norm", || format!("input gradient of {} x {c}", len / c.max(1)), all);
}

struct Back<'a> {
    slopes: &'a Slopes<'a>,
    factor: &'a [f32],
    of_x: &'a [f32],
    rest: &'a [f32],
    dxs: Option<(Shared<'a>, bool)>,
    residual: Option<(Shared<'a>, bool)>,
    places: Range<usize>,
}

impl Kernel for Back<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let c = self.factor.len();
        for place in self.places {
            let mut channel = 0;
            while channel < c {
                let (cell, len) = (place * c + channel, c - channel);
                // SAFETY: all slices are of one shape; each task has places of its own.
                unsafe {
                    let part = |of: &[f32]| V::load_upto(of.as_ptr().add(channel), len);
                    let put = |to: (Shared, bool), x: V| {
                        let at = to.0.cell(cell);
                        let x = if to.1 { x.add(V::load_upto(at, len)) } else { x };
                        x.store_upto(at, len);
                    };
                    let dy = self.slopes.gated::<V>(cell, len);
                    if let Some(residual) = self.residual {
                        put(residual, dy);
                    }
                    if let Some(dxs) = self.dxs {
                        let x = V::load_upto(self.slopes.done.xs.as_ptr().add(cell), len);
                        let dx = x.mul_add(part(self.of_x), dy.add(part(self.rest)));
                        put(dxs, dx.mul(part(self.factor)));
                    }
                }
                channel += V::LANES;
            }
        }
    }
}

#[cfg(test)]
mod tests;
