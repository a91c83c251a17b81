//! Implicit matrix product of brain floats: of numbers rounded to them, or of their parts.
//!
//! The source is rounded once, two channels to a cell; then blocks of rows are gathered from that and multiplied with the
//! packed weights, as in [`direct`](super::direct). With three terms each number is the sum of two brain floats, its upper
//! and its lower part, and all products are there but those of two lower parts: 16 bits and more, where there were 8.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::ConvShape;
use crate::conv::direct::{Target, tasks};
use crate::conv::walk::Walk;
use crate::conv::weights::{Panels, Weights};
use crate::scratch::Scratch;
use crate::simd::brain::{Brain, pair, rest, round};
use crate::simd::{Isa, Kernel, Vector};
use crate::tile::{
    Ahead, BLOCK, BrainFloats, DEPTH, Epilogue, Right, Run, WidenedFloats, block, block_of_tiles,
};

/// Depths are multiplied by so many cells, or multiples of that.
const STEP: usize = 16;

/// Products of brain floats that stand for a product of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Terms {
    /// Of the numbers rounded.
    One,
    /// Of the upper and the lower parts.
    Three,
}

impl Terms {
    fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Three => 3,
        }
    }

    /// Brain floats that a number is kept as.
    fn parts(self) -> usize {
        match self {
            Self::One => 1,
            Self::Three => 2,
        }
    }

    /// The part of the source, and of the weights, that each term is the product of.
    const PARTS: [(usize, usize); 3] = [(0, 0), (1, 0), (0, 1)];

    /// Cells of a row multiplied at a time, at most.
    fn most(self) -> usize {
        DEPTH / self.count() / STEP * STEP
    }
}

/// Whether a convolution can be had this way: neighbouring channels share a cell, so groups must not.
pub(super) fn takes(shape: &ConvShape) -> bool {
    shape.groups == 1 || shape.group_in().is_multiple_of(2)
}

/// The depth of a row, in cells, and how it is cut.
struct Depth {
    /// Cells of a tap: of a pair of channels each.
    pairs: usize,
    taps: usize,
    terms: Terms,
}

impl Depth {
    fn of(shape: &ConvShape, terms: Terms) -> Self {
        Self { pairs: shape.group_in().div_ceil(2), taps: shape.window.taps(), terms }
    }

    /// With the zeros that fill up the last step.
    fn cells(&self) -> usize {
        (self.pairs * self.taps).next_multiple_of(STEP)
    }

    /// Whole steps, as even as can be.
    fn pieces(&self) -> Vec<Range<usize>> {
        let (steps, count) = (self.cells() / STEP, self.cells().div_ceil(self.terms.most()));
        (0..count).map(|i| steps * i / count * STEP..steps * (i + 1) / count * STEP).collect()
    }
}

/// Packs weights: piece after piece of the depth `[t, h, w, pair]` all terms of it.
pub(super) fn pack(isa: Isa, shape: &ConvShape, terms: Terms, weights: Weights) -> Panels {
    let depth = Depth::of(shape, terms);
    let (c, columns, groups) = (shape.group_in(), shape.group_out(), shape.groups);
    let mut order = Vec::new();
    for piece in depth.pieces() {
        for (_, part) in &Terms::PARTS[..terms.count()] {
            order.extend(piece.clone().map(|at| (at, *part)));
        }
    }
    Panels::new(isa, [groups, order.len(), columns], 1, |range, cells, mut writer| {
        let mut both = [const { [0f32; 2 * 16] }; 2];
        for (group, cell) in (0..groups).flat_map(|group| cells.clone().map(move |i| (group, i))) {
            let (at, part) = order[cell];
            let (tap, inner) = (at / depth.pairs, at % depth.pairs * 2);
            for (i, ws) in both.iter_mut().enumerate() {
                ws.fill(0.);
                if tap < depth.taps && inner + i < c {
                    weights.column(group, range.clone(), inner + i, tap, ws);
                }
            }
            let of = if part == 0 { round } else { rest };
            let row = &mut writer.row(group, cell)[..range.len()];
            for (i, to) in row.iter_mut().enumerate() {
                *to = pair(of(both[0][i]), of(both[1][i]));
            }
        }
    })
}

/// The forward pass.
pub(super) fn run(
    isa: Isa,
    shape: &ConvShape,
    terms: Terms,
    panels: &Panels,
    xs: &[f32],
    epilogue: &Epilogue,
    target: Target,
) {
    let walk = Walk::forward(shape, shape.output().unwrap_or_default());
    let depth = Depth::of(shape, terms);
    let pairs = shape.c_in.div_ceil(2);
    let source = narrowed(isa, xs, shape.c_in, terms);
    let walk = Walk { channels: terms.parts() * pairs, seen: depth.pairs, ..walk };
    let in_place = walk.is_identity() && depth.pairs.is_multiple_of(STEP);
    let pieces = depth.pieces();
    tasks(&walk, shape.groups, panels.count(), |rows, group, some| {
        isa.run(Task {
            brain: isa.brain(),
            walk: &walk,
            pairs,
            depth: &depth,
            pieces: &pieces,
            panels,
            group,
            source: &source,
            in_place,
            rows,
            some,
            epilogue,
            channels: shape.c_out,
            target: Target { first: target.first + group * panels.columns, ..target },
        });
    });
}

