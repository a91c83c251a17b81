//! Winograd's minimal filtering over the frame, direct over time: for kernels 1 x 3 x 3 and k x 3 x 3 of stride 1.
//!
//! The input is cut into tiles of `A x A` cells that overlap by two; transformed, the convolution of a tile is `A x A`
//! products, one for each place of the tile, over channels and taps of time. F(2x2) needs 2.25 times fewer
//! multiplications than the definition, F(4x4) 4 times, at a larger rounding error.
//!
//! A strip of tile rows is done at a time, so that what is between the steps stays within [`STRIP`].

// Rows and columns of small matrices: their numbers say more than iterators.
#![allow(clippy::needless_range_loop)]

use crate::conv::direct::Target;
use crate::conv::weights::Panels;
use crate::conv::{ConvShape, Size};
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::Isa;
use crate::tile::{Epilogue, chunks};

mod gradient;
mod input;
mod output;
mod pack;
mod products;
mod tiling;
pub(super) mod time;
mod transform;

pub(super) use gradient::weight_gradient;
pub(super) use pack::pack;
use products::{Sides, products};
use tiling::Tiling;

/// Cells of scratch of a strip, if a single row of tiles of a single frame does not take more: 8 MiB.
const STRIP: usize = 2 << 20;

impl Size {
    /// Products of a tile of the frame.
    fn points(self) -> usize {
        (self.outputs() + 2).pow(2)
    }
}

/// Whether a convolution can be had this way.
pub(super) fn takes(shape: &ConvShape) -> bool {
    let window = &shape.window;
    shape.groups == 1 && window.kernel[1..] == [3, 3] && window.stride == [1; 3]
}

/// The forward pass.
pub(super) fn run(
    isa: Isa,
    shape: &ConvShape,
    size: Size,
    panels: &Panels,
    xs: &[f32],
    epilogue: &Epilogue,
    target: Target,
) {
    let tiling = Tiling::of(isa, shape, size);
    for strip in tiling.strips(STRIP) {
        let mut lefts = Scratch::of(size.points() * strip.left_step);
        let mut rights = Scratch::of(size.points() * strip.right_step);
        let (left, right) = (Shared::new(&mut lefts), Shared::new(&mut rights));
        input::transform(isa, &tiling, &strip, xs, left);
        let (taps, frame) = (shape.window.kernel[0], strip.per_frame * tiling.c_in);
        let chunks = chunks(taps, shape.c_in, |tap| tap * frame);
        let sides = Sides {
            rows: strip.rows_out(),
            row: [tiling.c_in, tiling.c_out],
            step: [strip.left_step, strip.right_step],
            left,
            right,
        };
        products(isa, size.points(), panels, &chunks, sides);
        output::transform(isa, &tiling, &strip, right, epilogue, target);
    }
}
