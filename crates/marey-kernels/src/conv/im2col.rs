//! Tiles of the im2col matrix: one row a weight of the filter, one column a place of the output.

use std::ops::Range;

use crate::conv::ConvShape;
use crate::window::valid;

/// Places of the output in a tile.
pub(super) const TILE: usize = 256;

/// Rows of a tile are at most this many: with [`TILE`] places, 768 KiB.
pub(super) const ROWS: usize = 768;

/// Calls `each` for every run of a row's places that lie in one line of the output:
/// the run's first column in the tile, its length, and where tap `row` falls on the input of each place, if anywhere.
fn runs(
    shape: &ConvShape,
    output: [usize; 3],
    row: usize,
    places: Range<usize>,
    mut each: impl FnMut(usize, usize, Option<Line>),
) {
    let [_, kh, kw] = shape.window.kernel;
    let [st, sh, sw] = shape.window.stride;
    let [bt, bh, bw] = shape.window.before;
    let [it, ih, iw] = shape.input;
    let (channel, tap) = (row / shape.window.taps(), row % shape.window.taps());
    let [a, b, e] = [tap / (kh * kw), tap / kw % kh, tap % kw];
    let (lo, hi) = valid(e, sw, bw, iw, output[2]);
    let mut place = places.start;
    while place < places.end {
        let [t, h, w] =
            [place / (output[1] * output[2]), place / output[2] % output[1], place % output[2]];
        let len = (output[2] - w).min(places.end - place);
        let (y, x) = ((t * st + a).wrapping_sub(bt), (h * sh + b).wrapping_sub(bh));
        let line = (y < it && x < ih).then(|| {
            let (lo, hi) = (lo.clamp(w, w + len), hi.clamp(w, w + len));
            let start = ((channel * it + y) * ih + x) * iw;
            let first = if lo < hi { start + lo * sw + e - bw } else { 0 };
            Line { first, skip: lo - w, len: hi - lo }
        });
        each(place - places.start, len, line);
        place += len;
    }
}

/// The places of a run that fall on the input.
struct Line {
    /// The cell of the first of them, from the first cell of the group's channels.
    first: usize,
    /// Places before them, that fall on the padding.
    skip: usize,
    /// Number of them.
    len: usize,
}

/// Fills `columns`, `[rows, places]`, from `xs`, the channels of one group of one clip.
pub(super) fn gather(
    shape: &ConvShape,
    output: [usize; 3],
    rows: Range<usize>,
    places: Range<usize>,
    xs: &[f32],
    columns: &mut [f32],
) {
    let step = shape.window.stride[2];
    for (row, cells) in rows.zip(columns.chunks_exact_mut(places.len())) {
        runs(shape, output, row, places.clone(), |column, len, line| {
            let cells = &mut cells[column..column + len];
            let Some(Line { first, skip, len }) = line else { return cells.fill(0.) };
            cells[..skip].fill(0.);
            cells[skip + len..].fill(0.);
            let cells = &mut cells[skip..skip + len];
            if step == 1 {
                cells.copy_from_slice(&xs[first..first + len]);
            } else {
                for (cell, x) in cells.iter_mut().zip(xs[first..].iter().step_by(step)) {
                    *cell = *x;
                }
            }
        });
    }
}

/// Adds `columns`, `[rows, places]`, to `xs`: the transpose of [`gather`].
pub(super) fn scatter(
    shape: &ConvShape,
    output: [usize; 3],
    rows: Range<usize>,
    places: Range<usize>,
    columns: &[f32],
    xs: &mut [f32],
) {
    let step = shape.window.stride[2];
    for (row, cells) in rows.zip(columns.chunks_exact(places.len())) {
        runs(shape, output, row, places.clone(), |column, _, line| {
            let Some(Line { first, skip, len }) = line else { return };
            let cells = &cells[column + skip..column + skip + len];
            if step == 1 {
                for (x, cell) in xs[first..].iter_mut().zip(cells) {
                    *x += *cell;
                }
            } else {
                for (x, cell) in xs[first..].iter_mut().step_by(step).zip(cells) {
                    *x += *cell;
                }
            }
        });
    }
}
