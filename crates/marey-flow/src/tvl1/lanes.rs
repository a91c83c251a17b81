//! Vectors of numbers, and the instruction sets that have them.
//!
//! No two operations are ever fused, and square roots and quotients are the exact ones: a solver gives the same bits on every
//! machine.

/// What a machine computes many numbers with at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Isa {
    /// Four numbers at a time, by what every target has.
    Plain,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// What this machine has, the slowest first.
    pub(super) fn all() -> Vec<Self> {
        #[allow(unused_mut, reason = "other targets have one")]
        let mut all = vec![Self::Plain];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                all.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                all.push(Self::Avx512);
            }
        }
        all
    }

    /// The fastest that this machine has.
    pub(super) fn best() -> Self {
        Self::all().pop().unwrap_or(Self::Plain)
    }
}

/// Defines `$name(isa, ..)`, which runs `$body::<V>(..)` with the vectors of `isa`.
macro_rules! on_lanes {
    ($(#[$meta:meta])* unsafe fn $name:ident = $body:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)?) => {
        $(#[$meta])*
        ///
        /// # Safety
        ///
        /// As for the function it runs; and the machine must have `isa`.
        #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
        unsafe fn $name(isa: $crate::tvl1::lanes::Isa, $($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
            unsafe fn avx2($($arg: $type),*) $(-> $out)? {
                // SAFETY: handed on.
                unsafe { $body::<$crate::tvl1::lanes::Avx2>($($arg),*) }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f")]
            #[allow(clippy::too_many_arguments, reason = "as many as the function has")]
            unsafe fn avx512($($arg: $type),*) $(-> $out)? {
                // SAFETY: handed on.
                unsafe { $body::<$crate::tvl1::lanes::Avx512>($($arg),*) }
            }
            // SAFETY: handed on.
            unsafe {
                match isa {
                    $crate::tvl1::lanes::Isa::Plain => {
                        $body::<$crate::tvl1::lanes::Plain>($($arg),*)
                    }
                    #[cfg(target_arch = "x86_64")]
                    $crate::tvl1::lanes::Isa::Avx2 => avx2($($arg),*),
                    #[cfg(target_arch = "x86_64")]
                    $crate::tvl1::lanes::Isa::Avx512 => avx512($($arg),*),
                }
            }
        }
    };
}
pub(super) use on_lanes;

/// Several numbers that are computed with at once.
///
/// All functions are to be called where the instructions are there; pointers are to `LEN` numbers.
pub(super) trait Lanes: Copy {
    /// How many: 4, 8 or 16.
    const LEN: usize;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn splat(value: f32) -> Self;
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    unsafe fn min(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    unsafe fn sqrt(self) -> Self;
}

/// Four numbers, on any machine.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 4]);

#[cfg(not(target_arch = "x86_64"))]
impl Plain {
    #[inline(always)]
    fn with(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

#[cfg(not(target_arch = "x86_64"))]
impl Lanes for Plain {
    const LEN: usize = 4;
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: four numbers are there.
        unsafe { Self(from.cast::<[f32; 4]>().read()) }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: four numbers are there.
        unsafe { to.cast::<[f32; 4]>().write(self.0) }
    }
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Self([value; 4])
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        self.with(other, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        self.with(other, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    unsafe fn sqrt(self) -> Self {
        Self(self.0.map(f32::sqrt))
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! x86 {
    ($name:ident, $vector:ident, $len:literal, $load:ident, $store:ident, $splat:ident,
     $add:ident, $sub:ident, $mul:ident, $div:ident, $min:ident, $max:ident, $sqrt:ident) => {
        #[derive(Clone, Copy)]
        pub(super) struct $name(std::arch::x86_64::$vector);

        // SAFETY of all: the trait asks for the instructions, and for pointers to so many numbers.
        impl Lanes for $name {
            const LEN: usize = $len;
            #[inline(always)]
            unsafe fn load(from: *const f32) -> Self {
                unsafe { Self(std::arch::x86_64::$load(from)) }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut f32) {
                unsafe { std::arch::x86_64::$store(to, self.0) }
            }
            #[inline(always)]
            unsafe fn splat(value: f32) -> Self {
                unsafe { Self(std::arch::x86_64::$splat(value)) }
            }
            x86!(@pair add, $add);
            x86!(@pair sub, $sub);
            x86!(@pair mul, $mul);
            x86!(@pair div, $div);
            x86!(@pair min, $min);
            x86!(@pair max, $max);
            #[inline(always)]
            unsafe fn sqrt(self) -> Self {
                unsafe { Self(std::arch::x86_64::$sqrt(self.0)) }
            }
        }
    };
    (@pair $name:ident, $f:ident) => {
        #[inline(always)]
        unsafe fn $name(self, other: Self) -> Self {
            unsafe { Self(std::arch::x86_64::$f(self.0, other.0)) }
        }
    };
}

#[cfg(target_arch = "x86_64")]
x86!(
    Plain,
    __m128,
    4,
    _mm_loadu_ps,
    _mm_storeu_ps,
    _mm_set1_ps,
    _mm_add_ps,
    _mm_sub_ps,
    _mm_mul_ps,
    _mm_div_ps,
    _mm_min_ps,
    _mm_max_ps,
    _mm_sqrt_ps
);
#[cfg(target_arch = "x86_64")]
x86!(
    Avx2,
    __m256,
    8,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_set1_ps,
    _mm256_add_ps,
    _mm256_sub_ps,
    _mm256_mul_ps,
    _mm256_div_ps,
    _mm256_min_ps,
    _mm256_max_ps,
    _mm256_sqrt_ps
);
#[cfg(target_arch = "x86_64")]
x86!(
    Avx512,
    __m512,
    16,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_set1_ps,
    _mm512_add_ps,
    _mm512_sub_ps,
    _mm512_mul_ps,
    _mm512_div_ps,
    _mm512_min_ps,
    _mm512_max_ps,
    _mm512_sqrt_ps
);
