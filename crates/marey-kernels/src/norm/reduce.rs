//! Sums over all places, channel by channel: blocks in f32, their sums in f64.

use rayon::prelude::*;

use crate::simd::{Isa, Kernel, Vector};

/// Places summed in f32.
const BLOCK: usize = 64;

/// Parts of the places that are summed apart, at most: a matter of the shape, not of the threads.
const PARTS: usize = 16;

/// What is summed: `K` terms for each cell.
pub(super) trait Terms<const K: usize>: Sync {
    /// The terms of cells `cell..cell + len`, those of `channel` and on.
    ///
    /// # Safety
    ///
    /// As of [`Vector`]; the cells are inside.
    unsafe fn at<V: Vector>(&self, cell: usize, channel: usize, len: usize) -> [V; K];
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
    places: std::ops::Range<usize>,
    c: usize,
}

impl<const K: usize, T: Terms<K>> Kernel for Part<'_, T, K> {
    type Output = [Vec<f64>; K];

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> Self::Output {
        let Part { terms, places, c } = self;
        let mut sums = std::array::from_fn(|_| vec![0.; c]);
        let mut lanes = [0f32; 16];
        for start in places.clone().step_by(BLOCK) {
            let block = start..places.end.min(start + BLOCK);
            let mut channel = 0;
            while channel < c {
                let len = c - channel;
                // SAFETY: the cells are inside; a vector has at most 16 lanes.
                unsafe {
                    let mut part = [V::zero(); K];
                    for place in block.clone() {
                        let terms = terms.at::<V>(place * c + channel, channel, len);
                        for (part, term) in part.iter_mut().zip(terms) {
                            *part = part.add(term);
                        }
                    }
                    for (sums, part) in sums.iter_mut().zip(part) {
                        part.store(lanes.as_mut_ptr());
                        let count = len.min(V::LANES);
                        let sums: &mut [f64] = &mut sums[channel..channel + count];
                        sums.iter_mut().zip(&lanes).for_each(|(sum, x)| *sum += f64::from(*x));
                    }
                }
                channel += V::LANES;
            }
        }
        sums
    }
}

/// The sum of each of `c` channels of `xs` `[.., C]`.
pub fn sums(xs: &[f32], c: usize) -> Vec<f64> {
    assert!(c > 0 && xs.len().is_multiple_of(c), "sums of {} cells of {c} channels", xs.len());
    let [sums] = reduce(xs.len() / c, c, &Cells(xs));
    sums
}

struct Cells<'a>(&'a [f32]);

impl Terms<1> for Cells<'_> {
    #[inline(always)]
    unsafe fn at<V: Vector>(&self, cell: usize, _: usize, len: usize) -> [V; 1] {
        // SAFETY: as of the trait.
        unsafe { [V::load_upto(self.0.as_ptr().add(cell), len)] }
    }
}
