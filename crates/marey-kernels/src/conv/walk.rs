//! Which cells of a source each row of a product is made of.

use std::ops::Range;

use crate::conv::ConvShape;
use crate::simd::Vector;

/// Places `[n, t, h, w]`, each seeing the cells `place * step + offset` of a channels-last source, for all offsets of
/// each axis. Cells outside the source are 0.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pub(super) n: usize,
    /// Source `[t, h, w]`.
    pub(super) source: [usize; 3],
    /// Channels of the source.
    pub(super) channels: usize,
    /// Channels seen, those of a group.
    pub(super) seen: usize,
    /// Places along each axis.
    pub(super) places: [usize; 3],
    pub(super) step: [usize; 3],
    /// Ascending, one apart.
    pub(super) offsets: [Range<isize>; 3],
}

impl Walk {
    /// That of a forward pass.
    pub(super) fn forward(shape: &ConvShape, places: [usize; 3]) -> Self {
        let offsets = [0, 1, 2].map(|axis| {
            let before = shape.window.before[axis] as isize;
            -before..shape.window.kernel[axis] as isize - before
        });
        Self {
            n: shape.n,
            source: shape.input,
            channels: shape.c_in,
            seen: shape.group_in(),
            places,
            step: shape.window.stride,
            offsets,
        }
    }

    /// Numbers a row is made of: `[t, h, w, channel]`.
    pub(super) fn depth(&self) -> usize {
        self.taps() * self.seen
    }

    pub(super) fn taps(&self) -> usize {
        self.offsets.iter().map(|offsets| offsets.len()).product()
    }

    /// The offset numbers `[t, h, w]` of tap `at`.
    pub(super) fn tap(&self, at: usize) -> [usize; 3] {
        let [_, high, wide] = [0, 1, 2].map(|axis| self.offsets[axis].len());
        [at / (high * wide), at / wide % high, at % wide]
    }

    pub(super) fn rows(&self) -> usize {
        self.n * self.places.iter().product::<usize>()
    }

    /// Whether row `i` is just the channels of cell `i` of the source.
    pub(super) fn is_identity(&self) -> bool {
        self.step == [1; 3] && self.places == self.source && self.offsets == [0..1, 0..1, 0..1]
    }

    /// Whether row `i` is the channels of place `i` of a frame, of one or more frames, and each row sees one at least.
    pub(super) fn sees_frames(&self) -> bool {
        let still = |axis: usize| {
            self.step[axis] == 1
                && self.places[axis] == self.source[axis]
                && self.offsets[axis] == (0..1)
        };
        still(1) && still(2) && (0..self.places[0]).all(|frame| !self.seen_of(frame).is_empty())
    }

    /// The first cell that row `row` sees where it [sees frames](Self::sees_frames), and its taps that see one.
    pub(super) fn frames(&self, row: usize) -> (usize, Range<usize>) {
        let (clip, [t, h, w]) = self.place(row);
        let taps = self.seen_of(t);
        let frame = self.source_at(0, t, taps.start).unwrap_or_default();
        let [frames, high, wide] = self.source;
        (((clip * frames + frame) * high + h) * wide + w, taps)
    }

    /// The taps along time of places in frame `t` that are in the source.
    fn seen_of(&self, t: usize) -> Range<usize> {
        let inside = |tap: &usize| self.source_at(0, t, *tap).is_some();
        let taps = || 0..self.offsets[0].len();
        let first = taps().find(inside).unwrap_or_default();
        first..taps().rev().find(inside).map_or(first, |last| last + 1)
    }

    /// The line of places that is done `i`th where one line is done after the other: all frames of a line, then the next, so
    /// that what they see of the source is still in the cache.
    pub(super) fn line(&self, i: usize) -> usize {
        let [frames, high, _] = self.places;
        let (clip, h, t) = (i / (frames * high), i / frames % high, i % frames);
        (clip * frames + t) * high + h
    }

    /// The clip and place of row `row`.
    pub(super) fn place(&self, row: usize) -> (usize, [usize; 3]) {
        let [pt, ph, pw] = self.places;
        (row / (pt * ph * pw), [row / (ph * pw) % pt, row / pw % ph, row % pw])
    }

