//! The gradient of weights in Winograd's domain: the forward pass transposed.
//!
//! For each point of the tiles, the transformed input, transposed, times the transformed gradient of the output; their
//! sum over all tiles is transformed back to the taps.

use rayon::prelude::*;

use crate::conv::gradient::Product;
use crate::conv::winograd::input;
use crate::conv::winograd::tiling::{Strip, Tiling};
use crate::conv::winograd::transform::{By, Transform, Transformed};
use crate::conv::{ConvShape, Size};
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::tile::Ahead;

/// Cells of scratch of a strip: 32 MiB. All sums are read and written once a strip, so strips are large.
const STRIP: usize = 8 << 20;

/// Tiles summed before the sums leave the registers.
const TILES: usize = 128;

/// The gradient of weights `[C_out, C_in, kT, 3, 3]`.
pub(in crate::conv) fn weight_gradient(
    isa: Isa,
    shape: &ConvShape,
    size: Size,
    xs: &[f32],
    dys: &[f32],
    dws: &mut [f32],
) {
    let tiling = Tiling::of(isa, shape, size);
    let (points, taps) = (size.points(), shape.window.kernel[0]);
    let (c_in, c_out) = (shape.c_in, tiling.c_out);
    let mut sums = Scratch::zeros(points * taps * c_in * c_out);
    for strip in tiling.strips(STRIP) {
        let mut lefts = Scratch::of(points * strip.left_step);
        let mut rights = Scratch::of(points * strip.right_step);
        let (left, right) = (Shared::new(&mut lefts), Shared::new(&mut rights));
        input::transform(isa, &tiling, &strip, xs, left);
        let lines = strip.frames.len() * strip.rows.len();
        (0..lines).into_par_iter().with_max_len(4).for_each(|line| {
            isa.run(By(size, Slopes { tiling: &tiling, strip: &strip, dys, right, line }));
        });
        // A task is one tap of one point.
        let tasks = sums[..points * taps * c_in * c_out].par_chunks_mut(c_in * c_out);
        tasks.enumerate().with_max_len(1).for_each(|(task, sums)| {
            let (point, tap) = (task / taps, task % taps);
            let from = point * strip.left_step + tap * strip.per_frame * tiling.c_in;
            let left = left.cell(from).cast_const();
            let right = right.cell(point * strip.right_step).cast_const();
            isa.run(Sums { tiling: &tiling, rows: strip.rows_out(), left, right, sums });
        });
    }
    dws.par_chunks_mut(c_in * taps * 9 * LANES).enumerate().with_max_len(1).for_each(|(i, dws)| {
        isa.run(By(size, Back { tiling: &tiling, sums: &sums, first: i * LANES, dws }));
    });
}

/// The transform of the gradient of a row of tiles of one frame.
struct Slopes<'a> {
    tiling: &'a Tiling<'a>,
    strip: &'a Strip,
    dys: &'a [f32],
    right: Shared<'a>,
    line: usize,
}

impl Transformed for Slopes<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const A: usize, const M: usize, T: Transform<A, M>>(self) {
        let (Tiling { shape, output: [frames, h, w], tiles, c_out, .. }, strip) =
            (*self.tiling, self.strip);
        let (frame, row) = strip.line(self.line);
        let frame = strip.clip * frames + strip.frames.start + frame;
        for tile in 0..tiles[1] {
            let (high, wide) = (M.min(h - row * M), M.min(w - tile * M));
            let place = (frame * h + row * M) * w + tile * M;
            let at = (self.line * tiles[1] + tile) * c_out;
            let mut channel = 0;
            while channel < shape.c_out {
                let left_over = shape.c_out - channel;
                // SAFETY: only cells inside the frame are read; each task has tiles of its own.
                unsafe {
                    let from = self.dys.as_ptr().add(place * shape.c_out + channel);
                    let mut rows = [[V::zero(); A]; M];
                    for i in 0..high {
                        let mut row = [V::zero(); M];
                        for (j, cell) in row.iter_mut().enumerate().take(wide) {
                            *cell = V::load_upto(from.add((i * w + j) * shape.c_out), left_over);
                        }
                        rows[i] = T::gradient(row);
                    }
                    for j in 0..A {
                        let mut column = [V::zero(); M];
                        for i in 0..M {
                            column[i] = rows[i][j];
                        }
                        for (i, cell) in T::gradient(column).into_iter().enumerate() {
                            let point = (i * A + j) * strip.right_step;
                            cell.store(self.right.cell(point + at + channel));
                        }
                    }
                }
                channel += V::LANES;
            }
        }
    }
}

