//! AVX2 with FMA: eight numbers, sixteen registers.

use std::arch::x86_64::*;

use super::{Kernel, Vector};

#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the features are there, by the caller's word.
    unsafe { kernel.run::<__m256>() }
}

/// A mask of the first `len` lanes.
#[inline(always)]
unsafe fn first(len: usize) -> __m256i {
    static LANES: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];
    debug_assert!(len <= 8);
    // SAFETY: eight numbers from the first to the ninth are within the sixteen.
    unsafe { _mm256_loadu_si256(LANES.as_ptr().add(8 - len).cast()) }
}

// SAFETY of each line: the instruction is there by the trait's word, and pointers are good by the caller's.
impl Vector for __m256 {
    const LANES: usize = 8;
    const ROWS: usize = 6;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { _mm256_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm256_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, len: usize) -> Self {
        unsafe { _mm256_maskload_ps(from, first(len)) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, len: usize) {
        unsafe { _mm256_maskstore_ps(to, first(len), self) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { _mm256_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { _mm256_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { _mm256_mul_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        unsafe { _mm256_fmadd_ps(self, factor, term) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe { _mm256_max_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn max_or_nan(self, other: Self) -> Self {
        unsafe {
            let larger = _mm256_max_ps(self, other);
            _mm256_blendv_ps(larger, self, _mm256_cmp_ps::<_CMP_UNORD_Q>(self, self))
        }
    }
    #[inline(always)]
    unsafe fn where_same(self, a: Self, b: Self) -> (Self, Self) {
        unsafe {
            let (equal, none) =
                (_mm256_cmp_ps::<_CMP_EQ_OQ>(a, b), _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a));
            let same = _mm256_or_ps(equal, none);
            (_mm256_and_ps(same, self), _mm256_andnot_ps(same, self))
        }
    }
    #[inline(always)]
    unsafe fn halves(self) -> (Self, Self) {
        unsafe {
            let bits = _mm256_castps_si256(self);
            let second = _mm256_and_si256(bits, _mm256_set1_epi32(0xffff_0000_u32 as i32));
            (_mm256_castsi256_ps(_mm256_slli_epi32::<16>(bits)), _mm256_castsi256_ps(second))
        }
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        unsafe { _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(self, Self::zero())) as u16 }
    }
    #[inline(always)]
    unsafe fn only(self, bits: u16) -> Self {
        unsafe {
            let one_each = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let set = _mm256_and_si256(_mm256_set1_epi32(i32::from(bits)), one_each);
            let set = _mm256_cmpeq_epi32(set, one_each);
            _mm256_and_ps(self, _mm256_castsi256_ps(set))
        }
    }
}
