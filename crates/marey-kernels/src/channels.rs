//! Orders of channels: from planes `[N, C, P]` to channels-last `[N, P, C]`, and parts of a channels-last tensor.

use rayon::prelude::*;

use crate::memory::Sum;
use crate::shared::Shared;

/// Places of a task.
const PLACES: usize = 256;

/// `ys[n, p, c] = xs[n, c, p]` of `[N, C, P]`.
pub fn to_last(xs: &[f32], [n, c, p]: [usize; 3], ys: &mut [f32]) {
    assert_eq!((xs.len(), ys.len()), (n * c * p, n * c * p), "cells of [{n}, {c}, {p}]");
    if xs.is_empty() {
        return;
    }
    for (xs, ys) in xs.chunks(c * p).zip(ys.chunks_mut(c * p)) {
        ys.par_chunks_mut(PLACES * c).enumerate().for_each(|(i, ys)| {
            // Sixteen channels at a time: as many lines of the cache as places are written to.
            for first in (0..c).step_by(16) {
                let some = first..c.min(first + 16);
                for (place, ys) in ys.chunks_exact_mut(c).enumerate() {
                    for channel in some.clone() {
                        ys[channel] = xs[channel * p + i * PLACES + place];
                    }
                }
            }
        });
    }
}

/// Copies `[.., C]` to the channels from `first` on of `[.., channels]`.
pub fn put(xs: &[f32], c: usize, ys: &mut [f32], channels: usize, first: usize) {
    assert_eq!(xs.len() * channels, ys.len() * c, "put {c} of {channels} channels");
    let tasks = ys.par_chunks_mut(PLACES * channels).zip(xs.par_chunks(PLACES * c));
    tasks.for_each(|(ys, xs)| {
        for (ys, xs) in ys.chunks_exact_mut(channels).zip(xs.chunks_exact(c)) {
            ys[first..first + c].copy_from_slice(xs);
        }
    });
}

/// Adds the channels from `first` on of `[.., channels]` to `[.., C]`.
pub fn take(xs: &[f32], channels: usize, first: usize, c: usize, ys: &mut Sum) {
    assert!(xs.len().is_multiple_of(channels) && first + c <= channels, "{c} of {channels}");
    let fill = |ys: Shared, add: bool| {
        xs.par_chunks(PLACES * channels).enumerate().for_each(|(i, xs)| {
            for (place, xs) in xs.chunks_exact(channels).enumerate() {
                let to = ys.cell((i * PLACES + place) * c);
                for (j, x) in xs[first..first + c].iter().enumerate() {
                    let to = to.wrapping_add(j);
                    // SAFETY: each task has places of its own.
                    unsafe { *to = if add { *to + x } else { *x } };
                }
            }
        });
    };
    // SAFETY: all places are written.
    unsafe { ys.with(xs.len() / channels * c, fill) }
}

/// Multiplies each channel of each clip of `xs` `[N, P, C]` by its factor of `factors` `[N, C]`, and adds that to `ys`.
pub fn scale(xs: &[f32], factors: &[f32], c: usize, ys: &mut Sum) {
    let clips = factors.len() / c.max(1);
    assert_eq!(clips * c, factors.len(), "factors of {c} channels");
    assert!(clips > 0 && xs.len().is_multiple_of(clips * c), "{clips} clips of {c} channels");
    let clip = xs.len() / clips;
    let fill = |ys: Shared, add: bool| {
        for (n, (xs, factors)) in xs.chunks(clip).zip(factors.chunks(c)).enumerate() {
            xs.par_chunks(PLACES * c).enumerate().for_each(|(i, xs)| {
                let from = n * clip + i * PLACES * c;
                // SAFETY: each task has places of its own. None is read before it is written.
                let to = unsafe { ys.at(from, xs.len()) };
                for (xs, to) in xs.chunks_exact(c).zip(to.chunks_exact_mut(c)) {
                    for ((x, factor), to) in xs.iter().zip(factors).zip(to) {
                        *to = if add { *to + x * factor } else { x * factor };
                    }
                }
            });
        }
    };
    // SAFETY: all places are written.
    unsafe { ys.with(xs.len(), fill) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_last_by_hand() {
        let mut ys = [0.; 12];
        // Two clips of two channels and three places.
        let xs: Vec<f32> = (0..12).map(|i| i as f32).collect();
        to_last(&xs, [2, 2, 3], &mut ys);
        assert_eq!(ys, [0., 3., 1., 4., 2., 5., 6., 9., 7., 10., 8., 11.]);
    }

    #[test]
    fn scale_by_hand() {
        // Two clips of two places and two channels.
        let xs: Vec<f32> = (1..9).map(|i| i as f32).collect();
        let mut ys = Sum::default();
        scale(&xs, &[1., 10., 0., -1.], 2, &mut ys);
        scale(&xs, &[1., 0., 0., 0.], 2, &mut ys);
        assert_eq!(ys.take(), Some(vec![2., 20., 6., 40., 0., -6., 0., -8.]));
    }

    #[test]
    fn take_gives_back_what_put_put() {
        let mut all = [0.; 8];
        put(&[1., 2., 3., 4.], 2, &mut all, 4, 1);
        assert_eq!(all, [0., 1., 2., 0., 0., 3., 4., 0.]);
        let mut some = Sum::default();
        take(&all, 4, 2, 2, &mut some);
        take(&all, 4, 1, 2, &mut some);
        assert_eq!(some.take(), Some(vec![3., 2., 7., 4.]));
    }
}
