//! Winograd's transform of the input.

use rayon::prelude::*;

use crate::conv::winograd::tiling::{Strip, Tiling};
use crate::conv::winograd::transform::{By, Transform, Transformed};
use crate::shared::Shared;
use crate::simd::{Isa, Vector};

/// The tiles of `strip`, transformed: for each point, `[frame, tile, channel]`.
pub(super) fn transform(isa: Isa, tiling: &Tiling, strip: &Strip, xs: &[f32], left: Shared) {
    let lines = strip.frames_in * strip.rows.len();
    (0..lines).into_par_iter().with_max_len(4).for_each(|i| {
        let (frame, row) = strip.line(i);
        let (at, step) = (i * tiling.tiles[1] * tiling.c_in, strip.left_step);
        let frame = (strip.frames.start + frame).checked_sub(tiling.shape.window.before[0]);
        let frame = frame.filter(|frame| *frame < tiling.shape.input[0]);
        let input = Input { tiling, xs, clip: strip.clip, frame, row, left, at, step };
        isa.run(By(tiling.size, input));
    });
}

/// The transform of a row of tiles of one frame.
struct Input<'a> {
    tiling: &'a Tiling<'a>,
    xs: &'a [f32],
    clip: usize,
    /// None is a frame of padding.
    frame: Option<usize>,
    row: usize,
    left: Shared<'a>,
    /// Where its first tile is within a point, and how far points are apart.
    at: usize,
    step: usize,
}

impl Transformed for Input<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const A: usize, const M: usize, T: Transform<A, M>>(self) {
        let Tiling { shape, tiles, c_in, .. } = *self.tiling;
        let ([_, h, w], c) = (shape.input, shape.c_in);
        let [_, before_h, before_w] = shape.window.before;
        let len = tiles[1] * c_in;
        let Some(frame) = self.frame else {
            for point in 0..A * A {
                // SAFETY: each task has tiles of its own.
                unsafe { self.left.zero(self.at + point * self.step, len) };
            }
            return;
        };
        let frame = &self.xs[(self.clip * shape.input[0] + frame) * h * w * c..][..h * w * c];
        let last = self.at + (A * A - 1) * self.step + len;
        let to = self.left.cell(last).wrapping_sub(last - self.at);
        let top = (self.row * M) as isize - before_h as isize;
        for tile in 0..tiles[1] {
            let start = (tile * M) as isize - before_w as isize;
            // The cells of the tile that are in the frame.
            let inside = |first: isize, size: usize| {
                let end = (size as isize - first).clamp(0, A as isize) as usize;
                ((-first).clamp(0, end as isize) as usize, end)
            };
            let ((top_in, bottom), (left, right)) = (inside(top, h), inside(start, w));
            let whole = (top_in, bottom, left, right) == (0, A, 0, A);
            let base = (top * w as isize + start) * c as isize;
            let mut channel = 0;
            while channel < c {
                let left_over = c - channel;
                // SAFETY: only cells inside the frame are read; each task has tiles of its own.
                unsafe {
                    let from = frame.as_ptr().wrapping_offset(base).wrapping_add(channel);
                    let mut rows = [[V::zero(); A]; A];
                    if whole && left_over >= V::LANES {
                        for i in 0..A {
                            let mut row = [V::zero(); A];
                            for (j, cell) in row.iter_mut().enumerate() {
                                *cell = V::load(from.wrapping_add((i * w + j) * c));
                            }
                            rows[i] = T::input(row);
                        }
                    } else {
                        for i in top_in..bottom {
                            let mut row = [V::zero(); A];
                            for (j, cell) in row.iter_mut().enumerate() {
                                if (left..right).contains(&j) {
                                    let from = from.wrapping_add((i * w + j) * c);
                                    *cell = V::load_upto(from, left_over);
                                }
                            }
                            rows[i] = T::input(row);
                        }
                    }
                    for j in 0..A {
                        let mut column = [V::zero(); A];
                        for i in 0..A {
                            column[i] = rows[i][j];
                        }
                        let column = T::input(column);
                        for i in 0..A {
                            let at = (i * A + j) * self.step + tile * c_in + channel;
                            column[i].store(to.add(at));
                        }
                    }
                }
                channel += V::LANES;
            }
        }
    }
}
