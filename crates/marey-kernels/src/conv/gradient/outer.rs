//! The gradient of dense weights: the transpose of the gathered rows times the gradient of the output.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::ConvShape;
use crate::conv::gradient::Product;
use crate::conv::walk::Walk;
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};

/// Rows summed before the sums leave the registers.
const ROWS: usize = 128;

/// Numbers of a row that are gathered together, about.
const DEPTH: usize = 432;

/// Tasks that a pass is cut into, at least, where the rows allow it.
const TASKS: usize = 16;

pub(super) fn run(
    isa: Isa,
    shape: &ConvShape,
    walk: &Walk,
    xs: &[f32],
    dys: &[f32],
    dws: &mut [f32],
) {
    let (taps, rows) = (walk.taps(), walk.rows());
    // A task sums some rows for some channels in of a group: whole vectors of them, or all.
    let some = (DEPTH / taps / 16 * 16).max(16).min(walk.seen);
    let blocks = walk.seen.div_ceil(some);
    // Where these are few, rows are cut into parts.
    let parts = TASKS.div_ceil(blocks * shape.groups).min(rows.div_ceil(4 * ROWS)).max(1);
    let len = dws.len();
    let mut others = Scratch::of((parts - 1) * len);
    let (dws_shared, others_shared) = (Shared::new(dws), Shared::new(&mut others));
    (0..parts * shape.groups * blocks).into_par_iter().with_max_len(1).for_each(|task| {
        let (block, group) = (task % blocks, task / blocks % shape.groups);
        let part = task / blocks / shape.groups;
        let channels = walk.seen * block / blocks..walk.seen * (block + 1) / blocks;
        let rows = rows * part / parts..rows * (part + 1) / parts;
        let (to, start) =
            if part == 0 { (dws_shared, 0) } else { (others_shared, (part - 1) * len) };
        isa.run(Task { shape, walk, xs, dys, group, rows, channels, to, start });
    });
    for other in others[..(parts - 1) * len].chunks(len) {
        // In this order on any number of threads.
        crate::elementwise::add(dws, other);
    }
}

struct Task<'a> {
    shape: &'a ConvShape,
    walk: &'a Walk,
    xs: &'a [f32],
    dys: &'a [f32],
    group: usize,
    rows: Range<usize>,
    /// Of the group.
    channels: Range<usize>,
    /// Gradients, `[filter, channel, tap]`, from `start` on.
    to: Shared<'a>,
    start: usize,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { shape, walk, xs, dys, group, rows, channels, to, start } = self;
        let (taps, seen, c_out) = (walk.taps(), walk.seen, shape.group_out());
        let some = Walk { seen: channels.len(), ..walk.clone() };
        let (depth, first) = (some.depth(), group * seen + channels.start);
        // A line more than the depth, or all rows would fall on few sets of the cache.
        let gathered_row = depth.next_multiple_of(32) + 16;
        let mut gathered = Scratch::of(ROWS * gathered_row);
        let mut sums = Scratch::zeros(depth * c_out);
        let blocks = rows.len().div_ceil(ROWS);
        for block in 0..blocks {
            let start = rows.start + rows.len() * block / blocks;
            let end = rows.start + rows.len() * (block + 1) / blocks;
            // SAFETY: the scratch has room for a block; the operands of the product are inside their slices.
            unsafe {
                let cells = gathered.as_mut_ptr();
                some.gather::<V>(xs, first, start..end, 0..depth, cells, gathered_row);
                let product = Product {
                    left: cells,
                    left_row: gathered_row,
                    right: dys[start * shape.c_out + group * c_out..].as_ptr(),
                    right_row: shape.c_out,
                    rows: end - start,
                    to: sums.as_mut_ptr(),
                    to_row: c_out,
                };
                product.run::<V>(depth, c_out);
            }
        }
        // `[tap, channel, filter]` becomes `[filter, channel, tap]`, some filters at a time.
        for filter in 0..c_out {
            let at = start + ((group * c_out + filter) * seen + channels.start) * taps;
            // SAFETY: each task has channels of a group of a part of its own.
            let to = unsafe { to.at(at, depth) };
            for tap in 0..taps {
                for c in 0..channels.len() {
                    to[c * taps + tap] = sums[(tap * channels.len() + c) * c_out + filter];
                }
            }
        }
    }
}
