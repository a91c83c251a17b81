//! The product that the gradients of dense weights come down to: a block of rows, transposed, times another.

use crate::simd::Vector;
use crate::tile::{Ahead, Spread};

/// `to = left^T right`, or `to += left^T right`.
pub(in crate::conv) struct Product {
    pub(in crate::conv) left: *const f32,
    /// Cells from one row to the next; so for the others.
    pub(in crate::conv) left_row: usize,
    pub(in crate::conv) right: *const f32,
    pub(in crate::conv) right_row: usize,
    /// Rows of both sides.
    pub(in crate::conv) rows: usize,
    pub(in crate::conv) to: *mut f32,
    pub(in crate::conv) to_row: usize,
    pub(in crate::conv) add: bool,
}

impl Product {
    /// For `depth` columns of the left and `columns` of the right; what is `ahead` is asked for meanwhile.
    ///
    /// # Safety
    ///
    /// As of [`Vector`]; all pointers are good for what is said of them.
    #[inline(always)]
    pub(in crate::conv) unsafe fn run<V: Vector>(
        &self,
        depth: usize,
        columns: usize,
        ahead: [Ahead; 2],
    ) {
        for column in (0..columns).step_by(2 * V::LANES) {
            let some = (columns - column).min(2 * V::LANES);
            let tiles = depth.div_ceil(V::ROWS);
            let mut at = 0;
            for tile in 0..tiles {
                let ahead = ahead.map(|ahead| ahead.cut(tile, tiles));
                let end = depth * (tile + 1) / tiles;
                // SAFETY: as of this function.
                unsafe { self.tile_of::<V>(at, end - at, column, some, ahead) };
                at = end;
            }
        }
    }

    /// For `depth` columns of the left from `first` on, a tile at most, and `columns` of the right from `column` on, a panel
    /// at most.
    ///
    /// # Safety
    ///
    /// As of [`Self::run`].
    #[inline(always)]
    pub(in crate::conv) unsafe fn tile_of<V: Vector>(
        &self,
        first: usize,
        depth: usize,
        column: usize,
        columns: usize,
        ahead: [Ahead; 2],
    ) {
        macro_rules! of {
            ($($depth:literal)*) => {
                match (depth, columns == 2 * V::LANES) {
                    // SAFETY: as of `run`.
                    $(($depth, true) if $depth <= V::ROWS => unsafe {
                        self.tile::<V, $depth, true>(first, column, columns, ahead)
                    },
                    ($depth, false) if $depth <= V::ROWS => unsafe {
                        self.tile::<V, $depth, false>(first, column, columns, ahead)
                    },)*
                    _ => unreachable!("a tile of {depth} columns"),
                }
            };
        }
        of!(1 2 3 4 5 6 7 8 9 10 11 12)
    }

    #[inline(always)]
    unsafe fn tile<V: Vector, const M: usize, const FULL: bool>(
        &self,
        first: usize,
        column: usize,
        columns: usize,
        ahead: [Ahead; 2],
    ) {
        // SAFETY: as of `run`.
        unsafe {
            let mut ahead = ahead.map(|ahead| ahead.spread(self.rows));
            let lens = [columns, columns.saturating_sub(V::LANES)];
            let mut sums = [[V::zero(); 2]; M];
            let (mut left, mut right) = (self.left.add(first), self.right.add(column));
            for _ in 0..self.rows {
                ahead.iter_mut().for_each(Spread::step);
                let second = right.wrapping_add(V::LANES);
                let rights = if FULL {
                    [V::load(right), V::load(second)]
                } else {
                    [V::load_upto(right, lens[0]), V::load_first(second, lens[1])]
                };
                for (i, sums) in sums.iter_mut().enumerate() {
                    let x = V::splat(*left.add(i));
                    sums[0] = x.mul_add(rights[0], sums[0]);
                    sums[1] = x.mul_add(rights[1], sums[1]);
                }
                left = left.wrapping_add(self.left_row);
                right = right.wrapping_add(self.right_row);
            }
            for (i, sums) in sums.iter().enumerate() {
                for (j, sum) in sums.iter().enumerate() {
                    if lens[j] > 0 {
                        let to = self.to.add((first + i) * self.to_row + column + j * V::LANES);
                        let sum = if self.add { V::load_upto(to, lens[j]).add(*sum) } else { *sum };
                        sum.store_upto(to, lens[j]);
                    }
                }
            }
        }
    }
}
