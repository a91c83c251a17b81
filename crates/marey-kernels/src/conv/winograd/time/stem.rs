//! First layers: the frames of a tile are transformed whole, each point is then a convolution over the frame.
//!
//! There are few channels before it, so the transform of the input costs next to nothing.

use rayon::prelude::*;

use super::{Output, Strip};
use crate::conv::ConvShape;
use crate::conv::Size;
use crate::conv::direct::{self, Target};
use crate::conv::walk::Walk;
use crate::conv::weights::Panels;
use crate::conv::winograd::products::Sides;
use crate::conv::winograd::tiling::far_apart;
use crate::conv::winograd::transform::{By, Transform, Transformed};
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{Isa, Vector};
use crate::tile::Epilogue;

/// Cells of a frame that are transformed together.
const CELLS: usize = 4096;

pub(super) fn run(
    isa: Isa,
    shape: &ConvShape,
    size: Size,
    panels: &Panels,
    xs: &[f32],
    epilogue: &Epilogue,
    target: Target,
) {
    let Some(places) = shape.output() else { return };
    let (frames, plane) = (places[0], places[1] * places[2]);
    let (points, tiles) = (size.outputs() + 2, frames.div_ceil(size.outputs()));
    let frame = shape.input[1] * shape.input[2] * shape.c_in;
    let step = [far_apart(tiles * frame), far_apart(tiles * plane * shape.c_out)];
    let mut lefts = Scratch::of(points * step[0]);
    let mut rights = Scratch::of(points * step[1]);
    // Each point is a convolution over the frame, of as many clips of one frame as there are tiles.
    let flat = Walk { n: tiles, ..Walk::forward(shape, places) };
    let flat = Walk {
        source: [1, shape.input[1], shape.input[2]],
        places: [1, places[1], places[2]],
        offsets: [0..1, flat.offsets[1].clone(), flat.offsets[2].clone()],
        ..flat
    };
    for clip in 0..shape.n {
        let left = Shared::new(&mut lefts);
        let parts = frame.div_ceil(CELLS);
        (0..tiles * parts).into_par_iter().for_each(|i| {
            let (tile, first) = (i / parts, i % parts * CELLS);
            let cells = first..frame.min(first + CELLS);
            let input = Input { shape, xs, clip, tile, cells, left, step: step[0] };
            isa.run(By(size, input));
        });
        let right = Shared::new(&mut rights);
        for point in 0..points {
            let xs = &lefts[point * step[0]..][..tiles * frame];
            let cells = right.part(point * step[1], tiles * plane * shape.c_out);
            let target = Target { cells, row: shape.c_out, first: 0, add: false, some: None };
            direct::run(isa, &flat, (panels, point), 1, xs, &Epilogue::default(), target);
        }
        let sides =
            Sides { rows: tiles * plane, row: [shape.c_in, shape.c_out], step, left: right, right };
        let strip = Strip { shape, frames, plane, clip, places: 0..plane, sides };
        strip.each(tiles, |tile, places| {
            isa.run(By(size, Output { strip: &strip, epilogue, target, tile, places }));
        });
    }
}

/// The transform of some cells of the frames of a tile.
struct Input<'a> {
    shape: &'a ConvShape,
    xs: &'a [f32],
    clip: usize,
    tile: usize,
    cells: std::ops::Range<usize>,
    /// For each point, `[tile, cell of a frame]`.
    left: Shared<'a>,
    step: usize,
}

impl Transformed for Input<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const A: usize, const M: usize, T: Transform<A, M>>(self) {
        let [frames, high, wide] = self.shape.input;
        let frame = high * wide * self.shape.c_in;
        let first = (self.tile * M) as isize - self.shape.window.before[0] as isize;
        let mut froms = [None; A];
        for (i, from) in froms.iter_mut().enumerate() {
            let t = usize::try_from(first + i as isize).ok().filter(|t| *t < frames);
            *from = t.map(|t| self.xs[(self.clip * frames + t) * frame..][..frame].as_ptr());
        }
        let mut at = self.cells.start;
        while at < self.cells.end {
            let len = self.cells.end - at;
            // SAFETY: what is read is inside the frames; each task has cells of its own.
            unsafe {
                let mut cells = [V::zero(); A];
                for (cell, from) in cells.iter_mut().zip(froms) {
                    if let Some(from) = from {
                        *cell = V::load_upto(from.add(at), len);
                    }
                }
                for (point, cell) in T::input(cells).into_iter().enumerate() {
                    let to = self.left.cell(point * self.step + self.tile * frame + at);
                    cell.store_upto(to, len);
                }
            }
            at += V::LANES;
        }
    }
}
