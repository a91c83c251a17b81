//! The gradient of depthwise weights: for each tap and channel, the sum over all places.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::walk::Walk;
use crate::scratch::Scratch;
use crate::simd::{Isa, Kernel, Vector};

/// Taps whose sums stay in registers.
const TAPS: usize = 9;

/// Parts that lines are summed in, at most.
const PARTS: usize = 16;

pub(super) fn run(isa: Isa, walk: &Walk, xs: &[f32], dys: &[f32], dws: &mut [f32]) {
    let lines = walk.n * walk.places[0] * walk.places[1];
    let (taps, c) = (walk.taps(), walk.channels);
    let zeros = Scratch::zeros(walk.source[2] * c);
    let sums = in_parts(lines, PARTS.min(lines), taps * c, |lines, sums| {
        isa.run(Part { walk, xs, dys, zeros: &zeros, lines, sums });
    });
    for (channel, dws) in dws.chunks_exact_mut(taps).enumerate() {
        for (tap, dw) in dws.iter_mut().enumerate() {
            *dw = sums[tap * c + channel];
        }
    }
}

struct Part<'a> {
    walk: &'a Walk,
    xs: &'a [f32],
    dys: &'a [f32],
    /// A line of what is seen outside the source.
    zeros: &'a [f32],
    lines: Range<usize>,
    /// `[tap, channel]`.
    sums: &'a mut [f32],
}

impl Kernel for Part<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { walk, xs, dys, zeros, lines, sums } = self;
        let (c, wide) = (walk.channels, walk.places[2]);
        let [ka, kb, ke] = [0, 1, 2].map(|axis| walk.offsets[axis].len());
        for line in lines.map(|i| walk.line(i)) {
            let (clip, [t, h, _]) = walk.place(line * wide);
            let dys = &dys[line * wide * c..][..wide * c];
            if [kb, ke] == [3, 3] {
                for a in 0..ka {
                    let Some(t) = walk.source_at(0, t, a) else { continue };
                    let lines = [0, 1, 2].map(|b| {
                        walk.source_at(1, h, b).map_or(zeros, |h| {
                            let line = (clip * walk.source[0] + t) * walk.source[1] + h;
                            &xs[line * walk.source[2] * c..][..walk.source[2] * c]
                        })
                    });
                    // SAFETY: as of the kernel; all lengths are those of the shape.
                    unsafe { nine::<V>(walk, lines, dys, zeros, &mut sums[9 * a * c..][..9 * c]) };
                }
                continue;
            }
            for (a, b) in (0..ka).flat_map(|a| (0..kb).map(move |b| (a, b))) {
                let seen = (walk.source_at(0, t, a), walk.source_at(1, h, b));
                let (Some(t), Some(h)) = seen else { continue };
                let start = ((clip * walk.source[0] + t) * walk.source[1] + h) * walk.source[2] * c;
                let line = &xs[start..][..walk.source[2] * c];
                for first in (0..ke).step_by(TAPS) {
                    let sums = &mut sums[((a * kb + b) * ke + first) * c..];
                    let taps = first..ke.min(first + TAPS);
                    // SAFETY: as of the kernel; all lengths are those of the shape.
                    unsafe { line_of::<V>(walk, line, dys, zeros, taps, sums) };
                }
            }
        }
    }
}

