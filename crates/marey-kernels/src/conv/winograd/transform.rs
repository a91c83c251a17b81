//! The transforms of Winograd's minimal filtering, F(2, 3) and F(4, 3), along one axis of three taps.
//!
//! Reference: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, section 4,
//! <https://arxiv.org/abs/1509.09308>. F(4, 3) is taken at the points 0, ±3/4, ±3/2 and infinity in the place of their 0, ±1,
//! ±2: on random layers its rounding error is half of theirs in the mean, a quarter at most.

use crate::conv::Size;
use crate::simd::{Kernel, Vector};

/// Minimal filtering: `M` outputs of three taps from `A = M + 2` inputs with `A` multiplications.
pub(super) trait Transform<const A: usize, const M: usize> {
    /// `G`, for the taps.
    const TAPS: [[f64; 3]; A];

    /// `B^T d`, of the input.
    ///
    /// # Safety
    ///
    /// As of [`Vector`]; so for the others.
    unsafe fn input<V: Vector>(d: [V; A]) -> [V; A];

    /// `A^T m`, of the products.
    unsafe fn output<V: Vector>(m: [V; A]) -> [V; M];

    /// `A y`, the transpose of [`Self::output`]: what the gradient of the outputs is to the products.
    unsafe fn gradient<V: Vector>(y: [V; M]) -> [V; A];
}

impl Size {
    /// `G` of its transform.
    pub(super) fn taps(self) -> &'static [[f64; 3]] {
        match self {
            Self::Two => &Two::TAPS,
            Self::Four => &Four::TAPS,
        }
    }
}

/// Something to be run on vectors by the transform of a [`Size`].
pub(super) trait Transformed {
    /// # Safety
    ///
    /// As of [`Kernel`], whose implementation this is.
    unsafe fn run<V: Vector, const A: usize, const M: usize, T: Transform<A, M>>(self);
}

/// A kernel by the transform of a size.
pub(super) struct By<K>(pub(super) Size, pub(super) K);

impl<K: Transformed> Kernel for By<K> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: as of the kernel.
        unsafe {
            match self.0 {
                Size::Two => self.1.run::<V, 4, 2, Two>(),
                Size::Four => self.1.run::<V, 6, 4, Four>(),
            }
        }
    }
}

/// F(2, 3).
pub(super) struct Two;

/// F(4, 3).
pub(super) struct Four;

/// Its points besides 0 and infinity, `±NEAR` and `±FAR`, and their powers: all exact in 32 bits.
const NEAR: [f32; 3] = powers(0.75);
const FAR: [f32; 3] = powers(1.5);
/// Of the polynomial that is 0 at these points: `x^4 - SUM x^2 + PRODUCT`.
const SUM: f32 = NEAR[1] + FAR[1];
const PRODUCT: f32 = NEAR[1] * FAR[1];

const fn powers(x: f32) -> [f32; 3] {
    [x, x * x, x * x * x]
}

/// The row of `G` of the point `x` other than 0, where `other` is the other pair's square.
const fn taps(x: f64, other: f64) -> [f64; 3] {
    let scale = 1. / (2. * x * x * (x * x - other));
    [scale, scale * x, scale * x * x]
}

// SAFETY of each block: as of the trait.
impl Transform<4, 2> for Two {
    const TAPS: [[f64; 3]; 4] = [[1., 0., 0.], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0., 0., 1.]];

    #[inline(always)]
    unsafe fn input<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 4] {
        unsafe { [a.sub(c), b.add(c), c.sub(b), b.sub(d)] }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 2] {
        unsafe { [a.add(b.add(c)), b.sub(c).sub(d)] }
    }

    #[inline(always)]
    unsafe fn gradient<V: Vector>([a, b]: [V; 2]) -> [V; 4] {
        unsafe { [a, a.add(b), a.sub(b), V::zero().sub(b)] }
    }
}

impl Transform<6, 4> for Four {
    const TAPS: [[f64; 3]; 6] = [
        [1. / PRODUCT as f64, 0., 0.],
        taps(NEAR[0] as f64, FAR[1] as f64),
        taps(-NEAR[0] as f64, FAR[1] as f64),
        taps(FAR[0] as f64, NEAR[1] as f64),
        taps(-FAR[0] as f64, NEAR[1] as f64),
        [0., 0., 1.],
    ];

    #[inline(always)]
    unsafe fn input<V: Vector>([a, b, c, d, e, f]: [V; 6]) -> [V; 6] {
        unsafe {
            // The polynomials without one point: even and odd parts are shared by a point and its opposite.
            let parts = |point: f32, other: f32| {
                let other = V::splat(-other);
                (c.mul_add(other, e), b.mul_add(other, d).mul(V::splat(point)))
            };
            let (near, near_odd) = parts(NEAR[0], FAR[1]);
            let (far, far_odd) = parts(FAR[0], NEAR[1]);
            let (sum, product) = (V::splat(-SUM), V::splat(PRODUCT));
            [
                product.mul_add(a, sum.mul_add(c, e)),
                near.add(near_odd),
                near.sub(near_odd),
                far.add(far_odd),
                far.sub(far_odd),
                product.mul_add(b, sum.mul_add(d, f)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn output<V: Vector>([a, b, c, d, e, f]: [V; 6]) -> [V; 4] {
        unsafe {
            let (near, near_odd, far, far_odd) = (b.add(c), b.sub(c), d.add(e), d.sub(e));
            let power = |i: usize, near: V, far: V| {
                near.mul_add(V::splat(NEAR[i]), far.mul(V::splat(FAR[i])))
            };
            [
                a.add(near.add(far)),
                power(0, near_odd, far_odd),
                power(1, near, far),
                f.add(power(2, near_odd, far_odd)),
            ]
        }
    }

    #[inline(always)]
    unsafe fn gradient<V: Vector>([a, b, c, d]: [V; 4]) -> [V; 6] {
        unsafe {
            let parts = |powers: [f32; 3]| {
                let even = c.mul_add(V::splat(powers[1]), a);
                (even, d.mul_add(V::splat(powers[2]), b.mul(V::splat(powers[0]))))
            };
            let ((near, near_odd), (far, far_odd)) = (parts(NEAR), parts(FAR));
            [a, near.add(near_odd), near.sub(near_odd), far.add(far_odd), far.sub(far_odd), d]
        }
    }
}
