//! Winograd's minimal filtering along time, F(2, 3) and F(4, 3) in one dimension, for kernels 3 x 1 x 1 and for first
//! layers, which have large kernels over few channels.
//!
//! A tile is some frames of one place, so its transform needs no neighbours in the frame. F(4) halves the
//! multiplications, F(2) takes two thirds of them.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::direct::Target;
use crate::conv::weights::{Panels, Weights};
use crate::conv::winograd::STRIP;
use crate::conv::winograd::products::{Sides, products};
use crate::conv::winograd::tiling::{apart, far_apart};
use crate::conv::winograd::transform::{By, Transform, Transformed};
use crate::conv::{ConvShape, Size};
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{Isa, Vector};
use crate::tile::{Epilogue, chunks};
use crate::window::Window;

mod stem;

pub(in crate::conv) use stem::weight_gradient as stem_weight_gradient;

/// Places whose tiles are transformed together.
const PLACES: usize = 32;

/// Whether a convolution can be had this way.
pub(in crate::conv) fn takes(shape: &ConvShape) -> bool {
    let Window { kernel, stride, .. } = shape.window;
    shape.groups == 1 && kernel[0] == 3 && stride[0] == 1 && (in_place(shape) || stem(shape))
}

/// Whether a place of the output sees that place of the input alone.
fn in_place(shape: &ConvShape) -> bool {
    let Window { kernel, stride, before, after } = shape.window;
    [kernel[1..] == [1, 1], stride[1..] == [1, 1], before[1..] == [0, 0], after[1..] == [0, 0]]
        .into_iter()
        .all(|so| so)
}

/// Whether this is a first layer: large kernels over few channels, for which there is nothing better.
pub(in crate::conv) fn stem(shape: &ConvShape) -> bool {
    shape.window.kernel[1] * shape.window.kernel[2] >= 25 && shape.c_in <= 4
}

/// Transforms and packs weights: for each point of a tile, depth `[tap of the frame, channel]`.
pub(in crate::conv) fn pack(isa: Isa, shape: &ConvShape, size: Size, weights: Weights) -> Panels {
    let rows = size.taps();
    let [_, kh, kw] = shape.window.kernel;
    let (c_in, frame) = (shape.c_in, kh * kw);
    Panels::new(isa, [rows.len(), c_in, shape.c_out], frame, |range, inners, mut writer| {
        for (inner, at) in inners.flat_map(|inner| (0..frame).map(move |at| (inner, at))) {
            for (i, out) in range.clone().enumerate() {
                let taps = [0, 1, 2].map(|t| f64::from(weights.at(0, out, inner, t * frame + at)));
                for (point, row) in rows.iter().enumerate() {
                    let sum: f64 = row.iter().zip(taps).map(|(g, tap)| g * tap).sum();
                    writer.row(point, at * c_in + inner)[i] = sum as f32;
                }
            }
        }
    })
}

/// The forward pass.
pub(in crate::conv) fn run(
    isa: Isa,
    shape: &ConvShape,
    size: Size,
    panels: &Panels,
    xs: &[f32],
    epilogue: &Epilogue,
    target: Target,
) {
    if !in_place(shape) {
        return stem::run(isa, shape, size, panels, xs, epilogue, target);
    }
    let Some([frames, high, wide]) = shape.output() else { return };
    let (plane, points) = (high * wide, size.outputs() + 2);
    let tiles = frames.div_ceil(size.outputs());
    let row = [shape.c_in, shape.c_out].map(|channels| apart(channels, isa.lanes()));
    // As many places as the scratch holds the tiles of.
    let some = (STRIP / (points * tiles * (row[0] + row[1]))).clamp(PLACES.min(plane), plane);
    let strips = plane.div_ceil(some);
    let chunks = chunks(1, shape.c_in, |_| 0);
    for strip in 0..shape.n * strips {
        let (clip, strip) = (strip / strips, strip % strips);
        let places = plane * strip / strips..plane * (strip + 1) / strips;
        let rows = tiles * places.len();
        let step = row.map(|row| far_apart(rows * row));
        let mut lefts = Scratch::of(points * step[0]);
        let mut rights = Scratch::of(points * step[1]);
        let (left, right) = (Shared::new(&mut lefts), Shared::new(&mut rights));
        let sides = Sides { rows, row, step, left, right };
        let strip = Strip { shape, frames, plane, clip, places, sides };
        strip.each(tiles, |tile, places| {
            isa.run(By(size, Input { strip: &strip, xs, tile, places }));
        });
        products(isa, points, panels, &chunks, sides);
        strip.each(tiles, |tile, places| {
            isa.run(By(size, Output { strip: &strip, epilogue, target, tile, places }));
        });
    }
}

