//! Brain floats (bfloat16): the upper half of a 32-bit float, and what multiplies them.
//!
//! Two of them share a cell of 32 bits, so that a product takes two steps of its depth at a time.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;

/// What multiplies brain floats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "others widen them"))]
pub(crate) enum Brain {
    /// AMX: matrices of 16 rows by 16 cells.
    Tiles,
    /// AVX512-BF16: vectors of 16 cells.
    Vectors,
    /// 32-bit multiply-adds, of the brain floats widened.
    Widened,
}

impl Brain {
    /// What a processor with AVX-512 has, the fastest first.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn available() -> impl Iterator<Item = Self> {
        let tiles = amx::permitted().then_some(Self::Tiles);
        let vectors = std::arch::is_x86_feature_detected!("avx512bf16").then_some(Self::Vectors);
        tiles.into_iter().chain(vectors).chain([Self::Widened])
    }
}

/// The nearest brain float, the even one of two; what is not a number stays so.
#[inline(always)]
pub(crate) fn round(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    (if x.is_nan() { bits >> 16 | 0x40 } else { rounded }) as u16
}

/// A brain float as a number of 32 bits.
#[inline(always)]
pub(crate) fn widen(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}

/// What rounding left of `x`, as a brain float: `x` is their sum to 16 bits, and a few more.
#[inline(always)]
pub(crate) fn rest(x: f32) -> u16 {
    round(x - widen(round(x)))
}

/// A cell of two brain floats, in the order of memory.
#[inline(always)]
pub(crate) fn pair(first: u16, second: u16) -> f32 {
    let ([a, b], [c, d]) = (first.to_ne_bytes(), second.to_ne_bytes());
    f32::from_ne_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_to_the_nearest_and_ties_to_even() {
        for (x, want) in [(1., 0x3f80), (-2., 0xc000), (257. / 256., 0x3f80), (259. / 256., 0x3f82)]
        {
            assert_eq!(round(x), want, "{x}");
        }
        assert_eq!(widen(round(f32::INFINITY)), f32::INFINITY);
        assert_eq!(widen(round(f32::MAX)), f32::INFINITY);
        assert!(
            widen(round(f32::NAN)).is_nan() && widen(round(f32::from_bits(0x7f80_0001))).is_nan()
        );
        for i in 1..1000 {
            let x = (i as f32 * 0.7).sin() * 3.;
            let (high, low) = (widen(round(x)), widen(rest(x)));
            assert!(
                (x - high).abs() <= x.abs() / 256. && (x - high - low).abs() <= x.abs() / 65536.
            );
        }
    }
}
