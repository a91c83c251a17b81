//! Sums over all places, channel by channel: blocks in f32, their sums in f64.

use std::ops::Range;

use rayon::prelude::*;

use crate::simd::{Isa, Kernel, Vector};

/// Places summed in f32.
const BLOCK: usize = 64;

/// Vectors of channels summed together: what is read of a place is then long enough for the processor to read ahead.
const WIDE: usize = 4;

/// Parts of the places that are summed apart, at most: a matter of the shape, not of the threads.
const PARTS: usize = 16;

/// What is summed: `K` terms for each cell.
pub(super) trait Terms<const K: usize>: Sync {
    /// The terms of `len` channels of `place`, those of `channel` and on.
    ///
    /// # Safety
    ///
    /// As of [`Vector`]; place and channels are inside.
    unsafe fn at<V: Vector>(&self, place: usize, channel: usize, len: usize) -> [V; K];
}

/// The sums of `terms` over `places`, for each of `c` channels.
pub(super) fn reduce<const K: usize>(
    places: usize,
    c: usize,
    terms: &impl Terms<K>,
) -> [Vec<f64>; K] {
    let blocks = places.div_ceil(BLOCK);
    let parts = blocks.clamp(1, PARTS);
    let part = |part: usize| {
        let range = |i: usize| (places * i / parts).min(places);
        Isa::best().run(Part::<_, K> { terms, places: range(part)..range(part + 1), c })
    };
    let parts: Vec<[Vec<f64>; K]> = (0..parts).into_par_iter().with_max_len(1).map(part).collect();
    let mut sums = std::array::from_fn(|_| vec![0.; c]);
    for part in &parts {
        for (sums, part) in sums.iter_mut().zip(part) {
            sums.iter_mut().zip(part).for_each(|(sum, x)| *sum += x);
        }
    }
    sums
}

struct Part<'a, T, const K: usize> {
    terms: &'a T,
    places: Range<usize>,
    c: usize,
}

impl<const K: usize, T: Terms<K>> Kernel for Part<'_, T, K> {
    type Output = [Vec<f64>; K];

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Self::Output {
        let Part { terms, places, c } = self;
        let mut sums = std::array::from_fn(|_| vec![0.; c]);
        for start in places.clone().step_by(BLOCK) {
            let block = start..places.end.min(start + BLOCK);
            let mut channel = 0;
            while channel < c {
                // SAFETY: as of the kernel.
                unsafe {
                    let sums = &mut sums;
                    if channel + WIDE * V::LANES <= c {
                        add::<V, T, K, WIDE>(terms, &block, channel, c, sums);
                        channel += WIDE * V::LANES;
                    } else {
                        add::<V, T, K, 1>(terms, &block, channel, c, sums);
                        channel += V::LANES;
                    }
                }
            }
        }
        sums
    }
}

/// Adds the terms of a `block` of places, for `W` vectors of channels from `channel` on.
#[inline(always)]
unsafe fn add<V: Vector, T: Terms<K>, const K: usize, const W: usize>(
    terms: &T,
    block: &Range<usize>,
    channel: usize,
    c: usize,
    sums: &mut [Vec<f64>; K],
) {
    // SAFETY: as of this function.
    let mut parts = unsafe { [[V::zero(); K]; W] };
    let mut lanes = [0f32; 16];
    // SAFETY: places and channels are inside; a vector has at most 16 lanes.
    unsafe {
        for place in block.clone() {
            for (i, part) in parts.iter_mut().enumerate() {
                let channel = channel + i * V::LANES;
                let terms = terms.at::<V>(place, channel, c - channel);
                for (part, term) in part.iter_mut().zip(terms) {
                    *part = part.add(term);
                }
            }
        }
        for (i, part) in parts.iter().enumerate() {
            let channel = channel + i * V::LANES;
            let count = (c - channel).min(V::LANES);
            for (sums, part) in sums.iter_mut().zip(part) {
                part.store(lanes.as_mut_ptr());
                let sums: &mut [f64] = &mut sums[channel..channel + count];
                sums.iter_mut().zip(&lanes).for_each(|(sum, x)| *sum += f64::from(*x));
            }
        }
    }
}

/// The sum of each of `c` channels of `xs` `[.., C]`.
pub fn sums(xs: &[f32], c: usize) -> Vec<f64> {
    assert!(c > 0 && xs.len().is_multiple_of(c), "sums of {} cells of {c} channels", xs.len());
    let [sums] = reduce(xs.len() / c, c, &Cells { xs, c });
    sums
}

/// The sum over places of `xs` times `ys`, both `[.., C]`, for each of `c` channels.
pub fn dots(xs: &[f32], ys: &[f32], c: usize) -> Vec<f64> {
    assert!(c > 0 && xs.len().is_multiple_of(c), "products of {} cells of {c} channels", xs.len());
    assert_eq!(xs.len(), ys.len(), "products of {c} channels");
    let [dots] = reduce(xs.len() / c, c, &Products { xs, ys, c });
    dots
}

struct Products<'a> {
    xs: &'a [f32],
    ys: &'a [f32],
    c: usize,
}

impl Terms<1> for Products<'_> {
    #[inline(always)]
    unsafe fn at<V: Vector>(&self, place: usize, channel: usize, len: usize) -> [V; 1] {
        let cell = place * self.c + channel;
        // SAFETY: as of the trait.
        unsafe {
            let x = V::load_upto(self.xs.as_ptr().add(cell), len);
            [x.mul(V::load_upto(self.ys.as_ptr().add(cell), len))]
        }
    }
}

struct Cells<'a> {
    xs: &'a [f32],
    c: usize,
}

impl Terms<1> for Cells<'_> {
    #[inline(always)]
    unsafe fn at<V: Vector>(&self, place: usize, channel: usize, len: usize) -> [V; 1] {
        // SAFETY: as of the trait.
        unsafe { [V::load_upto(self.xs.as_ptr().add(place * self.c + channel), len)] }
    }
}
