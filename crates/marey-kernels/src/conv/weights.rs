//! The weights of a convolution, as the algorithms ask for them.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::ConvShape;
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::Isa;

/// Weights `[C_out, C_in / groups, taps]`, seen either as they are or as the backward pass sees them: out and in
/// exchanged, taps turned around.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a> {
    cells: &'a [f32],
    taps: usize,
    /// Of a group, in the stored order.
    stored_out: usize,
    stored_in: usize,
    reversed: bool,
}

impl<'a> Weights<'a> {
    pub(super) fn new(shape: &ConvShape, cells: &'a [f32]) -> Self {
        let (stored_out, stored_in) = (shape.group_out(), shape.group_in());
        Self { cells, taps: shape.window.taps(), stored_out, stored_in, reversed: false }
    }

    pub(super) fn reversed(self) -> Self {
        Self { reversed: !self.reversed, ..self }
    }

    /// Whether there is one tap.
    pub(super) fn is_matrix(&self) -> bool {
        self.taps == 1
    }

    /// Cells between neighbours along channels out and channels in.
    fn steps(&self) -> (usize, usize) {
        let (out, inner) = (self.stored_in * self.taps, self.taps);
        if self.reversed { (inner, out) } else { (out, inner) }
    }

    /// The weights of `group` from channel `inner` to channels `outs` at `tap`.
    #[inline(always)]
    pub(super) fn column(
        &self,
        group: usize,
        outs: Range<usize>,
        inner: usize,
        tap: usize,
        to: &mut [f32],
    ) {
        let (step_out, step_in) = self.steps();
        let tap = if self.reversed { self.taps - 1 - tap } else { tap };
        let start = group * self.stored_out * self.stored_in * self.taps;
        let cells = &self.cells[start + outs.start * step_out + inner * step_in + tap..];
        for (to, cell) in to.iter_mut().zip(cells.iter().step_by(step_out)).take(outs.len()) {
            *to = *cell;
        }
    }

    /// The same for channels `inners`, where there is one tap: a row of `width` cells of `to` for each.
    pub(super) fn matrix(
        &self,
        group: usize,
        outs: Range<usize>,
        inners: Range<usize>,
        to: &mut [f32],
        width: usize,
    ) {
        // A line of what is read, where channels in are neighbours; more rows would leave the first cache.
        const BLOCK: usize = 16;
        debug_assert!(self.is_matrix());
        let start = group * self.stored_out * self.stored_in;
        if self.reversed {
            for (inner, to) in inners.zip(to.chunks_exact_mut(width)) {
                let row = &self.cells[start + inner * self.stored_in..];
                to[..outs.len()].copy_from_slice(&row[outs.clone()]);
            }
            return;
        }
        for (block, to) in inners.clone().step_by(BLOCK).zip(to.chunks_mut(BLOCK * width)) {
            let len = BLOCK.min(inners.end - block);
            let row = |out: usize| &self.cells[start + out * self.stored_in + block..][..len];
            let mut out = outs.start;
            // Four by four where there are so many: the compiler makes shuffles of that.
            while len == BLOCK && out + 4 <= outs.end {
                let rows: [&[f32; BLOCK]; 4] =
                    std::array::from_fn(|i| row(out + i).try_into().expect("a whole block"));
                for i in 0..BLOCK {
                    let four: &mut [f32; 4] = to[i * width + out - outs.start..]
                        .first_chunk_mut()
                        .expect("a row is as wide as a panel");
                    *four = rows.map(|row| row[i]);
                }
                out += 4;
            }
            for (i, out) in (out - outs.start..).zip(out..outs.end) {
                for (to, cell) in to[i..].iter_mut().step_by(width).zip(row(out)) {
                    *to = *cell;
                }
            }
        }
    }

    /// The weight of group `group` from its channel `inner` to its channel `out` at `tap`.
    #[inline(always)]
    pub(super) fn at(&self, group: usize, out: usize, inner: usize, tap: usize) -> f32 {
        let (step_out, step_in) = self.steps();
        let tap = if self.reversed { self.taps - 1 - tap } else { tap };
        let start = group * self.stored_out * self.stored_in * self.taps;
        self.cells[start + out * step_out + inner * step_in + tap]
    }
}