/// Cells `[place, part, pair]` of `xs`, rounded; and some more, so that a whole block can be read from any place on.
fn narrowed(isa: Isa, xs: &[f32], c: usize, terms: Terms) -> Scratch {
    const PLACES: usize = 512;
    let (places, row) = (xs.len() / c, terms.parts() * c.div_ceil(2));
    let mut cells = Scratch::of((places + BLOCK) * row);
    let some = cells[..places * row].par_chunks_mut(PLACES * row);
    some.zip(xs.par_chunks(PLACES * c)).for_each(|(to, xs)| {
        isa.run(Narrow { xs, c, row, to });
    });
    cells
}

/// Rounds some places of `c` channels to `row` cells each.
struct Narrow<'a> {
    xs: &'a [f32],
    c: usize,
    row: usize,
    to: &'a mut [f32],
}

impl Kernel for Narrow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { xs, c, row, to } = self;
        let start = to.as_mut_ptr().cast::<u16>();
        // SAFETY: a cell is two brain floats, and these hold any bits.
        let to = unsafe { std::slice::from_raw_parts_mut(start, 2 * to.len()) };
        // Plain Rust, that the compiler makes vectors of.
        for (xs, to) in xs.chunks_exact(c).zip(to.chunks_exact_mut(2 * row)) {
            let parts = to.chunks_exact_mut(c.next_multiple_of(2));
            for (part, to) in parts.enumerate() {
                if part == 0 {
                    to.iter_mut().zip(xs).for_each(|(to, x)| *to = round(*x));
                } else {
                    to.iter_mut().zip(xs).for_each(|(to, x)| *to = rest(*x));
                }
                to[c..].fill(0);
            }
        }
    }
}

struct Task<'a> {
    brain: Brain,
    /// Over the rounded source: its channels are all cells of a place.
    walk: &'a Walk,
    /// Cells of a part of a place.
    pairs: usize,
    depth: &'a Depth,
    pieces: &'a [Range<usize>],
    panels: &'a Panels,
    group: usize,
    source: &'a [f32],
    /// Whether a row is some cells of the source.
    in_place: bool,
    rows: Range<usize>,
    /// Panels.
    some: Range<usize>,
    epilogue: &'a Epilogue<'a>,
    /// Channels out of all groups.
    channels: usize,
    target: Target<'a>,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { walk, panels, target, rows, depth, .. } = &self;
        let (terms, most) = (depth.terms, depth.terms.most());
        let mut places = [0; BLOCK];
        for (at, place) in places.iter_mut().enumerate().take(rows.len()) {
            *place = target.place(walk, rows.start + at);
        }
        // Lines that fall on other sets of the cache than their neighbours.
        let row = if self.in_place { walk.channels } else { terms.parts() * most + 16 };
        let mut gathered = Scratch::of(if self.in_place { 0 } else { BLOCK * row });
        let left = if self.in_place {
            self.source[rows.start * row..].as_ptr()
        } else {
            gathered.as_mut_ptr().cast_const()
        };
        // SAFETY: this instruction set has tiles, if it says so.
        let tiles = (self.brain == Brain::Tiles).then(|| unsafe { crate::tile::Tiles::new() });
        for (i, piece) in self.pieces.iter().enumerate() {
            if !self.in_place {
                // SAFETY: a block has at most `BLOCK` rows, a part at most `most` cells.
                unsafe { self.gather::<V>(piece, gathered.as_mut_ptr(), row) };
            }
            let runs = Terms::PARTS.map(|(part, _)| {
                let first = self.group * depth.pairs + piece.start;
                let from = if self.in_place { part * self.pairs + first } else { part * most };
                Run { from, len: piece.len() }
            });
            let runs = &runs[..terms.count()];
            for panel in self.some.clone() {
                let (weights, columns) = panels.at(self.group, panel, terms.count() * piece.start);
                let channel = self.group * panels.columns + columns.start;
                let finish = self.epilogue.from(channel, self.channels);
                let right = Right {
                    cells: target.cells.cell(target.first + columns.start),
                    row: target.row,
                    columns: columns.len(),
                    add: i > 0 || target.add,
                    finish: (i + 1 == self.pieces.len()).then_some(&finish),
                };
                let at = |at: usize| (left.wrapping_add(at * row), places[at]);
                // SAFETY: each task has rows and panels of its own; shapes were checked at the door.
                unsafe {
                    match (&tiles, self.brain) {
                        (Some(tiles), _) => {
                            let places = &places[..rows.len()];
                            block_of_tiles::<V>(tiles, places, left, row, runs, weights, right);
                        }
                        (None, Brain::Vectors) => {
                            let ahead = Ahead::NOTHING;
                            block::<V, BrainFloats>(rows.len(), at, runs, weights, right, ahead);
                        }
                        (None, _) => {
                            let ahead = Ahead::NOTHING;
                            block::<V, WidenedFloats>(rows.len(), at, runs, weights, right, ahead);
                        }
                    }
                }
            }
        }
    }
}

impl Task<'_> {
    /// The cells of a piece of all rows, part by part; zeros where the depth has no more.
    #[inline(always)]
    unsafe fn gather<V: Vector>(&self, piece: &Range<usize>, to: *mut f32, row: usize) {
        let (depth, rows) = (self.depth, self.rows.clone());
        let end = piece.end.min(depth.pairs * depth.taps);
        for part in 0..depth.terms.parts() {
            let first = part * self.pairs + self.group * depth.pairs;
            // SAFETY: as of this function.
            unsafe {
                let to = to.add(part * depth.terms.most());
                self.walk.gather::<V>(self.source, first, rows.clone(), piece.start..end, to, row);
                for at in 0..rows.len() {
                    to.add(at * row + end - piece.start).write_bytes(0, piece.end - end);
                }
            }
        }
    }
}
