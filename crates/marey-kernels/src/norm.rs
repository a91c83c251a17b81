//! Batch normalisation over `[.., C]`, forward and backward, with what follows it in a block: a residual and a ReLU.

use std::ops::Range;

use rayon::prelude::*;

use crate::memory::written;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::tile::{Epilogue, Finish};
use crate::trace;

mod gate;
mod gradient;
mod reduce;

pub use gate::Gate;
pub use gradient::{Done, gradients};
use reduce::reduce;
pub use reduce::{dots, sums};

/// Places of a task that changes them one by one.
const PLACES: usize = 256;

/// Mean and biased variance of each of `c` channels.
pub fn statistics(xs: &[f32], c: usize) -> (Vec<f32>, Vec<f32>) {
    let count = (xs.len() / c.max(1)) as f64;
    // Sums are of the distance to the first cell, which is as near the mean as any: squares then lose no digits.
    let Some(first) = xs.get(..c) else { return (vec![0.; c], vec![0.; c]) };
    let what = || format!("statistics of {} x {c}", xs.len() / c);
    let [sums, squares] =
        trace::timed("norm", what, || reduce(xs.len() / c, c, &Moments { xs, first, c }));
    let mean = |i: usize| sums[i] / count;
    let variance = |i: usize| (squares[i] / count - mean(i).powi(2)).max(0.) as f32;
    let of = |i: usize| (f64::from(first[i]) + mean(i)) as f32;
    ((0..c).map(of).collect(), (0..c).map(variance).collect())
}

struct Moments<'a> {
    xs: &'a [f32],
    first: &'a [f32],
    c: usize,
}

impl reduce::Terms<2> for Moments<'_> {
    #[inline(always)]
    unsafe fn at<V: Vector>(&self, place: usize, channel: usize, len: usize) -> [V; 2] {
        // SAFETY: as of the trait.
        unsafe {
            let first = V::load_upto(self.first.as_ptr().add(channel), len);
            let x = V::load_upto(self.xs.as_ptr().add(place * self.c + channel), len).sub(first);
            [x, x.mul(x)]
        }
    }
}

/// `max(xs * scale + shift + residual, 0)`, each part where the epilogue has it; `xs` has `c` channels.
pub fn finish(xs: &[f32], c: usize, epilogue: &Epilogue) -> Vec<f32> {
    finish_with(xs, c, epilogue, None)
}

/// [`finish`], and which cells of the output are above 0: where a ReLU lets gradients through.
pub fn finish_gated(xs: &[f32], c: usize, epilogue: &Epilogue) -> (Vec<f32>, Gate) {
    let gate = Gate::shut(xs.len() / c.max(1), c);
    (finish_with(xs, c, epilogue, Some(&gate)), gate)
}

fn finish_with(xs: &[f32], c: usize, epilogue: &Epilogue, gate: Option<&Gate>) -> Vec<f32> {
    epilogue.check(c, xs.len());
    let fill = |ys: Shared| {
        in_places(xs.len() / c, |places| {
            Isa::best().run(Finished { xs, c, finish: epilogue.from(0, c), ys, gate, places });
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
    gate: Option<&'a Gate>,
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
                    if let Some(gate) = self.gate {
                        gate.open(y, place, channel);
                    }
                }
                channel += V::LANES;
            }
        }
    }
}

#[cfg(test)]
mod tests;
