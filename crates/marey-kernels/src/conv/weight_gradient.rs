//! The gradient of the weights of dense and grouped convolutions: `dys` times tiles of the im2col matrix, transposed.

use rayon::prelude::*;

use crate::conv::ConvShape;
use crate::conv::im2col::gather;
use crate::matmul::{Matrix, Target, product};
use crate::shared::Shared;

/// Rows of the im2col matrix in a task: few enough that every network's layers give many tasks.
const ROWS: usize = 96;

/// Places of the output in a tile, which are summed over: with [`ROWS`] rows, 768 KiB.
const TILE: usize = 2048;

pub(super) fn weight_gradient(
    shape: &ConvShape,
    output: [usize; 3],
    xs: &[f32],
    dys: &[f32],
    dws: &mut [f32],
) {
    let (places, rows, filters) =
        (output.iter().product::<usize>(), shape.rows(), shape.group_out());
    let parts = rows.div_ceil(ROWS);
    let pointwise = shape.window.is_pointwise();
    let dws = Shared::new(dws);
    let task = |columns: &mut Vec<f32>, task: usize| {
        let (group, first) = (task / parts, task % parts * ROWS);
        let some = first..rows.min(first + ROWS);
        let group_len = shape.group_in() * shape.cells_in();
        for clip in 0..shape.n {
            let xs = &xs[(clip * shape.groups + group) * group_len..][..group_len];
            for start in (0..places).step_by(TILE) {
                let tile = start..places.min(start + TILE);
                let from = (clip * shape.c_out + group * filters) * places + start;
                let a = Matrix { slice: dys, from, row: places, column: 1 };
                let b = if pointwise {
                    Matrix { slice: xs, from: first * places + start, row: 1, column: places }
                } else {
                    columns.resize(ROWS * TILE, 0.);
                    gather(shape, output, some.clone(), tile.clone(), xs, columns);
                    Matrix { slice: columns, from: 0, row: 1, column: tile.len() }
                };
                let add = clip > 0 || start > 0;
                let target = Target { slice: dws, from: group * filters * rows + first, row: rows };
                // SAFETY: each task has rows of its own, of its group's filters.
                unsafe { product(target, add, a, b, [filters, tile.len(), some.len()]) };
            }
        }
    };
    (0..shape.groups * parts).into_par_iter().with_max_len(1).for_each_init(Vec::new, task);
}
