//! The forward pass of dense and grouped convolutions: weights times tiles of the im2col matrix.

use rayon::prelude::*;

use crate::conv::ConvShape;
use crate::conv::im2col::{ROWS, TILE, gather};
use crate::matmul::{Matrix, Target, product};
use crate::shared::Shared;

/// Tasks that a pass is cut into where there are too few tiles for that: a fixed number, so that the bits do not depend
/// on the threads.
const TASKS: usize = 16;

/// Filters that are worth an im2col of their own.
const FILTERS: usize = 48;

pub(super) fn forward(
    shape: &ConvShape,
    output: [usize; 3],
    xs: &[f32],
    ws: &[f32],
    bias: Option<&[f32]>,
    ys: &mut [f32],
) {
    let (places, rows, filters) =
        (output.iter().product::<usize>(), shape.rows(), shape.group_out());
    let tiles = places.div_ceil(TILE);
    let parts =
        TASKS.div_ceil(shape.n * shape.groups * tiles).min(filters.div_ceil(FILTERS)).max(1);
    let part = filters.div_ceil(parts);
    let pointwise = shape.window.is_pointwise();
    let ys = Shared::new(ys);
    let task = |columns: &mut Vec<f32>, task: usize| {
        let (part_at, tile) = (task % parts * part, task / parts % tiles * TILE);
        let (clip, group) =
            (task / parts / tiles / shape.groups, task / parts / tiles % shape.groups);
        let (tile, part) =
            (tile..places.min(tile + TILE), part.min(filters.saturating_sub(part_at)));
        let group_len = shape.group_in() * shape.cells_in();
        let xs = &xs[(clip * shape.groups + group) * group_len..][..group_len];
        let filter = group * filters + part_at;
        let from = (clip * shape.c_out + filter) * places + tile.start;
        if let Some(bias) = bias {
            for (i, bias) in bias[filter..filter + part].iter().enumerate() {
                // SAFETY: each task has filters and places of its own.
                unsafe { ys.at(from + i * places, tile.len()) }.fill(*bias);
            }
        }
        for first in (0..rows).step_by(ROWS) {
            let some = first..rows.min(first + ROWS);
            let sizes = [part, some.len(), tile.len()];
            let a = Matrix { slice: ws, from: filter * rows + first, row: rows, column: 1 };
            let b = if pointwise {
                Matrix { slice: xs, from: first * places + tile.start, row: places, column: 1 }
            } else {
                columns.resize(ROWS * TILE, 0.);
                gather(shape, output, some, tile.clone(), xs, columns);
                Matrix { slice: columns, from: 0, row: tile.len(), column: 1 }
            };
            let add = first > 0 || bias.is_some();
            // SAFETY: each task has filters and places of its own.
            unsafe { product(Target { slice: ys, from, row: places }, add, a, b, sizes) };
        }
    };
    let tasks = shape.n * shape.groups * tiles * parts;
    (0..tasks).into_par_iter().with_max_len(1).for_each_init(Vec::new, task);
}
