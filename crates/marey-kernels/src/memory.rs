//! Memory for results: never zeroed before it is written, and of large pages where the system gives them.

use rayon::prelude::*;

use crate::shared::Shared;

/// From so many cells on, large pages are asked for: 4 MiB.
const LARGE: usize = 1 << 20;

/// Tells the system that `len` cells at `start` are worth large pages: a first touch then costs one fault for 2 MiB.
pub(crate) fn advise(start: *mut f32, len: usize) {
    #[cfg(target_os = "linux")]
    if len >= LARGE {
        const PAGE: usize = 4096;
        let from = start.addr().next_multiple_of(PAGE);
        let bytes = (start.addr() + size_of::<f32>() * len).saturating_sub(from) / PAGE * PAGE;
        // SAFETY: whole pages inside the cells, which the caller owns; what is in them stays. An error changes nothing.
        unsafe {
            libc::madvise(start.with_addr(from).cast(), bytes, libc::MADV_HUGEPAGE);
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, len);
}

/// A vector of `len` numbers.
///
/// # Safety
///
/// `fill` writes every cell, and reads none before.
pub(crate) unsafe fn written(len: usize, fill: impl FnOnce(Shared)) -> Vec<f32> {
    let mut cells = Vec::with_capacity(len);
    advise(cells.as_mut_ptr(), len);
    fill(Shared::unwritten(&mut cells.spare_capacity_mut()[..len]));
    // SAFETY: written, by the caller's word.
    unsafe { cells.set_len(len) };
    cells
}

/// A sum of tensors of one shape, the first of which makes it: where the gradients of all that used a tensor are added up.
#[derive(Debug, Default)]
pub struct Sum(Option<Vec<f32>>);

impl Sum {
    /// The sum, if anything was added; it is then empty again.
    pub fn take(&mut self) -> Option<Vec<f32>> {
        self.0.take()
    }

    /// Whether nothing was added yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Adds `xs`, which becomes the sum where there is none.
    ///
    /// # Panics
    ///
    /// As [`Self::add`].
    pub fn give(&mut self, xs: Vec<f32>) {
        if self.is_empty() {
            self.0 = Some(xs);
        } else {
            self.add(&xs);
        }
    }

    /// Adds `xs`.
    ///
    /// # Panics
    ///
    /// If what was added before is of another length.
    pub fn add(&mut self, xs: &[f32]) {
        // SAFETY: every cell is written, and read only where there is a sum.
        unsafe {
            self.with(xs.len(), |sum, add| {
                let tasks = xs.par_chunks(1 << 15).enumerate();
                tasks.for_each(|(i, xs)| {
                    let to = sum.cell(i << 15);
                    for (j, x) in xs.iter().enumerate() {
                        let to = to.wrapping_add(j);
                        *to = if add { *to + x } else { *x };
                    }
                });
            });
        }
    }

    /// Has `fill` write the `len` cells, or add to them where the flag says so.
    ///
    /// # Safety
    ///
    /// `fill` writes every cell, and reads none where the flag is off.
    pub(crate) unsafe fn with(&mut self, len: usize, fill: impl FnOnce(Shared, bool)) {
        match &mut self.0 {
            Some(cells) => {
                assert_eq!(cells.len(), len, "a sum of tensors of one shape");
                fill(Shared::new(cells), true);
            }
            // SAFETY: as of this function.
            empty => *empty = Some(unsafe { written(len, |cells| fill(cells, false)) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sum_begins_with_the_first() {
        let mut sum = Sum::default();
        assert_eq!(sum.take(), None);
        sum.add(&[1., 2.]);
        sum.give(vec![10., 20.]);
        assert_eq!(sum.take(), Some(vec![11., 22.]));
        assert!(sum.is_empty());
        sum.give(vec![3.]);
        assert_eq!(sum.take(), Some(vec![3.]));
    }
}
