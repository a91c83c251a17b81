//! One slice written by many threads, each to cells of its own.

use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// A slice that tasks write to disjoint parts of, where the parts are not contiguous (the columns of a matrix, say).
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only ways to the cells are unsafe, and their callers vouch that no two threads use the same cell.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
    }

    /// Cells that were not written yet: the caller reads none before.
    pub(crate) fn unwritten(slice: &'a mut [MaybeUninit<f32>]) -> Self {
        Self { start: slice.as_mut_ptr().cast(), len: slice.len(), slice: PhantomData }
    }

    /// The cells from `from`, `len` of them, shared on.
    pub(crate) fn part(&self, from: usize, len: usize) -> Self {
        assert!(from + len <= self.len, "cells {from}..{} of {}", from + len, self.len);
        // SAFETY: in bounds by the line above.
        Self { start: unsafe { self.start.add(from) }, len, slice: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Writes zeros to the cells from `from`, `len` of them.
    ///
    /// # Safety
    ///
    /// Nobody else may use any of these cells meanwhile.
    pub(crate) unsafe fn zero(&self, from: usize, len: usize) {
        assert!(from + len <= self.len, "cells {from}..{} of {}", from + len, self.len);
        // SAFETY: in bounds by the line above; zero bytes are the number 0.
        unsafe { self.start.add(from).write_bytes(0, len) }
    }

    /// The cells from `from`, `len` of them.
    ///
    /// # Safety
    ///
    /// Nobody else may use any of these cells while the slice lives.
    pub(crate) unsafe fn at(&self, from: usize, len: usize) -> &'a mut [f32] {
        assert!(from + len <= self.len, "cells {from}..{} of {}", from + len, self.len);
        // SAFETY: in bounds by the line above, unshared by the caller's word.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len) }
    }

    /// Writes cell `at`.
    ///
    /// # Safety
    ///
    /// It is one of [`Self::len`], and nobody else uses it meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn put(&self, at: usize, x: f32) {
        debug_assert!(at < self.len);
        // SAFETY: in bounds by the caller's word.
        unsafe { self.start.add(at).write(x) }
    }

    /// The cell `from`, as the first of cells that only the caller uses.
    pub(crate) fn cell(&self, from: usize) -> *mut f32 {
        assert!(from <= self.len, "cell {from} of {}", self.len);
        // SAFETY: in bounds by the line above.
        unsafe { self.start.add(from) }
    }
}
