//! Winograd's transform of the products back to the output.

use rayon::prelude::*;

use crate::conv::direct::Target;
use crate::conv::winograd::tiling::{Strip, Tiling};
use crate::conv::winograd::transform::{By, Transform, Transformed};
use crate::shared::Shared;
use crate::simd::{Isa, Vector};
use crate::tile::Epilogue;

/// The outputs of the tiles of `strip`, finished.
pub(super) fn transform(
    isa: Isa,
    tiling: &Tiling,
    strip: &Strip,
    right: Shared,
    epilogue: &Epilogue,
    target: Target,
) {
    let lines = strip.frames.len() * strip.rows.len();
    (0..lines).into_par_iter().with_max_len(4).for_each(|i| {
        let (frame, row) = strip.line(i);
        let (at, step) = (i * tiling.tiles[1] * tiling.c_out, strip.right_step);
        let frame = strip.clip * tiling.output[0] + strip.frames.start + frame;
        let output = Output { tiling, epilogue, target, frame, row, right, at, step };
        isa.run(By(tiling.size, output));
    });
}

/// The transform back, of a row of tiles of one frame.
struct Output<'a> {
    tiling: &'a Tiling<'a>,
    epilogue: &'a Epilogue<'a>,
    target: Target<'a>,
    /// Of all clips.
    frame: usize,
    row: usize,
    right: Shared<'a>,
    at: usize,
    step: usize,
}

impl Transformed for Output<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const A: usize, const M: usize, T: Transform<A, M>>(self) {
        let (Tiling { shape, output, tiles, c_out, .. }, target) = (*self.tiling, self.target);
        let [_, h, w] = output;
        let finish = self.epilogue.from(0, shape.c_out);
        let from = self.right.cell(self.at).cast_const();
        for tile in 0..tiles[1] {
            let (high, wide) = (M.min(h - self.row * M), M.min(w - tile * M));
            let place = (self.frame * h + self.row * M) * w + tile * M;
            let mut channel = 0;
            while channel < shape.c_out {
                let left_over = shape.c_out - channel;
                // SAFETY: each task has tiles of its own.
                unsafe {
                    let mut rows = [[V::zero(); M]; A];
                    for i in 0..A {
                        let mut row = [V::zero(); A];
                        for (j, cell) in row.iter_mut().enumerate() {
                            let at = (i * A + j) * self.step + tile * c_out + channel;
                            *cell = V::load(from.add(at));
                        }
                        rows[i] = T::output(row);
                    }
                    for j in 0..wide {
                        let mut column = [V::zero(); A];
                        for i in 0..A {
                            column[i] = rows[i][j];
                        }
                        let column = T::output(column);
                        for (i, ys) in column.into_iter().enumerate().take(high) {
                            let place = place + i * w + j;
                            target.put(&finish, ys, channel, place, left_over);
                        }
                    }
                }
                channel += V::LANES;
            }
        }
    }
}
