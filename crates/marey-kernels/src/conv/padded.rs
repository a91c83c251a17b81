//! A copy of a source with its padding around it, for kernels that see few channels.
//!
//! There, what a row sees of a line is short, and gathering many short pieces would take as long as the products.

use rayon::prelude::*;

use crate::conv::walk::Walk;
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::tile::{Chunk, Run, chunks};

/// Lines shorter than this are not gathered.
const SHORT: usize = 64;

/// All that a walk sees, `[N, T, H, W, C]`.
pub(super) struct Padded {
    cells: Scratch,
    /// `[t, h, w]`.
    size: [usize; 3],
}

impl Padded {
    /// Whether `walk` sees so little of a line that this pays.
    pub(super) fn worth(walk: &Walk) -> bool {
        !walk.is_identity()
            && walk.seen == walk.channels
            && walk.offsets[2].len() * walk.seen < SHORT
            && walk.rows() > 0
    }

    pub(super) fn of(walk: &Walk, xs: &[f32]) -> Self {
        let size = [0, 1, 2]
            .map(|axis| (walk.places[axis] - 1) * walk.step[axis] + walk.offsets[axis].len());
        let [pt, ph, pw] = size;
        let c = walk.channels;
        let mut cells = Scratch::of(walk.n * pt * ph * pw * c);
        let to = Shared::new(&mut cells);
        // The source's coordinate of a padded one.
        let at = |axis: usize, padded: usize| {
            let at = padded as isize + walk.offsets[axis].start;
            usize::try_from(at).ok().filter(|at| *at < walk.source[axis])
        };
        let first = (-walk.offsets[2].start).clamp(0, pw as isize) as usize;
        let skipped = walk.offsets[2].start.max(0) as usize;
        let count = walk.source[2].saturating_sub(skipped).min(pw - first);
        (0..walk.n * pt * ph).into_par_iter().with_min_len(16).for_each(|line| {
            let (clip, t, h) = (line / (pt * ph), line / ph % pt, line % ph);
            // SAFETY: each task has lines of its own.
            let to = unsafe { to.at(line * pw * c, pw * c) };
            let (Some(t), Some(h)) = (at(0, t), at(1, h)) else { return to.fill(0.) };
            let from = ((clip * walk.source[0] + t) * walk.source[1] + h) * walk.source[2];
            to[..first * c].fill(0.);
            let from = &xs[(from + skipped) * c..][..count * c];
            to[first * c..(first + count) * c].copy_from_slice(from);
            to[(first + count) * c..].fill(0.);
        });
        Self { cells, size }
    }

    /// The depths of a row, as runs from where it starts.
    pub(super) fn chunks(&self, walk: &Walk) -> Vec<Chunk> {
        let [a, b, e] = [0, 1, 2].map(|axis| walk.offsets[axis].len());
        chunks(a * b, e * walk.channels, |line| self.line(walk, line))
    }

    /// The same, line by line.
    pub(super) fn lines(&self, walk: &Walk) -> Vec<Run> {
        let [a, b, e] = [0, 1, 2].map(|axis| walk.offsets[axis].len());
        let run = |line: usize| Run { from: self.line(walk, line), len: e * walk.channels };
        (0..a * b).map(run).collect()
    }

    /// Where line `line` of what a row sees begins, from where it starts.
    fn line(&self, walk: &Walk, line: usize) -> usize {
        let ([_, ph, pw], high) = (self.size, walk.offsets[1].len());
        (line / high * ph + line % high) * pw * walk.channels
    }

    /// Where row `row` starts.
    #[inline(always)]
    pub(super) fn row(&self, walk: &Walk, row: usize) -> *const f32 {
        let (clip, at) = walk.place(row);
        let place =
            (0..3).fold(clip, |index, axis| index * self.size[axis] + at[axis] * walk.step[axis]);
        self.cells[place * walk.channels..].as_ptr()
    }
}
