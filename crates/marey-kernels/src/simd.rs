//! Vectors of the processor at hand: one set of kernels, compiled for each instruction set and chosen at run time.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

/// A vector of `f32`.
///
/// # Safety
///
/// Every function may be called only where the instruction set that `Self` stands for is there: inside a [`Kernel`] that
/// an [`Isa`] runs.
pub(crate) trait Vector: Copy {
    /// Numbers in a vector.
    const LANES: usize;
    /// Rows of a tile of a product, two vectors wide, whose sums the registers hold.
    const ROWS: usize;

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    /// The first `len` numbers, the others 0; `len` is at most [`Self::LANES`].
    unsafe fn load_first(from: *const f32, len: usize) -> Self;
    unsafe fn store(self, to: *mut f32);
    /// Stores the first `len` numbers; `len` is at most [`Self::LANES`].
    unsafe fn store_first(self, to: *mut f32, len: usize);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// `self * factor + term`, rounded once where the processor can.
    unsafe fn mul_add(self, factor: Self, term: Self) -> Self;
    /// The larger; `other` where one of them is not a number.
    unsafe fn max(self, other: Self) -> Self;
    /// The larger; not a number where one of them is none.
    unsafe fn max_or_nan(self, other: Self) -> Self;
    /// `self` where `a` equals `b` or is not a number, else 0; and the rest of `self`.
    unsafe fn where_same(self, a: Self, b: Self) -> (Self, Self);
    /// `self` where `gate > 0`, else 0.
    unsafe fn where_positive(self, gate: Self) -> Self;

    unsafe fn zero() -> Self {
        // SAFETY: as of this trait.
        unsafe { Self::splat(0.) }
    }

    /// [`Self::load`] where `len` numbers are at least a vector, else [`Self::load_first`].
    #[inline(always)]
    unsafe fn load_upto(from: *const f32, len: usize) -> Self {
        // SAFETY: as of this trait.
        unsafe { if len >= Self::LANES { Self::load(from) } else { Self::load_first(from, len) } }
    }

    /// [`Self::store`] where `len` numbers are at least a vector, else [`Self::store_first`].
    #[inline(always)]
    unsafe fn store_upto(self, to: *mut f32, len: usize) {
        // SAFETY: as of this trait.
        unsafe { if len >= Self::LANES { self.store(to) } else { self.store_first(to, len) } }
    }
}

/// Something to be run on vectors.
pub(crate) trait Kernel {
    type Output;

    /// # Safety
    ///
    /// As of [`Vector`]. An implementation is `#[inline(always)]`, and so is all that it calls with `V`.
    unsafe fn run<V: Vector>(self) -> Self::Output;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "aarch64")]
    Neon,
    Portable,
}

/// An instruction set that this processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Set);

impl Isa {
    /// Those that this processor has, the fastest first; the last is portable Rust.
    pub fn available() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            use std::arch::is_x86_feature_detected as has;
            let avx2 = has!("avx2") && has!("fma");
            if avx2 && has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq") {
                all.push(Self(Set::Avx512));
            }
            if avx2 {
                all.push(Self(Set::Avx2));
            }
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Self(Set::Neon));
        all.push(Self(Set::Portable));
        all
    }

    /// The fastest, or the one that the environment variable `MAREY_ISA` names (`avx512`, `avx2`, `neon`, `portable`), if
    /// it is there.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| {
            let all = Self::available();
            let named = std::env::var("MAREY_ISA").unwrap_or_default();
            all.iter().copied().find(|isa| isa.name() == named).unwrap_or(all[0])
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "neon",
            Set::Portable => "portable",
        }
    }

    /// Runs `kernel` on this set's vectors.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: a set is only ever made by `available`, which asked the processor.
        unsafe {
            match self.0 {
                #[cfg(target_arch = "x86_64")]
                Set::Avx512 => avx512::run(kernel),
                #[cfg(target_arch = "x86_64")]
                Set::Avx2 => avx2::run(kernel),
                #[cfg(target_arch = "aarch64")]
                Set::Neon => neon::run(kernel),
                Set::Portable => kernel.run::<portable::Eight>(),
            }
        }
    }

    /// Numbers in a vector of this set.
    pub(crate) fn lanes(self) -> usize {
        struct Lanes;
        impl Kernel for Lanes {
            type Output = usize;
            #[inline(always)]
            unsafe fn run<V: Vector>(self) -> usize {
                V::LANES
            }
        }
        self.run(Lanes)
    }
}

/// As [`prefetch`], into the second cache.
#[inline(always)]
pub(crate) fn prefetch_far(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// As [`prefetch`], for a line that will be written.
#[inline(always)]
pub(crate) fn prefetch_write(at: *mut f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_ET0 }>(
            at.cast_const().cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

/// Asks for the cache line at `at`, which need not be readable.
#[inline(always)]
pub(crate) fn prefetch(at: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}
