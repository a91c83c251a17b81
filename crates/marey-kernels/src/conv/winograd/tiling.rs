//! How a convolution is cut into tiles, and these into strips that fit into the scratch.

use std::ops::Range;

use crate::conv::ConvShape;
use crate::conv::Size;
use crate::simd::Isa;

/// The tiles of all frames.
#[derive(Clone, Copy)]
pub(super) struct Tiling<'a> {
    pub(super) shape: &'a ConvShape,
    pub(super) size: Size,
    /// Output `[t, h, w]`.
    pub(super) output: [usize; 3],
    /// Tiles along height and width.
    pub(super) tiles: [usize; 2],
    /// Cells of a transformed tile, in and out: the channels, and some more.
    pub(super) c_in: usize,
    pub(super) c_out: usize,
}

/// Some rows of tiles of some frames of a clip.
pub(super) struct Strip {
    pub(super) clip: usize,
    /// Of the output.
    pub(super) frames: Range<usize>,
    /// Rows of tiles.
    pub(super) rows: Range<usize>,
    /// Tiles of a frame.
    pub(super) per_frame: usize,
    /// Frames of the input, padding included.
    pub(super) frames_in: usize,
    /// Cells from one point to the next, before and after the products.
    pub(super) left_step: usize,
    pub(super) right_step: usize,
}

impl Strip {
    /// Tiles of all frames of the output.
    pub(super) fn rows_out(&self) -> usize {
        self.frames.len() * self.per_frame
    }

    /// The frame (from the strip's first) and the row of tiles of line `line`.
    pub(super) fn line(&self, line: usize) -> (usize, usize) {
        (line / self.rows.len(), self.rows.start + line % self.rows.len())
    }
}

/// Whole vectors; and an odd number of cache lines, or neighbours would fall on few sets of the cache.
pub(super) fn apart(channels: usize, lanes: usize) -> usize {
    let whole = channels.next_multiple_of(lanes);
    if whole.is_multiple_of(32) { whole + 16 } else { whole }
}

/// The same for points, of which all are written in turn.
pub(super) fn far_apart(cells: usize) -> usize {
    cells.next_multiple_of(1024) + 17 * 16
}

impl<'a> Tiling<'a> {
    pub(super) fn of(isa: Isa, shape: &'a ConvShape, size: Size) -> Self {
        let output = shape.output().unwrap_or_else(|| panic!("{shape:?} has no output"));
        let m = size.outputs();
        Self {
            shape,
            size,
            output,
            tiles: [output[1].div_ceil(m), output[2].div_ceil(m)],
            c_in: apart(shape.c_in, isa.lanes()),
            c_out: apart(shape.c_out, isa.lanes()),
        }
    }

    /// Strips that take about `cells` of scratch at most, or one row of tiles of one frame.
    pub(super) fn strips(&self, cells: usize) -> Vec<Strip> {
        let ([frames, ..], rows) = (self.output, self.tiles[0]);
        let halo = self.shape.window.kernel[0] - 1;
        // Cells of one row of tiles, of so many frames in and out.
        let row = |frames_in: usize, frames_out: usize| {
            let points = self.size.points() * self.tiles[1];
            points * (frames_in * self.c_in + frames_out * self.c_out)
        };
        // As many frames as one row of tiles leaves room for.
        let some = (cells.saturating_sub(row(halo, 0)) / row(1, 1)).clamp(1, frames);
        let high = (cells / row(some + halo, some)).clamp(1, rows);
        // Chunks and strips of sizes that differ by one at most.
        let (chunks, strips) = (frames.div_ceil(some), rows.div_ceil(high));
        let strip = |i: usize| {
            let (strip, chunk) = (i % strips, i / strips % chunks);
            let rows = rows * strip / strips..rows * (strip + 1) / strips;
            let frames = frames * chunk / chunks..frames * (chunk + 1) / chunks;
            let (per_frame, frames_in) = (rows.len() * self.tiles[1], frames.len() + halo);
            Strip {
                clip: i / strips / chunks,
                per_frame,
                frames_in,
                left_step: far_apart(frames_in * per_frame * self.c_in),
                right_step: far_apart(frames.len() * per_frame * self.c_out),
                frames,
                rows,
            }
        };
        (0..self.shape.n * chunks * strips).map(strip).collect()
    }
}
