//! One slice written by many threads, each to cells of its own.

use std::marker::PhantomData;

/// A slice that tasks write to disjoint parts of, where the parts are not contiguous (the columns of a matrix, say).
#[derive(Clone, Copy)]
pub(crate) struct Shared<'a> {
    start: *mut f32,
    len: usize,
    slice: PhantomData<&'a mut [f32]>,
}

// SAFETY: the only way to the cells is `Shared::at`, whose caller vouches that no two threads use the same cell.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    pub(crate) fn new(slice: &'a mut [f32]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), slice: PhantomData }
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

    /// The cell `from`, as the first of a strided matrix that reaches up to `end`.
    pub(crate) fn strided(&self, from: usize, end: usize) -> *mut f32 {
        assert!(from <= end && end <= self.len, "cells {from}..{end} of {}", self.len);
        // SAFETY: in bounds by the line above.
        unsafe { self.start.add(from) }
    }
}
