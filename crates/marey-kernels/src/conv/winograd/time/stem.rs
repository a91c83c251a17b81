//! First layers: the frames of a tile are transformed whole, each point is then a convolution over the frame.
//!
//! There are few channels before it, so the transform of the input costs next to nothing.

use rayon::prelude::*;

use super::{Output, Strip};
use crate::conv::direct::{self, Target};
use crate::conv::gradient::outer;
use crate::conv::weights::Panels;
use crate::conv::winograd::products::Sides;
use crate::conv::winograd::tiling::far_apart;
use crate::conv::winograd::transform::{By, Transform, Transformed};
use crate::conv::{ConvShape, Size};
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{Isa, Vector};
use crate::tile::Epilogue;
use crate::window::Window;

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
    let Some(frames) = Frames::of(shape, size) else { return };
    let Frames { flat, tiles, plane, .. } = &frames;
    let (points, c_out) = (size.outputs() + 2, shape.c_out);
    let walk = flat.walk();
    let step = [frames.left_step(), far_apart(tiles * plane * c_out)];
    let mut lefts = Scratch::of(points * step[0]);
    let mut rights = Scratch::of(points * step[1]);
    for clip in 0..shape.n {
        frames.transform(isa, size, xs, clip, &mut lefts);
        let right = Shared::new(&mut rights);
        for point in 0..points {
            let xs = &lefts[point * step[0]..][..flat.input_len()];
            let cells = right.part(point * step[1], tiles * plane * c_out);
            let target = Target { cells, row: c_out, first: 0, add: false, some: None };
            direct::run(isa, &walk, (panels, point), 1, xs, &Epilogue::default(), target);
        }
        let strip = frames.strip(clip, step, right);
        strip.each(*tiles, |tile, places| {
            isa.run(By(size, Output { strip: &strip, epilogue, target, tile, places }));
        });
    }
}

/// The gradient of the weights: point by point that of a convolution over the frame.
pub(in crate::conv) fn weight_gradient(
    isa: Isa,
    shape: &ConvShape,
    size: Size,
    xs: &[f32],
    dys: &[f32],
    dws: &mut [f32],
) {
    let Some(frames) = Frames::of(shape, size) else { return };
    let Frames { flat, tiles, plane, .. } = &frames;
    let (walk, taps) = (flat.walk(), size.taps());
    let (filter, len) = (flat.window.taps(), flat.weight_len());
    let step = [frames.left_step(), far_apart(tiles * plane * shape.c_out)];
    let mut lefts = Scratch::of(taps.len() * step[0]);
    let mut rights = Scratch::of(taps.len() * step[1]);
    let mut of_point = Scratch::of(len);
    dws.fill(0.);
    for clip in 0..shape.n {
        frames.transform(isa, size, xs, clip, &mut lefts);
        let strip = frames.strip(clip, step, Shared::new(&mut rights));
        strip.each(*tiles, |tile, places| {
            isa.run(By(size, Slopes { strip: &strip, dys, tile, places }));
        });
        for (point, taps) in taps.iter().enumerate() {
            let xs = &lefts[point * step[0]..][..flat.input_len()];
            let dys = &rights[point * step[1]..][..tiles * plane * shape.c_out];
            outer::run(isa, flat, &walk, xs, dys, &mut of_point[..len]);
            // `[filter, channel, tap of the frame]` to all three taps of time.
            let all = dws.chunks_exact_mut(3 * filter).zip(of_point.chunks_exact(filter));
            for (dws, of_point) in all {
                for (dws, tap) in dws.chunks_exact_mut(filter).zip(taps) {
                    dws.iter_mut().zip(of_point).for_each(|(dw, x)| *dw += *tap as f32 * x);
                }
            }
        }
    }
}

/// The tiles of frames of a clip, which are convolved point by point as clips of one frame each.
struct Frames<'a> {
    shape: &'a ConvShape,
    /// Of a point: as many clips as there are tiles.
    flat: ConvShape,
    tiles: usize,
    /// Frames of the output.
    frames: usize,
    /// Places of a frame of the output.
    plane: usize,
}

impl<'a> Frames<'a> {
    fn of(shape: &'a ConvShape, size: Size) -> Option<Self> {
        let [frames, high, wide] = shape.output()?;
        let tiles = frames.div_ceil(size.outputs());
        let ([_, h, w], window) = (shape.input, shape.window);
        let window = Window {
            kernel: [1, window.kernel[1], window.kernel[2]],
            before: [0, window.before[1], window.before[2]],
            after: [0, window.after[1], window.after[2]],
            ..window
        };
        let flat = ConvShape { n: tiles, input: [1, h, w], window, ..*shape };
        Some(Self { shape, flat, tiles, frames, plane: high * wide })
    }

    /// Cells from one point of the transformed input to the next.
    fn left_step(&self) -> usize {
        far_apart(self.flat.input_len())
    }

    /// The transformed input of a clip: for each point `[tile, cell of a frame]`.
    fn transform(&self, isa: Isa, size: Size, xs: &[f32], clip: usize, lefts: &mut [f32]) {
        let Self { shape, flat, tiles, .. } = self;
        let (left, step) = (Shared::new(lefts), self.left_step());
        let frame = flat.input_len() / tiles;
        let parts = frame.div_ceil(CELLS);
        (0..tiles * parts).into_par_iter().for_each(|i| {
            let (tile, first) = (i / parts, i % parts * CELLS);
            let cells = first..frame.min(first + CELLS);
            isa.run(By(size, Input { shape, xs, clip, tile, cells, left, step }));
        });
    }

    /// All places of a clip, and their products, on the right.
    fn strip<'b>(&'b self, clip: usize, step: [usize; 2], right: Shared<'b>) -> Strip<'b> {
        let Self { shape, tiles, frames, plane, .. } = *self;
        let row = [shape.c_in, shape.c_out];
        let sides = Sides { rows: tiles * plane, row, step, left: right, right };
        Strip { shape, frames, plane, clip, places: 0..plane, sides }
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

/// What the gradient of the output is to the products, of some places of a tile.
struct Slopes<'a> {
    strip: &'a Strip<'a>,
    dys: &'a [f32],
    tile: usize,
    places: std::ops::Range<usize>,
}

impl Transformed for Slopes<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const A: usize, const M: usize, T: Transform<A, M>>(self) {
        let &Strip { plane, clip, frames, sides, .. } = self.strip;
        let c = sides.row[1];
        let some = M.min(frames - self.tile * M);
        for place in self.places {
            let first = (clip * frames + self.tile * M) * plane + place;
            let at = (self.tile * plane + place) * c;
            for channel in (0..c).step_by(V::LANES) {
                let len = c - channel;
                // SAFETY: what is read are the channels of a place; each task has places of a tile of its own.
                unsafe {
                    let mut cells = [V::zero(); M];
                    for (i, cell) in cells.iter_mut().enumerate().take(some) {
                        let from = &self.dys[(first + i * plane) * c + channel..][..1];
                        *cell = V::load_upto(from.as_ptr(), len);
                    }
                    for (point, cell) in T::gradient(cells).into_iter().enumerate() {
                        cell.store_upto(
                            sides.right.cell(point * sides.step[1] + at + channel),
                            len,
                        );
                    }
                }
            }
        }
    }
}
