//! Memory for what lives no longer than a call: aligned to cache lines, kept and handed out again.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Mutex;

const LINE: usize = 64;

/// Cells aligned to a cache line.
pub(crate) struct Aligned {
    start: NonNull<f32>,
    len: usize,
}

// SAFETY: it owns its cells, as a `Vec` does.
unsafe impl Send for Aligned {}
// SAFETY: as above.
unsafe impl Sync for Aligned {}

impl Aligned {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let layout = Self::layout(len);
        // SAFETY: the layout is never of size zero.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::<f32>::new(start.cast()) else { handle_alloc_error(layout) };
        crate::memory::advise(start.as_ptr(), len);
        Self { start, len }
    }

    fn layout(len: usize) -> Layout {
        let bytes = len.max(1).checked_mul(size_of::<f32>());
        bytes
            .and_then(|bytes| Layout::from_size_align(bytes, LINE).ok())
            .unwrap_or_else(|| panic!("{len} cells are more than memory can hold"))
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        // SAFETY: allocated by `zeros` with this layout.
        unsafe { std::alloc::dealloc(self.start.as_ptr().cast(), Self::layout(self.len)) }
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `len` cells, initialised by `zeros`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as above, and borrowed for writing.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// Buffers that nobody uses now.
static FREE: Mutex<Vec<Aligned>> = Mutex::new(Vec::new());

/// Buffers kept for the next call, and the cells they may have together: 160 MiB.
const KEPT: (usize, usize) = (64, 40 << 20);

/// A buffer of at least so many cells, which hold anything. It goes back when it is dropped.
pub(crate) struct Scratch(Option<Aligned>);

impl Scratch {
    /// The smallest buffer there is that has `len` cells, else a new one.
    pub(crate) fn of(len: usize) -> Self {
        let mut free = FREE.lock().unwrap_or_else(|broken| broken.into_inner());
        // One much larger is for someone else.
        let fits = (0..free.len()).filter(|&i| (len..=len + len / 4 + 4096).contains(&free[i].len));
        let best = fits.min_by_key(|&i| free[i].len);
        let kept = best.map(|i| free.swap_remove(i));
        drop(free);
        Self(Some(kept.unwrap_or_else(|| Aligned::zeros(len))))
    }

    /// The same, of zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mut scratch = Self::of(len);
        scratch.fill(0.);
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(buffer) = self.0.take() else { return };
        let mut free = FREE.lock().unwrap_or_else(|broken| broken.into_inner());
        free.push(buffer);
        // The oldest goes first.
        while free.len() > KEPT.0 || free.iter().map(|buffer| buffer.len).sum::<usize>() > KEPT.1 {
            free.remove(0);
        }
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scratch_is_aligned_and_long_enough() {
        for len in [0, 1, 17, 5000] {
            let mut scratch = Scratch::of(len);
            assert!(scratch.len() >= len && scratch.as_ptr().addr().is_multiple_of(LINE));
            scratch.fill(1.);
        }
    }
}