/// The products of one tap of one point, summed over the tiles of a strip.
struct Sums<'a> {
    tiling: &'a Tiling<'a>,
    rows: usize,
    left: *const f32,
    right: *const f32,
    /// `[channel in, channel out]`.
    sums: &'a mut [f32],
}

impl Kernel for Sums<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { tiling, rows, left, right, sums } = self;
        let depth = tiling.shape.c_in;
        let blocks = rows.div_ceil(TILES);
        for block in 0..blocks {
            let (start, end) = (rows * block / blocks, rows * (block + 1) / blocks);
            // SAFETY: rows and columns are those of the strip; whole vectors of columns are there on both sides.
            unsafe {
                let product = Product {
                    left: left.add(start * tiling.c_in),
                    left_row: tiling.c_in,
                    right: right.add(start * tiling.c_out),
                    right_row: tiling.c_out,
                    rows: end - start,
                    to: sums.as_mut_ptr(),
                    to_row: tiling.c_out,
                    add: true,
                };
                let columns = tiling.shape.c_out.next_multiple_of(V::LANES);
                product.run::<V>(depth, columns, [Ahead::NOTHING; 2]);
            }
        }
    }
}

/// Channels out that are transformed back together.
const LANES: usize = 16;

/// The sums of some channels out, transformed back to the taps.
struct Back<'a> {
    tiling: &'a Tiling<'a>,
    /// `[point, tap of time, channel in, channel out]`.
    sums: &'a [f32],
    first: usize,
    /// `[channel out, channel in, tap]`.
    dws: &'a mut [f32],
}

impl Transformed for Back<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const A: usize, const M: usize, T: Transform<A, M>>(self) {
        let Tiling { shape, c_out, .. } = *self.tiling;
        let (c_in, taps) = (shape.c_in, shape.window.kernel[0]);
        let filter = c_in * taps * 9;
        let some = self.dws.len() / filter;
        for at in 0..c_in * taps {
            let (c, tap) = (at / taps, at % taps);
            let mut back = [0f32; 9 * LANES];
            for lane in (0..some).step_by(V::LANES) {
                // SAFETY: a point has whole vectors of channels out.
                unsafe {
                    let mut rows = [[V::zero(); A]; 3];
                    for i in 0..A {
                        for j in 0..A {
                            let point = ((i * A + j) * taps + tap) * c_in + c;
                            let from = self.sums.as_ptr().add(point * c_out + self.first + lane);
                            let sum = V::load(from);
                            for (x, rows) in rows.iter_mut().enumerate() {
                                let weight = V::splat(T::TAPS[i][x] as f32);
                                rows[j] = sum.mul_add(weight, rows[j]);
                            }
                        }
                    }
                    for (x, row) in rows.iter().enumerate() {
                        for y in 0..3 {
                            let mut sum = V::zero();
                            for (j, cell) in row.iter().enumerate() {
                                sum = cell.mul_add(V::splat(T::TAPS[j][y] as f32), sum);
                            }
                            sum.store(back.as_mut_ptr().add((x * 3 + y) * LANES + lane));
                        }
                    }
                }
            }
            for (i, dws) in self.dws.chunks_exact_mut(filter).enumerate() {
                let dws = &mut dws[(c * taps + tap) * 9..][..9];
                for (tap, dw) in dws.iter_mut().enumerate() {
                    *dw = back[tap * LANES + i];
                }
            }
        }
    }
}