/// Some places of all frames of a clip.
struct Strip<'a> {
    shape: &'a ConvShape,
    /// Of the output.
    frames: usize,
    /// Places of a frame.
    plane: usize,
    clip: usize,
    places: Range<usize>,
    sides: Sides<'a>,
}

impl Strip<'_> {
    /// Calls `run` in parallel with each tile and some of the places, counted from the strip's first.
    fn each(&self, tiles: usize, run: impl Fn(usize, Range<usize>) + Sync) {
        let blocks = self.places.len().div_ceil(PLACES);
        (0..tiles * blocks).into_par_iter().with_max_len(4).for_each(|i| {
            let (tile, first) = (i / blocks, i % blocks * PLACES);
            run(tile, first..self.places.len().min(first + PLACES));
        });
    }
}

/// The transform of a tile of frames of some of a strip's places.
struct Input<'a> {
    strip: &'a Strip<'a>,
    xs: &'a [f32],
    tile: usize,
    places: Range<usize>,
}

impl Transformed for Input<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const A: usize, const M: usize, T: Transform<A, M>>(self) {
        let &Strip { shape, plane, clip, sides, .. } = self.strip;
        let ([frames, ..], c) = (shape.input, shape.c_in);
        let first = (self.tile * M) as isize - shape.window.before[0] as isize;
        for place in self.places.clone() {
            let mut froms = [None; A];
            for (i, from) in froms.iter_mut().enumerate() {
                let frame = usize::try_from(first + i as isize).ok().filter(|t| *t < frames);
                *from = frame.map(|t| {
                    let at = (clip * frames + t) * plane + self.strip.places.start + place;
                    self.xs[at * c..][..c].as_ptr()
                });
            }
            let at = (self.tile * self.strip.places.len() + place) * sides.row[0];
            let mut channel = 0;
            while channel < c {
                // SAFETY: what is read is a cell's channels; each task has places of a tile of its own.
                unsafe {
                    let mut cells = [V::zero(); A];
                    for (cell, from) in cells.iter_mut().zip(froms) {
                        if let Some(from) = from {
                            *cell = V::load_upto(from.add(channel), c - channel);
                        }
                    }
                    for (point, cell) in T::input(cells).into_iter().enumerate() {
                        cell.store(sides.left.cell(point * sides.step[0] + at + channel));
                    }
                }
                channel += V::LANES;
            }
        }
    }
}

/// The transform back, of the same.
struct Output<'a> {
    strip: &'a Strip<'a>,
    epilogue: &'a Epilogue<'a>,
    target: Target<'a>,
    tile: usize,
    places: Range<usize>,
}

impl Transformed for Output<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector, const A: usize, const M: usize, T: Transform<A, M>>(self) {
        let (&Strip { shape, plane, clip, frames, sides, .. }, target) = (self.strip, self.target);
        let c = shape.c_out;
        let finish = self.epilogue.from(0, c);
        let some = M.min(frames - self.tile * M);
        for place in self.places.clone() {
            let at = (self.tile * self.strip.places.len() + place) * sides.row[1];
            let first = (clip * frames + self.tile * M) * plane + self.strip.places.start + place;
            let mut channel = 0;
            while channel < c {
                let len = c - channel;
                // SAFETY: each task has places of a tile of its own.
                unsafe {
                    let mut cells = [V::zero(); A];
                    for (point, cell) in cells.iter_mut().enumerate() {
                        *cell = V::load(sides.right.cell(point * sides.step[1] + at + channel));
                    }
                    for (i, ys) in T::output(cells).into_iter().enumerate().take(some) {
                        let place = first + i * plane;
                        target.put(&finish, ys, channel, place, len);
                    }
                }
                channel += V::LANES;
            }
        }
    }
}
