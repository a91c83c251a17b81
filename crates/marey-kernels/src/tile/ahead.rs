//! Asking for memory before it is needed.

use super::LINE;
use crate::simd::prefetch_far;

/// Cache lines to ask for while a block is multiplied: those of the next, say.
#[derive(Clone, Copy)]
pub(crate) struct Ahead {
    pub(crate) from: *const f32,
    pub(crate) lines: usize,
}

/// A line that is always at hand.
static NOWHERE: [f32; LINE] = [0.; LINE];

/// An [`Ahead`] asked for in steps: many at once would keep other loads waiting.
pub(crate) struct Spread {
    from: *const f32,
    /// In parts of 2^16 of a line.
    at: usize,
    step: usize,
}

impl Spread {
    #[inline(always)]
    pub(crate) fn step(&mut self) {
        prefetch_far(self.from.wrapping_add((self.at >> 16) * LINE));
        self.at += self.step;
    }
}

impl Ahead {
    pub(crate) const NOTHING: Self = Self { from: NOWHERE.as_ptr(), lines: 0 };

    /// Part `part` of `parts` of `cells` cells at `from`.
    pub(crate) fn part(from: *const f32, cells: usize, part: usize, parts: usize) -> Self {
        let lines = cells.div_ceil(LINE);
        let (start, end) = (lines * part / parts, lines * (part + 1) / parts);
        Self { from: from.wrapping_add(start * LINE), lines: end - start }
    }

    /// Part `part` of `parts`.
    #[inline(always)]
    pub(crate) fn cut(&self, part: usize, parts: usize) -> Self {
        let (start, end) = (self.lines * part / parts, self.lines * (part + 1) / parts);
        Self { from: self.from.wrapping_add(start * LINE), lines: end - start }
    }

    /// All of it, in so many steps.
    #[inline(always)]
    pub(crate) fn spread(&self, steps: usize) -> Spread {
        Spread { from: self.from, at: 0, step: (self.lines << 16) / steps.max(1) }
    }
}
