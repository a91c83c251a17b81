//! NEON: four numbers, thirty-two registers. Part of every aarch64 processor.

use std::arch::aarch64::*;

use super::{Kernel, Vector};

/// A bit for each number.
static ONE_EACH: [u32; 4] = [1, 2, 4, 8];

pub(super) unsafe fn run<K: Kernel>(kernel: K) -> K::Output {
    // SAFETY: NEON is part of the target.
    unsafe { kernel.run::<float32x4_t>() }
}

// SAFETY of each line: NEON is part of the target, and pointers are good by the caller's word.
impl Vector for float32x4_t {
    const LANES: usize = 4;
    const ROWS: usize = 12;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        unsafe { vld1q_f32(from) }
    }
    #[inline(always)]
    unsafe fn load_first(from: *const f32, len: usize) -> Self {
        let mut all = [0f32; 4];
        unsafe {
            std::ptr::copy_nonoverlapping(from, all.as_mut_ptr(), len);
            vld1q_f32(all.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        unsafe { vst1q_f32(to, self) }
    }
    #[inline(always)]
    unsafe fn store_first(self, to: *mut f32, len: usize) {
        let mut all = [0f32; 4];
        unsafe {
            vst1q_f32(all.as_mut_ptr(), self);
            std::ptr::copy_nonoverlapping(all.as_ptr(), to, len);
        }
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        unsafe { vaddq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        unsafe { vsubq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        unsafe { vmulq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self {
        unsafe { vfmaq_f32(term, self, factor) }
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        unsafe { vbslq_f32(vcgtq_f32(self, other), self, other) }
    }
    #[inline(always)]
    unsafe fn max_or_nan(self, other: Self) -> Self {
        unsafe { vmaxq_f32(self, other) }
    }
    #[inline(always)]
    unsafe fn where_same(self, a: Self, b: Self) -> (Self, Self) {
        unsafe {
            let same = vorrq_u32(vceqq_f32(a, b), vmvnq_u32(vceqq_f32(a, a)));
            let bits = vreinterpretq_u32_f32(self);
            let (won, rest) = (vandq_u32(bits, same), vbicq_u32(bits, same));
            (vreinterpretq_f32_u32(won), vreinterpretq_f32_u32(rest))
        }
    }
    #[inline(always)]
    unsafe fn halves(self) -> (Self, Self) {
        unsafe {
            let bits = vreinterpretq_u32_f32(self);
            let second = vandq_u32(bits, vdupq_n_u32(0xffff_0000));
            (vreinterpretq_f32_u32(vshlq_n_u32::<16>(bits)), vreinterpretq_f32_u32(second))
        }
    }
    #[inline(always)]
    unsafe fn positive(self) -> u16 {
        unsafe {
            let positive = vcgtq_f32(self, vdupq_n_f32(0.));
            vaddvq_u32(vandq_u32(positive, vld1q_u32(ONE_EACH.as_ptr()))) as u16
        }
    }
    #[inline(always)]
    unsafe fn only(self, bits: u16) -> Self {
        unsafe {
            let set = vtstq_u32(vdupq_n_u32(u32::from(bits)), vld1q_u32(ONE_EACH.as_ptr()));
            vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(self), set))
        }
    }
}