/// Channels in that are laid out together, where there are many.
const CHANNELS: usize = 64;

/// Tasks that weights are laid out in, at least, where their depth allows it.
const PARTS: usize = 16;

/// Weights in panels of two vectors of channels out, the last of one vector where that is enough.
pub(super) struct Panels {
    cells: Scratch,
    pub(super) depth: usize,
    /// Channels out.
    pub(super) columns: usize,
    lanes: usize,
}

impl Panels {
    /// `sets` matrices of `c_in * taps` by `columns`, panel after panel. `fill` is called in parallel for the columns of
    /// each panel and some of the channels in.
    pub(super) fn new(
        isa: Isa,
        [sets, c_in, columns]: [usize; 3],
        taps: usize,
        fill: impl Fn(Range<usize>, Range<usize>, Writer) + Sync,
    ) -> Self {
        let (lanes, depth) = (isa.lanes(), c_in * taps);
        let mut panels = Self { cells: Scratch::of(0), depth, columns, lanes };
        let mut cells = Scratch::of(sets * panels.set_len());
        if !columns.is_multiple_of(lanes) {
            // The columns that fill up the last vector.
            cells.fill(0.);
        }
        let shared = Shared::new(&mut cells);
        let parts = PARTS.div_ceil(panels.count()).max(c_in / CHANNELS).min(c_in).max(1);
        (0..panels.count() * parts).into_par_iter().for_each(|task| {
            // The same channels in of all panels are neighbours in turned-around weights.
            let (panel, part) = (task % panels.count(), task / panels.count());
            let first = panel * 2 * lanes;
            let inners = c_in * part / parts..c_in * (part + 1) / parts;
            let writer = Writer { panels: &panels, panel, cells: shared };
            fill(first..columns.min(first + 2 * lanes), inners, writer);
        });
        panels.cells = cells;
        panels
    }

    /// Panels of a set.
    pub(super) fn count(&self) -> usize {
        self.columns.div_ceil(2 * self.lanes)
    }

    fn width(&self, panel: usize) -> usize {
        let left = self.columns - panel * 2 * self.lanes;
        if left > self.lanes { 2 * self.lanes } else { self.lanes }
    }

    /// Cells from one set to the next: some lines more than a set has, or the same place of all sets would fall on one set
    /// of the caches.
    fn set_len(&self) -> usize {
        self.columns.div_ceil(self.lanes) * self.lanes * self.depth + 17 * 16
    }

    /// The first cell of depth `depth` of a panel, and the channels out it is for.
    pub(super) fn at(&self, set: usize, panel: usize, depth: usize) -> (*const f32, Range<usize>) {
        let first = panel * 2 * self.lanes;
        let start = set * self.set_len() + first * self.depth + depth * self.width(panel);
        (self.cells[start..].as_ptr(), first..self.columns.min(first + 2 * self.lanes))
    }

    /// Bytes they take.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.cells)
    }
}

/// The way to the cells of one panel while they are filled.
pub(super) struct Writer<'a> {
    panels: &'a Panels,
    panel: usize,
    cells: Shared<'a>,
}

impl Writer<'_> {
    /// Cells of a row.
    pub(super) fn width(&self) -> usize {
        self.panels.width(self.panel)
    }

    /// As [`Self::row`], of neighbouring depths.
    pub(super) fn rows(&mut self, set: usize, depths: Range<usize>) -> &mut [f32] {
        let (panels, width) = (self.panels, self.width());
        let first = self.panel * 2 * panels.lanes;
        let start = set * panels.set_len() + first * panels.depth + depths.start * width;
        // SAFETY: each task fills a panel, for channels in, of its own, one row after the other.
        unsafe { self.cells.at(start, depths.len() * width) }
    }

    /// The columns of depth `depth` of set `set`: the panel's, and zeros up to its width.
    pub(super) fn row(&mut self, set: usize, depth: usize) -> &mut [f32] {
        self.rows(set, depth..depth + 1)
    }
}
