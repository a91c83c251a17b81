//! What a product multiplies.

use crate::simd::Vector;

/// What the cells of rows and panels hold, and how they are multiplied.
pub(crate) trait Cells {
    /// `sum` and the products of `xs` and `ws`.
    ///
    /// # Safety
    ///
    /// As of [`Vector`], and where the processor multiplies such cells this way.
    unsafe fn dot<V: Vector>(xs: V, ws: V, sum: V) -> V;
}

/// One number each.
pub(crate) struct Floats;

impl Cells for Floats {
    #[inline(always)]
    unsafe fn dot<V: Vector>(xs: V, ws: V, sum: V) -> V {
        // SAFETY: as of this function.
        unsafe { xs.mul_add(ws, sum) }
    }
}

/// Two brain floats each, by the instruction for that.
pub(crate) struct BrainFloats;

impl Cells for BrainFloats {
    #[inline(always)]
    unsafe fn dot<V: Vector>(xs: V, ws: V, sum: V) -> V {
        // SAFETY: as of this function.
        unsafe { xs.dot_brain(ws, sum) }
    }
}

/// Two brain floats each, widened.
pub(crate) struct WidenedFloats;

impl Cells for WidenedFloats {
    #[inline(always)]
    unsafe fn dot<V: Vector>(xs: V, ws: V, sum: V) -> V {
        // SAFETY: as of this function.
        unsafe {
            let ((x, more_x), (w, more_w)) = (xs.halves(), ws.halves());
            more_x.mul_add(more_w, x.mul_add(w, sum))
        }
    }
}
