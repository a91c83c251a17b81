//! Vectors of the processor at hand: one set of kernels, compiled for each instruction set and chosen at run time.

use std::sync::OnceLock;

use brain::Brain;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
pub(crate) mod brain;
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
    /// Which numbers are above 0: bit `i` for number `i`.
    unsafe fn positive(self) -> u16;
    /// The numbers whose bits are set, the others 0.
    unsafe fn only(self, bits: u16) -> Self;

    /// The first and the second of the two brain floats that each place holds, as numbers of their own.
    unsafe fn halves(self) -> (Self, Self);

    /// `sum` and the products of `self` and `factors`, brain float by brain float, by the instruction for that.
    ///
    /// # Safety
    ///
    /// As of this trait; and only where [`Isa::brain`] says that there is such an instruction.
    #[inline(always)]
    unsafe fn dot_brain(self, factors: Self, sum: Self) -> Self {
        let _ = (factors, sum);
        unreachable!("no vectors but those of AVX-512 have it")
    }

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
pub struct Isa {
    set: Set,
    brain: Brain,
}

impl Isa {
    /// Those that this processor has, the fastest first; the last is portable Rust.
    pub fn available() -> Vec<Self> {
        let mut all = Self::native();
        all.push(Self::plain(Set::Portable));
        all
    }

    #[cfg(target_arch = "x86_64")]
    fn native() -> Vec<Self> {
        use std::arch::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("fma");
        let avx512 =
            avx2 && has!("avx512f") && has!("avx512vl") && has!("avx512bw") && has!("avx512dq");
        let avx512 = Brain::available().filter(|_| avx512);
        let avx512 = avx512.map(|brain| Self { set: Set::Avx512, brain });
        avx512.chain(avx2.then_some(Self::plain(Set::Avx2))).collect()
    }

    #[cfg(target_arch = "aarch64")]
    fn native() -> Vec<Self> {
        vec![Self::plain(Set::Neon)]
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn native() -> Vec<Self> {
        Vec::new()
    }

    fn plain(set: Set) -> Self {
        Self { set, brain: Brain::Widened }
    }

    /// The one that is [`named`](Self::named), else the fastest.
    pub fn best() -> Self {
        static BEST: OnceLock<Isa> = OnceLock::new();
        *BEST.get_or_init(|| Self::named().unwrap_or_else(|| Self::available()[0]))
    }

    /// The one that the environment variable `MAREY_ISA` names (`avx512-amx`, `avx512-bf16`, `avx512`, `avx2`, `neon`,
    /// `portable`), if it is there.
    pub fn named() -> Option<Self> {
        let name = std::env::var("MAREY_ISA").ok()?;
        Self::available().into_iter().find(|isa| isa.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self.set {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => match self.brain {
                Brain::Tiles => "avx512-amx",
                Brain::Vectors => "avx512-bf16",
                Brain::Widened => "avx512",
            },
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "aarch64")]
            Set::Neon => "neon",
            Set::Portable => "portable",
        }
    }

    /// Whether it multiplies 16-bit brain floats faster than by widening them to 32 bits.
    pub fn has_bf16(self) -> bool {
        self.brain != Brain::Widened
    }

    /// How it multiplies 16-bit brain floats.
    pub(crate) fn brain(self) -> Brain {
        self.brain
    }

    /// Runs `kernel` on this set's vectors.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: a set is only ever made by `available`, which asked the processor.
        unsafe {
            match self.set {
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
