//! Where a ReLU let its input through, in a bit a cell: a thirty-second of reading its output again.

use std::sync::atomic::{AtomicU16, Ordering};

use crate::simd::{Isa, Vector};

/// Which cells `[.., C]` came through a ReLU. Good for the instruction set that made it.
#[derive(Debug)]
pub struct Gate {
    /// A word for each vector of each place.
    words: Vec<AtomicU16>,
    /// Vectors of a place.
    vectors: usize,
}

impl Gate {
    /// For `places` of `c` channels, all of them shut.
    pub(super) fn shut(places: usize, c: usize) -> Self {
        let vectors = c.div_ceil(Isa::best().lanes());
        let words = (0..places * vectors).map(|_| AtomicU16::default()).collect();
        Self { words, vectors }
    }

    #[inline(always)]
    fn word<V: Vector>(&self, place: usize, channel: usize) -> &AtomicU16 {
        &self.words[place * self.vectors + channel / V::LANES]
    }

    /// Opens where `ys`, the ReLU's output from `channel` of `place` on, is positive.
    #[inline(always)]
    pub(super) unsafe fn open<V: Vector>(&self, ys: V, place: usize, channel: usize) {
        // SAFETY: as of [`Vector`].
        let open = unsafe { ys.positive() };
        self.word::<V>(place, channel).store(open, Ordering::Relaxed);
    }

    /// What comes back through it of `dys`.
    #[inline(always)]
    pub(super) unsafe fn through<V: Vector>(&self, dys: V, place: usize, channel: usize) -> V {
        let open = self.word::<V>(place, channel).load(Ordering::Relaxed);
        // SAFETY: as of [`Vector`].
        unsafe { dys.only(open) }
    }
}
