//! Plain Rust, eight numbers at a time, for the compiler to make of it what the target has.

use super::Vector;

/// Eight numbers.
#[derive(Clone, Copy)]
pub(super) struct Eight([f32; 8]);

impl Eight {
    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

// SAFETY of each block: pointers are good for as many numbers as asked for, by the caller's word.
impl Vector for Eight {
    const LANES: usize = 8;
    const ROWS: usize = 4;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; 8])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        Self(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, len: usize) -> Self {
        Self(std::array::from_fn(|i| if i < len { unsafe { *from.add(i) } } else { 0. }))
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, len: usize) {
        for (i, x) in self.0.iter().enumerate().take(len) {
            unsafe { *to.add(i) = *x };
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * factor.0[i] + term.0[i]))
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn max_or_nan(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b || a.is_nan() { a } else { b })
    }
    #[inline(always)]
    unsafe fn where_same(self, a: Self, b: Self) -> (Self, Self) {
        let same = a.zip(b, |a, b| if a == b || a.is_nan() { 1. } else { 0. });
        let won = self.zip(same, |x, same| if same > 0. { x } else { 0. });
        (won, self.zip(same, |x, same| if same > 0. { 0. } else { x }))
    }
    #[inline(always)]
    unsafe fn halves(self) -> (Self, Self) {
        let of = |f: fn(u32) -> u32| Self(self.0.map(|x| f32::from_bits(f(x.to_bits()))));
        (of(|bits| bits << 16), of(|bits| bits & 0xffff_0000))
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        let bit = |(i, x): (usize, &f32)| u16::from(*x > 0.) << i;
        self.0.iter().enumerate().map(bit).sum()
    }
    #[inline(always)]
    unsafe fn only(self, bits: u16) -> Self {
        Self(std::array::from_fn(|i| if bits >> i & 1 == 1 { self.0[i] } else { 0. }))
    }
}
