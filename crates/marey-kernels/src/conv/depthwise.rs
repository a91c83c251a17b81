//! Depthwise convolution, computed directly: one multiply-add for each tap, a vector of channels at a time.
//!
//! Every cell is read from memory once and from the cache for each tap: the time is that of memory.

use rayon::prelude::*;

use crate::conv::direct::Target;
use crate::conv::walk::Walk;
use crate::conv::weights::Weights;
use crate::scratch::{Aligned, Scratch};
use crate::simd::{Isa, Kernel, Vector};
use crate::tile::Epilogue;

/// Places done at a time along a line: their sums stay in registers. Frames of video networks are often multiples of 7.
const PLACES: usize = 7;

/// Weights `[tap, channel]`, taps in the order of the walk's offsets.
pub(super) fn pack(walk: &Walk, weights: Weights, tap: impl Fn([usize; 3]) -> usize) -> Aligned {
    let mut cells = Aligned::zeros(walk.taps() * walk.channels);
    for (at, cells) in cells.chunks_exact_mut(walk.channels).enumerate() {
        let tap = tap(walk.tap(at));
        for (channel, cell) in cells.iter_mut().enumerate() {
            *cell = weights.at(channel, 0, 0, tap);
        }
    }
    cells
}

/// The places of `walk`, channel by channel.
pub(super) fn run(
    isa: Isa,
    walk: &Walk,
    weights: &[f32],
    xs: &[f32],
    epilogue: &Epilogue,
    target: Target,
) {
    let lines = walk.n * walk.places[0] * walk.places[1];
    let zeros = Scratch::zeros(walk.channels);
    (0..lines).into_par_iter().with_max_len(lines.div_ceil(64).max(1)).for_each(|i| {
        let line = walk.line(i);
        isa.run(Line { walk, weights, xs, zeros: &zeros, epilogue, target, line });
    });
}

/// One line of places.
struct Line<'a> {
    walk: &'a Walk,
    weights: &'a [f32],
    xs: &'a [f32],
    /// What is seen outside the source.
    zeros: &'a [f32],
    epilogue: &'a Epilogue<'a>,
    target: Target<'a>,
    line: usize,
}

impl Kernel for Line<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let walk = self.walk;
        let (clip, [t, h, _]) = walk.place(self.line * walk.places[2]);
        let (high, wide) = (walk.offsets[1].len(), walk.offsets[2].len());
        // The lines of the source that are seen, with the tap each begins with.
        let mut seen = Vec::with_capacity(walk.taps());
        for i in 0..walk.offsets[0].len() * high {
            let lines = (walk.source_at(0, t, i / high), walk.source_at(1, h, i % high));
            if let (Some(t), Some(h)) = lines {
                let line = (clip * walk.source[0] + t) * walk.source[1] + h;
                seen.push((line * walk.source[2] * walk.channels, i * wide));
            }
        }
        for first in (0..walk.places[2]).step_by(PLACES) {
            // SAFETY: as of the kernel.
            unsafe {
                let inside = [0, PLACES + 1].map(|j| walk.source_at(2, first + j, 0).is_some());
                match (walk.step[2], wide, inside) {
                    (1, 3, [true, true]) => {
                        self.places::<V, 3, { PLACES + 2 }, true>(first, &seen);
                    }
                    (1, 3, _) => self.places::<V, 3, { PLACES + 2 }, false>(first, &seen),
                    _ => self.strided::<V>(first, &seen),
                }
            }
        }
    }
}

impl Line<'_> {
    /// The channels of the source's cell `at` of a line that begins at `start`, or zeros.
    #[inline(always)]
    fn cell(&self, start: usize, at: Option<usize>) -> *const f32 {
        match at {
            Some(at) => self.xs[start + at * self.walk.channels..].as_ptr(),
            None => self.zeros.as_ptr(),
        }
    }

    /// [`PLACES`] places of step 1 and `K` taps along the line: each of the `N = PLACES - 1 + K` cells is read once.
    /// `INSIDE` where all of these are in the source.
    #[inline(always)]
    unsafe fn places<V: Vector, const K: usize, const N: usize, const INSIDE: bool>(
        &self,
        first: usize,
        seen: &[(usize, usize)],
    ) {
        let (walk, c) = (self.walk, self.walk.channels);
        let mut ats = [None; N];
        for (j, at) in ats.iter_mut().enumerate() {
            *at = walk.source_at(2, first + j, 0).map(|at| at * c);
        }
        let start = ats[0].unwrap_or_default();
        let mut channel = 0;
        while channel < c {
            let len = c - channel;
            // SAFETY: pointers lead to a cell's channels or to as many zeros.
            unsafe {
                let mut sums = [V::zero(); PLACES];
                for (line, tap) in seen {
                    let line = self.xs.as_ptr().add(*line);
                    let mut ws = [V::zero(); K];
                    for (e, w) in ws.iter_mut().enumerate() {
                        *w = V::load_upto(self.weights.as_ptr().add((tap + e) * c + channel), len);
                    }
                    for (j, at) in ats.iter().enumerate() {
                        let cell = match *at {
                            _ if INSIDE => line.add(start + j * c),
                            Some(at) => line.add(at),
                            None => self.zeros.as_ptr(),
                        };
                        let x = V::load_upto(cell.add(channel), len);
                        for (e, w) in ws.iter().enumerate() {
                            if let Some(sum) = j.checked_sub(e).and_then(|i| sums.get_mut(i)) {
                                *sum = x.mul_add(*w, *sum);
                            }
                        }
                    }
                }
                self.finish(first, channel, sums);
            }
            channel += V::LANES;
        }
    }

    /// [`PLACES`] places of any step and any number of taps.
    #[inline(always)]
    unsafe fn strided<V: Vector>(&self, first: usize, seen: &[(usize, usize)]) {
        let (walk, c) = (self.walk, self.walk.channels);
        let wide = walk.offsets[2].len();
        let mut cells = Vec::with_capacity(seen.len() * wide);
        for (start, tap) in seen {
            for e in 0..wide {
                let mut line = [std::ptr::null(); PLACES];
                for (place, line) in line.iter_mut().enumerate() {
                    *line = self.cell(*start, walk.source_at(2, first + place, e));
                }
                cells.push((line, tap + e));
            }
        }
        let mut channel = 0;
        while channel < c {
            let len = c - channel;
            // SAFETY: pointers lead to a cell's channels or to as many zeros.
            unsafe {
                let mut sums = [V::zero(); PLACES];
                for (line, tap) in &cells {
                    let w = V::load_upto(self.weights.as_ptr().add(tap * c + channel), len);
                    for (cell, sum) in line.iter().zip(&mut sums) {
                        *sum = V::load_upto(cell.add(channel), len).mul_add(w, *sum);
                    }
                }
                self.finish(first, channel, sums);
            }
            channel += V::LANES;
        }
    }

    /// Finishes the sums of the places from `first` on, as far as these are there.
    #[inline(always)]
    unsafe fn finish<V: Vector>(&self, first: usize, channel: usize, sums: [V; PLACES]) {
        let (walk, target) = (self.walk, self.target);
        let len = walk.channels - channel;
        let finish = self.epilogue.from(0, walk.channels);
        let row = self.line * walk.places[2] + first;
        for (i, sum) in sums.into_iter().enumerate().take(walk.places[2] - first) {
            let place = target.place(walk, row + i);
            // SAFETY: each task has a line of its own.
            unsafe { target.put(&finish, sum, channel, place, len) };
        }
    }
}