    /// The cell of the source that row `row` sees at its one tap, if it is in the source.
    #[inline(always)]
    pub(super) fn cell(&self, row: usize) -> Option<usize> {
        debug_assert_eq!(self.taps(), 1, "a row of one cell");
        if self.is_identity() {
            return Some(row);
        }
        let (clip, place) = self.place(row);
        (0..3).try_fold(clip, |cell, axis| {
            Some(cell * self.source[axis] + self.source_at(axis, place[axis], 0)?)
        })
    }

    /// The source coordinate along `axis` of place `place` at offset number `tap`, if it is in the source.
    pub(super) fn source_at(&self, axis: usize, place: usize, tap: usize) -> Option<usize> {
        let at = (place * self.step[axis]) as isize + self.offsets[axis].start + tap as isize;
        usize::try_from(at).ok().filter(|at| *at < self.source[axis])
    }

    /// Writes numbers `depths` of each of `rows` to `to`, a row every `to_row` cells.
    ///
    /// `first` is the first channel seen.
    ///
    /// # Safety
    ///
    /// As of [`Vector`]; `to` is good for all rows, and `xs` is a source of `n` clips.
    #[inline(always)]
    pub(super) unsafe fn gather<V: Vector>(
        &self,
        xs: &[f32],
        first: usize,
        rows: Range<usize>,
        depths: Range<usize>,
        to: *mut f32,
        to_row: usize,
    ) {
        let [_, sh, sw] = self.source;
        // A line is what one row of the window sees. Where all channels are seen it is one piece of the source.
        let whole = self.seen == self.channels;
        let pieces = if whole { 1 } else { self.offsets[2].len() };
        let pixels = if whole { self.offsets[2].len() } else { 1 };
        let line = pixels * self.seen;
        let (mut clip, [mut t, mut h, mut w]) = self.place(rows.start);
        for row in 0..rows.len() {
            let mut at = depths.start;
            while at < depths.end {
                let piece = at / line;
                let (lo, hi) = (at - piece * line, line.min(depths.end - piece * line));
                let (e, b) = (piece % pieces, piece / pieces % self.offsets[1].len());
                let a = piece / pieces / self.offsets[1].len();
                // SAFETY: `at` is within the depths, the row within `to`.
                let to = unsafe { to.add(row * to_row + at - depths.start) };
                at = piece * line + hi;
                let lines = (self.source_at(0, t, a), self.source_at(1, h, b));
                let (Some(t), Some(h)) = lines else {
                    // SAFETY: as above.
                    unsafe { zero::<V>(to, hi - lo) };
                    continue;
                };
                // The piece's first pixel may lie before the source's first, its last beyond the last.
                let pixel = (w * self.step[2]) as isize + self.offsets[2].start + e as isize;
                let shift = pixel * self.seen as isize;
                let inside = (-shift).clamp(lo as isize, hi as isize) as usize;
                let beyond =
                    ((sw * self.seen) as isize - shift).clamp(inside as isize, hi as isize);
                let beyond = beyond as usize;
                let base = ((clip * self.source[0] + t) * sh + h) * sw;
                // SAFETY: what is read is inside the line's pixels, by the lines above.
                unsafe {
                    zero::<V>(to, inside - lo);
                    if beyond > inside {
                        let from = if whole {
                            (base as isize * self.channels as isize) + shift + inside as isize
                        } else {
                            (base as isize + pixel) * self.channels as isize
                                + (first + inside) as isize
                        };
                        copy::<V>(xs.as_ptr().offset(from), to.add(inside - lo), beyond - inside);
                    }
                    zero::<V>(to.add(beyond - lo), hi - beyond);
                }
            }
            w += 1;
            if w == self.places[2] {
                (w, h) = (0, h + 1);
            }
            if h == self.places[1] {
                (h, t) = (0, t + 1);
            }
            if t == self.places[0] {
                (t, clip) = (0, clip + 1);
            }
        }
    }
}

#[inline(always)]
unsafe fn copy<V: Vector>(from: *const f32, to: *mut f32, len: usize) {
    let mut at = 0;
    // SAFETY: `len` cells on both sides.
    unsafe {
        while at + V::LANES <= len {
            V::load(from.add(at)).store(to.add(at));
            at += V::LANES;
        }
        if at < len {
            V::load_first(from.add(at), len - at).store_first(to.add(at), len - at);
        }
    }
}

#[inline(always)]
unsafe fn zero<V: Vector>(to: *mut f32, len: usize) {
    let mut at = 0;
    // SAFETY: `len` cells.
    unsafe {
        while at < len {
            V::zero().store_upto(to.add(at), len - at);
            at += V::LANES;
        }
    }
}