/// Adds what three lines of the source and one of the output have in common, for three taps along each.
#[inline(always)]
unsafe fn nine<V: Vector>(
    walk: &Walk,
    lines: [&[f32]; 3],
    dys: &[f32],
    zeros: &[f32],
    sums: &mut [f32],
) {
    let (c, step, start) = (walk.channels, walk.step[2] as isize, walk.offsets[2].start);
    let places = dys.len() / c;
    let inside = |place: usize| {
        let first = place as isize * step + start;
        first >= 0 && first + 2 < walk.source[2] as isize
    };
    for channel in (0..c).step_by(V::LANES) {
        let len = c - channel;
        // SAFETY: `len` channels are left of each cell.
        unsafe {
            let mut parts = [[V::zero(); 3]; 3];
            for place in 0..places {
                let dy = V::load_upto(dys.as_ptr().add(place * c + channel), len);
                if inside(place) {
                    let at = ((place as isize * step + start) as usize) * c + channel;
                    for (line, parts) in lines.iter().zip(&mut parts) {
                        for (e, part) in parts.iter_mut().enumerate() {
                            let x = V::load_upto(line.as_ptr().add(at + e * c), len);
                            *part = x.mul_add(dy, *part);
                        }
                    }
                    continue;
                }
                for (line, parts) in lines.iter().zip(&mut parts) {
                    for (e, part) in parts.iter_mut().enumerate() {
                        let at = walk.source_at(2, place, e);
                        let x = at.map_or(zeros.as_ptr(), |at| line.as_ptr().add(at * c));
                        *part = V::load_upto(x.add(channel), len).mul_add(dy, *part);
                    }
                }
            }
            for (i, part) in parts.as_flattened().iter().enumerate() {
                let to = sums.as_mut_ptr().add(i * c + channel);
                V::load_upto(to, len).add(*part).store_upto(to, len);
            }
        }
    }
}

/// Adds what one line of the source and one of the output have in common, for some taps along the line.
#[inline(always)]
unsafe fn line_of<V: Vector>(
    walk: &Walk,
    line: &[f32],
    dys: &[f32],
    zeros: &[f32],
    taps: Range<usize>,
    sums: &mut [f32],
) {
    let c = walk.channels;
    macro_rules! of {
        ($($count:literal)*) => {
            match taps.len() {
                // SAFETY: as of this function.
                $($count => unsafe { some::<V, $count>(walk, line, dys, zeros, taps.start, sums) },)*
                count => unreachable!("{count} taps at a time, of {c} channels"),
            }
        };
    }
    of!(1 2 3 4 5 6 7 8 9)
}

#[inline(always)]
unsafe fn some<V: Vector, const K: usize>(
    walk: &Walk,
    line: &[f32],
    dys: &[f32],
    zeros: &[f32],
    first: usize,
    sums: &mut [f32],
) {
    let c = walk.channels;
    let mut channel = 0;
    while channel < c {
        let len = c - channel;
        let mut part = [0f32; K].map(|_| {
            // SAFETY: as of the kernel.
            unsafe { V::zero() }
        });
        for (place, dys) in dys.chunks_exact(c).enumerate() {
            // SAFETY: `len` channels are left of each cell.
            unsafe {
                let dy = V::load_upto(dys.as_ptr().add(channel), len);
                for (e, part) in part.iter_mut().enumerate() {
                    let at = walk.source_at(2, place, first + e);
                    let x = at.map_or(zeros.as_ptr(), |at| line.as_ptr().add(at * c));
                    *part = V::load_upto(x.add(channel), len).mul_add(dy, *part);
                }
            }
        }
        for (e, part) in part.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe {
                let to = sums.as_mut_ptr().add(e * c + channel);
                V::load_upto(to, len).add(part).store_upto(to, len);
            }
        }
        channel += V::LANES;
    }
}

/// Partial sums of parts of the rows: `parts` times `len` cells, filled by `fill` in parallel, added up in order.
///
/// The parts are a matter of the shape, not of the threads, so the bits do not depend on these.
fn in_parts(
    rows: usize,
    parts: usize,
    len: usize,
    fill: impl Fn(Range<usize>, &mut [f32]) + Sync,
) -> Scratch {
    let mut sums = Scratch::of(parts * len);
    sums[..parts * len].par_chunks_mut(len).enumerate().with_max_len(1).for_each(|(part, sums)| {
        sums.fill(0.);
        fill(rows * part / parts..rows * (part + 1) / parts, sums);
    });
    let (first, others) = sums[..parts * len].split_at_mut(len);
    for other in others.chunks(len) {
        first.par_iter_mut().zip(other).with_min_len(1 << 14).for_each(|(sum, x)| *sum += x);
    }
    sums
}
