//! The gradient of dense weights of one tap: the transpose of the output's gradient times the rows.
//!
//! The product's rows are the weights' own, so its sums are written in their place, and no row is gathered but into panels.

use std::ops::Range;

use crate::conv::ConvShape;
use crate::conv::gradient::Product;
use crate::conv::gradient::parts::in_parts;
use crate::conv::walk::Walk;
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::tile::Ahead;

/// Rows summed before the sums leave the registers, at most.
const ROWS: usize = 128;

/// Filters, and channels in, of a task at most: the left side of a block stays in the second cache, the sums too.
const MOST: usize = 256;

/// Tasks that a pass is cut into, at least, where the rows allow it.
const TASKS: usize = 16;

pub(in crate::conv) fn run(
    isa: Isa,
    shape: &ConvShape,
    walk: &Walk,
    xs: &[f32],
    dys: &[f32],
    dws: &mut [f32],
) {
    let cut = Cut::of(shape, walk, 2 * isa.lanes());
    let Cut { blocks, slices, parts } = cut;
    in_parts(dws, parts, shape.groups * slices * blocks, |part, task, to| {
        let (block, slice, group) = (task % blocks, task / blocks % slices, task / blocks / slices);
        let rows = walk.rows() * part / parts..walk.rows() * (part + 1) / parts;
        isa.run(Task {
            shape,
            walk,
            xs,
            dys,
            group,
            rows,
            channels: cut.channels(walk.seen, block, 2 * isa.lanes()),
            filters: shape.group_out() * slice / slices..shape.group_out() * (slice + 1) / slices,
            to,
        });
    });
}

/// What a pass is cut into.
struct Cut {
    /// Of the channels in: whole panels.
    blocks: usize,
    /// Of the filters.
    slices: usize,
    /// Of the rows: what is summed of them apart is added up.
    parts: usize,
}

impl Cut {
    fn of(shape: &ConvShape, walk: &Walk, panel: usize) -> Self {
        let (channels, filters) = (walk.seen, shape.group_out());
        let (blocks, slices) = (channels.div_ceil(MOST), filters.div_ceil(MOST));
        let mut cut = Self { blocks, slices, parts: 1 };
        let tasks = |cut: &Self| cut.blocks * cut.slices * cut.parts * shape.groups;
        cut.parts = TASKS.div_ceil(tasks(&cut)).min(walk.rows().div_ceil(4 * ROWS)).max(1);
        // Few rows: each task packs its channels and its filters for itself, which is least where these are as many.
        while tasks(&cut) < TASKS {
            let (channels, filters) = (channels / cut.blocks, filters / cut.slices);
            if filters >= channels && filters > panel {
                cut.slices *= 2;
            } else if channels > panel {
                cut.blocks *= 2;
            } else {
                break;
            }
        }
        cut
    }

    /// The channels in of a block of `seen`, in panels of `panel`.
    fn channels(&self, seen: usize, block: usize, panel: usize) -> Range<usize> {
        let at = |block: usize| (seen.div_ceil(panel) * block / self.blocks * panel).min(seen);
        at(block)..at(block + 1)
    }
}

struct Task<'a> {
    shape: &'a ConvShape,
    walk: &'a Walk,
    xs: &'a [f32],
    dys: &'a [f32],
    group: usize,
    rows: Range<usize>,
    /// Of the group; so for the filters.
    channels: Range<usize>,
    filters: Range<usize>,
    /// Gradients, `[filter, channel]`.
    to: Shared<'a>,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { shape, walk, xs, dys, group, rows, channels, filters, to } = self;
        let (seen, wide, c_out) = (walk.seen, 2 * V::LANES, shape.c_out);
        let (first_in, first_out) =
            (group * seen + channels.start, group * shape.group_out() + filters.start);
        let to = to.cell(first_out * seen + channels.start);
        if rows.is_empty() {
            for filter in 0..filters.len() {
                // SAFETY: each task has channels of filters of a part of its own.
                unsafe { std::slice::from_raw_parts_mut(to.add(filter * seen), channels.len()) }
                    .fill(0.);
            }
        }
        // `[tile of filters, row, filter of the tile]`: a tile is read from one end to the other.
        let mut left = Scratch::of(ROWS * filters.len() + V::LANES);
        let mut right = Scratch::of(ROWS * wide);
        let blocks = rows.len().div_ceil(ROWS);
        for block in 0..blocks {
            let at = |block: usize| rows.start + rows.len() * block / blocks;
            let (first, count) = (at(block), at(block + 1) - at(block));
            // What the next block reads, a part of it for each panel.
            let panels = channels.len().div_ceil(wide);
            let next = |cells: &[f32], row: usize, panel: usize, whole: bool| {
                let at = ((first + count) * row).min(cells.len());
                let len = if whole { (count * row).min(cells.len() - at) } else { 0 };
                Ahead::part(cells[at..].as_ptr(), len, panel, panels)
            };
            // SAFETY: the scratch has room for a block; rows, channels and filters are inside their slices.
            unsafe {
                let mut at = left.as_mut_ptr();
                for tile in (0..filters.len()).step_by(V::ROWS) {
                    let tile_len = V::ROWS.min(filters.len() - tile);
                    for row in first..first + count {
                        let from = dys.as_ptr().add(row * c_out + first_out + tile);
                        copy::<V>(from, at, tile_len);
                        at = at.add(tile_len);
                    }
                }
                for (panel, column) in (0..channels.len()).step_by(wide).enumerate() {
                    let columns = (channels.len() - column).min(wide);
                    for row in 0..count {
                        let to = right.as_mut_ptr().add(row * wide);
                        match walk.cell(first + row) {
                            Some(cell) => {
                                let from = xs.as_ptr();
                                let from = from.add(cell * walk.channels + first_in + column);
                                V::load_upto(from, columns).store(to);
                                let more = columns.saturating_sub(V::LANES);
                                let from = from.wrapping_add(V::LANES);
                                V::load_first(from, more).store(to.add(V::LANES));
                            }
                            None => {
                                V::zero().store(to);
                                V::zero().store(to.add(V::LANES));
                            }
                        }
                    }
                    let whole = walk.is_identity() && channels.len() == walk.channels;
                    let ahead = [
                        next(xs, walk.channels, panel, whole),
                        next(dys, c_out, panel, filters.len() == c_out),
                    ];
                    let tiles = filters.len().div_ceil(V::ROWS);
                    for tile in 0..tiles {
                        let filter = tile * V::ROWS;
                        let tile_len = V::ROWS.min(filters.len() - filter);
                        let product = Product {
                            left: left.as_ptr().add(filter * count),
                            left_row: tile_len,
                            right: right.as_ptr(),
                            right_row: wide,
                            rows: count,
                            to: to.add(filter * seen + column),
                            to_row: seen,
                            add: block > 0,
                        };
                        let ahead = ahead.map(|ahead| ahead.cut(tile, tiles));
                        product.tile_of::<V>(0, tile_len, 0, columns, ahead);
                    }
                }
            }
        }
    }
}

/// Copies `len` cells; up to a vector more may be written behind them.
#[inline(always)]
unsafe fn copy<V: Vector>(from: *const f32, to: *mut f32, len: usize) {
    let mut at = 0;
    while at < len {
        // SAFETY: by the caller's word.
        unsafe { V::load_upto(from.add(at), len - at).store(to.add(at)) };
        at += V::LANES;
    }
}
