//! The gradient of dense weights of many taps: the transpose of the gathered rows times the gradient of the output.

use std::ops::Range;

use crate::conv::ConvShape;
use crate::conv::gradient::Product;
use crate::conv::gradient::parts::in_parts;
use crate::conv::padded::Padded;
use crate::conv::walk::Walk;
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::tile::{Ahead, Run};

/// Rows summed before the sums leave the registers.
const ROWS: usize = 128;

/// Numbers of a row that are gathered together, about.
const DEPTH: usize = 432;

/// Sums of a task, about: half a MiB, which a second cache holds.
const SUMS: usize = 1 << 17;

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
    let (taps, rows) = (walk.taps(), walk.rows());
    let padded = Padded::worth(walk).then(|| Padded::of(walk, xs));
    let padded = padded.as_ref();
    // A task sums some rows for some channels in of a group: whole vectors of them, or all.
    let most = DEPTH.min(SUMS / shape.group_out());
    let some = (most / taps / 16 * 16).max(16).min(walk.seen);
    // Padded rows are seen whole.
    let most_blocks = if padded.is_some() { 1 } else { walk.seen.div_ceil(16) };
    let blocks = walk.seen.div_ceil(some).min(most_blocks);
    // Where these are few, rows are cut into parts; and where there are few rows, channels into more blocks.
    let parts = TASKS.div_ceil(blocks * shape.groups).min(rows.div_ceil(4 * ROWS)).max(1);
    let tasks = blocks * shape.groups * parts;
    let blocks = (blocks * TASKS.div_ceil(tasks)).min(most_blocks);
    in_parts(dws, parts, shape.groups * blocks, |part, task, to| {
        let (block, group) = (task % blocks, task / blocks);
        let channels = walk.seen * block / blocks..walk.seen * (block + 1) / blocks;
        let rows = rows * part / parts..rows * (part + 1) / parts;
        isa.run(Task { shape, walk, xs, padded, dys, group, rows, channels, to });
    });
}

/// Filters whose gradients are put in order together.
const FILTERS: usize = 8;

struct Task<'a> {
    shape: &'a ConvShape,
    walk: &'a Walk,
    xs: &'a [f32],
    /// What is read in the place of `xs`, where there is one: its rows need not be gathered.
    padded: Option<&'a Padded>,
    dys: &'a [f32],
    group: usize,
    rows: Range<usize>,
    /// Of the group.
    channels: Range<usize>,
    /// Gradients, `[filter, channel, tap]`.
    to: Shared<'a>,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { shape, walk, xs, padded, dys, group, rows, channels, to } = self;
        let (taps, seen, c_out) = (walk.taps(), walk.seen, shape.group_out());
        let some = Walk { seen: channels.len(), ..walk.clone() };
        let (depth, first) = (some.depth(), group * seen + channels.start);
        // A line more than the depth, or all rows would fall on few sets of the cache.
        let gathered_row = depth.next_multiple_of(32) + 16;
        let mut gathered = Scratch::of(if padded.is_some() { 0 } else { ROWS * gathered_row });
        // `[panel, tap, channel, filter of the panel]`.
        let wide = 2 * V::LANES;
        let mut panel = Scratch::of(ROWS * wide);
        let mut sums = Scratch::of(depth * c_out.next_multiple_of(wide));
        if rows.is_empty() {
            sums.fill(0.);
        }
        // The rows of a block start at equal distances: padded ones do along a line.
        let line = if padded.is_some() { walk.places[2] } else { usize::MAX };
        let runs = match padded {
            Some(padded) => padded.lines(walk),
            None => vec![Run { from: 0, len: depth }],
        };
        let mut next_row = rows.start;
        while next_row < rows.end {
            let start = next_row;
            let end = rows.end.min(start + ROWS).min((start / line + 1).saturating_mul(line));
            let first_block = start == rows.start;
            // SAFETY: the scratch has room for a block; the operands of the product are inside their slices.
            unsafe {
                let (left, left_row) = match padded {
                    Some(padded) => (padded.row(walk, start), walk.step[2] * walk.channels),
                    None => {
                        let cells = gathered.as_mut_ptr();
                        some.gather::<V>(xs, first, start..end, 0..depth, cells, gathered_row);
                        (cells.cast_const(), gathered_row)
                    }
                };
                let panels = c_out.div_ceil(wide);
                for panel_at in 0..panels {
                    let column = panel_at * wide;
                    // Together, or all rows would fall on few sets of the cache.
                    let columns = (c_out - column).min(wide);
                    let right = dys[start * shape.c_out + group * c_out + column..].as_ptr();
                    let to = panel.as_mut_ptr();
                    for row in 0..end - start {
                        let from = right.add(row * shape.c_out);
                        let to = to.add(row * wide);
                        V::load_upto(from, columns).store(to);
                        let more = columns.saturating_sub(V::LANES);
                        V::load_first(from.wrapping_add(V::LANES), more).store(to.add(V::LANES));
                    }
                    let following = &dys[end * shape.c_out..rows.end * shape.c_out];
                    let len = following.len().min(ROWS * shape.c_out);
                    let next = Ahead::part(following.as_ptr(), len, panel_at, panels);
                    let ahead = [Ahead::NOTHING, next];
                    let mut sums = sums.as_mut_ptr().add(column * depth);
                    for (i, run) in runs.iter().enumerate() {
                        let product = Product {
                            left: left.add(run.from),
                            left_row,
                            right: to,
                            right_row: wide,
                            rows: end - start,
                            to: sums,
                            to_row: wide,
                            add: !first_block,
                        };
                        let ahead = ahead.map(|ahead| ahead.cut(i, runs.len()));
                        product.run::<V>(run.len, columns, ahead);
                        sums = sums.add(run.len * wide);
                    }
                }
            }
            next_row = end;
        }
        // They become `[filter, channel, tap]`, a few filters at a time: more would fall on few sets of the cache. This is the
        // row of sums for each gradient of a filter.
        let order: Vec<usize> =
            (0..depth).map(|at| (at % taps * channels.len() + at / taps) * wide).collect();
        for filters in (0..c_out).step_by(FILTERS) {
            let count = FILTERS.min(c_out - filters);
            let at = |filter: usize| {
                let filter = filters + filter.min(count - 1);
                to.part(((group * c_out + filter) * seen + channels.start) * taps, depth)
            };
            let tos: [Shared; FILTERS] = std::array::from_fn(at);
            let panel = &sums[filters / wide * wide * depth + filters % wide..];
            for (i, row) in order.iter().enumerate() {
                let sums = &panel[*row..][..count];
                // SAFETY: each task has channels of a group of a part of its own.
                unsafe {
                    match <&[f32; FILTERS]>::try_from(sums) {
                        Ok(sums) => (0..FILTERS).for_each(|k| tos[k].put(i, sums[k])),
                        Err(_) => (0..count).for_each(|k| tos[k].put(i, sums[k])),
                    }
                }
            }
        }
    }
}
