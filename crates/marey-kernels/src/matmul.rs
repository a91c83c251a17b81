//! Products of strided matrices, on the `gemm` crate.

use crate::shared::Shared;

/// A matrix in a slice: the element of row `r` and column `c` is at `from + r * row + c * column`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) slice: &'a [f32],
    pub(crate) from: usize,
    pub(crate) row: usize,
    pub(crate) column: usize,
}

/// The same of a slice that other threads write to as well; its columns are contiguous.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) slice: Shared<'a>,
    pub(crate) from: usize,
    pub(crate) row: usize,
}

/// `target = a b`, or `target += a b`: `[m, k]` times `[k, n]`, on the calling thread.
///
/// # Safety
///
/// Nobody else may use the `m` times `n` cells of the target meanwhile.
pub(crate) unsafe fn product(
    target: Target,
    add: bool,
    a: Matrix,
    b: Matrix,
    [m, k, n]: [usize; 3],
) {
    if m == 0 || n == 0 {
        return;
    }
    let end = |from: usize, rows: usize, row: usize, columns: usize, column: usize| {
        from + rows.saturating_sub(1) * row + columns.saturating_sub(1) * column + 1
    };
    assert!(
        k == 0 || end(a.from, m, a.row, k, a.column) <= a.slice.len(),
        "the left matrix is too short"
    );
    assert!(
        k == 0 || end(b.from, k, b.row, n, b.column) <= b.slice.len(),
        "the right matrix is too short"
    );
    let cells = target.slice.strided(target.from, end(target.from, m, target.row, n, 1));
    // SAFETY: all three matrices are within their slices, and the caller vouches for the target.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            cells,
            1,
            target.row as isize,
            add,
            a.slice.as_ptr().add(a.from),
            a.column as isize,
            a.row as isize,
            b.slice.as_ptr().add(b.from),
            b.column as isize,
            b.row as isize,
            1.,
            1.,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
