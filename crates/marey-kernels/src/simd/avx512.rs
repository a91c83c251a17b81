//! AVX-512: sixteen numbers, thirty-two registers, masks.

use std::arch::asm;
use std::arch::x86_64::*;

use super::{Kernel, Vector};

#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: the features are there, by the caller's word.
    unsafe { kernel.run::<__m512>() }
}

/// A mask of the first `len` lanes.
#[inline(always)]
fn first(len: usize) -> __mmask16 {
    ((1u32 << len) - 1) as __mmask16
}

/// Not the intrinsic: it would be inlined only where kernels are compiled for AVX512-BF16.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn dot_brain(xs: __m512, factors: __m512, sum: __m512) -> __m512 {
    let mut sum = sum;
    // SAFETY: the instruction is there, by the caller's word.
    unsafe {
        asm!(
            "vdpbf16ps {sum}, {xs}, {factors}",
            sum = inout(zmm_reg) sum,
            xs = in(zmm_reg) xs,
            factors = in(zmm_reg) factors,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    sum
}

// SAFETY of each line: the instruction is there by the trait's word, and pointers are good by the caller's.
impl Vector for __m512 {
    const LANES: usize = 16;
    const ROWS: usize = 12;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { _mm512_set1_ps(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { _mm512_loadu_ps(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, len: usize) -> Self {
        unsafe { _mm512_maskz_loadu_ps(first(len), from) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, len: usize) {
        unsafe { _mm512_mask_storeu_ps(to, first(len), self) }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { _mm512_add_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { _mm512_sub_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { _mm512_mul_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        unsafe { _mm512_fmadd_ps(self, factor, term) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe { _mm512_max_ps(self, other) }
    }
    #[inline(always)]
    unsafe fn max_or_nan(self, other: Self) -> Self {
        unsafe {
            let larger = _mm512_max_ps(self, other);
            _mm512_mask_mov_ps(larger, _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self, self), self)
        }
    }
    #[inline(always)]
    unsafe fn where_same(self, a: Self, b: Self) -> (Self, Self) {
        unsafe {
            let same =
                _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) | _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a);
            (_mm512_maskz_mov_ps(same, self), _mm512_maskz_mov_ps(!same, self))
        }
    }
    #[inline(always)]
    unsafe fn halves(self) -> (Self, Self) {
        unsafe {
            let bits = _mm512_castps_si512(self);
            let second = _mm512_and_si512(bits, _mm512_set1_epi32(0xffff_0000_u32 as i32));
            (_mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits)), _mm512_castsi512_ps(second))
        }
    }
    #[inline(always)]
    unsafe fn dot_brain(self, factors: Self, sum: Self) -> Self {
        unsafe { dot_brain(self, factors, sum) }
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self, _mm512_setzero_ps()) }
    }
    #[inline(always)]
    unsafe fn only(self, bits: u16) -> Self {
        unsafe { _mm512_maskz_mov_ps(bits, self) }
    }
}
