//! The gradient of the input of dense and grouped convolutions: transposed weights times `dys`, added where the im2col
//! matrix came from.

use rayon::prelude::*;

use crate::conv::ConvShape;
use crate::conv::im2col::{ROWS, TILE, scatter};
use crate::matmul::{Matrix, Target, product};
use crate::shared::Shared;

/// Tasks wanted where channels are many: a fixed number, so that the bits do not depend on the threads.
const TASKS: usize = 16;

pub(super) fn input_gradient(
    shape: &ConvShape,
    output: [usize; 3],
    dys: &[f32],
    ws: &[f32],
    dxs: &mut [f32],
) {
    let (places, rows, filters) =
        (output.iter().product::<usize>(), shape.rows(), shape.group_out());
    let (taps, channels, cells) = (shape.window.taps(), shape.group_in(), shape.cells_in());
    // Channels of a task: the places of one channel overlap, those of two do not.
    let wanted = (channels * shape.n * shape.groups).div_ceil(TASKS).max(4);
    let part = wanted.min((ROWS / taps).max(1)).min(channels);
    let parts = channels.div_ceil(part);
    let pointwise = shape.window.is_pointwise();
    let dxs = Shared::new(dxs);
    let task = |columns: &mut Vec<f32>, task: usize| {
        let (channel, group) = (task % parts * part, task / parts % shape.groups);
        let clip = task / parts / shape.groups;
        let part = part.min(channels - channel);
        let first = (clip * shape.c_in + group * channels + channel) * cells;
        // SAFETY: each task has channels of its own.
        let cells = unsafe { dxs.at(first, part * cells) };
        if !pointwise {
            cells.fill(0.);
            columns.resize(part * taps * TILE, 0.);
        }
        for start in (0..places).step_by(TILE) {
            let tile = start..places.min(start + TILE);
            let a = Matrix {
                slice: ws,
                from: group * filters * rows + channel * taps,
                row: 1,
                column: rows,
            };
            let from = (clip * shape.c_out + group * filters) * places + start;
            let b = Matrix { slice: dys, from, row: places, column: 1 };
            let sizes = [part * taps, filters, tile.len()];
            if pointwise {
                let target = Target { slice: Shared::new(cells), from: start, row: places };
                // SAFETY: the cells are this task's.
                unsafe { product(target, false, a, b, sizes) };
            } else {
                let target = Target { slice: Shared::new(columns), from: 0, row: tile.len() };
                // SAFETY: the columns are this task's.
                unsafe { product(target, false, a, b, sizes) };
                scatter(shape, output, 0..part * taps, tile, columns, cells);
            }
        }
    };
    let tasks = shape.n * shape.groups * parts;
    (0..tasks).into_par_iter().with_max_len(1).for_each_init(Vec::new, task);
}
