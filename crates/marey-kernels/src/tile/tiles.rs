//! A block of rows times a panel, by the processor's matrix unit.

use super::{Put, Right, Run};
use crate::simd::Vector;
#[cfg(target_arch = "x86_64")]
pub(crate) use crate::simd::brain::amx::{SIDE, Tiles};

/// As [`block`](super::block), of brain floats: row `i` starts `i * row` cells from `left` on, and goes to `places[i]`.
///
/// # Safety
///
/// As of [`block`](super::block); vectors have 16 numbers; whole blocks of [`SIDE`] rows can be read.
#[inline(always)]
pub(crate) unsafe fn block_of_tiles<V: Vector>(
    tiles: &Tiles,
    places: &[usize],
    left: *const f32,
    row: usize,
    runs: &[Run],
    panel: *const f32,
    right: Right,
) {
    #[repr(align(64))]
    struct Sums([f32; SIDE * SIDE]);
    let mut sums = Sums([0.; SIDE * SIDE]);
    let wide = right.columns > V::LANES;
    for (i, places) in places.chunks(SIDE).enumerate() {
        let left = left.wrapping_add(i * SIDE * row);
        let (sums, cells) = (&mut sums.0, V::LANES);
        // SAFETY: as of this function.
        unsafe {
            if wide {
                tiles.multiply::<true>(left, row, runs, panel, sums.as_mut_ptr());
            } else {
                tiles.multiply::<false>(left, row, runs, panel, sums.as_mut_ptr());
            }
            for column in (0..right.columns).step_by(cells) {
                let put = Put::<V>::of(&right, column);
                for (row, place) in places.iter().enumerate() {
                    put.place(V::load(sums[row * SIDE + column..].as_ptr()), *place);
                }
            }
        }
    }
}

/// What other processors do not have.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) enum Tiles {}

#[cfg(not(target_arch = "x86_64"))]
const SIDE: usize = 32;

#[cfg(not(target_arch = "x86_64"))]
impl Tiles {
    pub(crate) unsafe fn new() -> Self {
        unreachable!("no instruction set of this processor has tiles")
    }

    unsafe fn multiply<const WIDE: bool>(
        &self,
        _: *const f32,
        _: usize,
        _: &[Run],
        _: *const f32,
        _: *mut f32,
    ) {
        match *self {}
    }
}
