//! For each point of the tiles, the product of all tiles with the weights.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::weights::Panels;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::tile::{Ahead, BLOCK, Chunk, Floats, Right, block};

/// Tasks the products are cut into, about.
const TASKS: usize = 64;

/// Transformed tiles, and the products that come of them.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    /// Rows of products of a point.
    pub(super) rows: usize,
    /// Cells from one row to the next, left and right.
    pub(super) row: [usize; 2],
    /// Cells from one point to the next, left and right.
    pub(super) step: [usize; 2],
    pub(super) left: Shared<'a>,
    pub(super) right: Shared<'a>,
}

/// Multiplies the left sides of all `points` with the panels, depth by `chunks`.
pub(super) fn products(isa: Isa, points: usize, panels: &Panels, chunks: &[Chunk], sides: Sides) {
    let blocks = sides.rows.div_ceil(BLOCK);
    // A task is one panel of one point, or a part of its rows where there are few.
    let parts = TASKS.div_ceil(points * panels.count()).min(blocks);
    let tasks = points * panels.count() * parts;
    (0..tasks).into_par_iter().with_max_len((tasks / TASKS).max(1)).for_each(|task| {
        let (part, panel) = (task % parts, task / parts % panels.count());
        let point = task / parts / panels.count();
        let blocks = blocks * part / parts..blocks * (part + 1) / parts;
        isa.run(Task { sides, panels, point, panel, blocks, chunks });
    });
}

/// One point, one panel, some blocks of rows.
struct Task<'a> {
    sides: Sides<'a>,
    panels: &'a Panels,
    point: usize,
    panel: usize,
    blocks: Range<usize>,
    chunks: &'a [Chunk],
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { sides, panels, point, panel, blocks, chunks } = self;
        let Sides { rows: all, row: [left_row, right_row], step, left, right } = sides;
        let total = all.div_ceil(BLOCK);
        for at in blocks {
            let rows = all * at / total..all * (at + 1) / total;
            for (i, chunk) in chunks.iter().enumerate() {
                let (weights, columns) = panels.at(point, panel, chunk.first);
                let from = left.cell(point * step[0] + rows.start * left_row).cast_const();
                let to = point * step[1] + rows.start * right_row + columns.start;
                let right = Right {
                    cells: right.cell(to),
                    row: right_row,
                    // Whole vectors: the rest of the last is scratch.
                    columns: columns.len().next_multiple_of(V::LANES),
                    add: i > 0,
                    finish: None,
                };
                let row = |row: usize| (from.wrapping_add(row * left_row), row);
                // SAFETY: each task has rows of a panel of its own.
                unsafe {
                    block::<V, Floats>(rows.len(), row, &chunk.runs, weights, right, Ahead::NOTHING)
                };
            }
        }
    }
}
