//! Which algorithm computes a convolution.

use crate::conv::{ConvShape, winograd};

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Winograd over the frame, F(2x2) or F(4x4), direct over time.
    Winograd(Size),
    /// Winograd over time, F(2) or F(4).
    Time(Size),
    /// Implicit matrix product.
    Direct,
    /// Tap by tap, a vector of channels at a time.
    Depthwise,
}

/// Outputs of a Winograd tile along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// F(2, 3).
    Two,
    /// F(4, 3).
    Four,
}

impl Size {
    /// Outputs of a tile along an axis.
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// How exactly to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// 32-bit floats, by the fastest algorithm.
    #[default]
    F32,
    /// 32-bit floats, by algorithms that err no more than the definition does in 32 bits, or hardly.
    F32Exact,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Winograd(Size::Two),
        Self::Winograd(Size::Four),
        Self::Time(Size::Two),
        Self::Time(Size::Four),
        Self::Direct,
        Self::Depthwise,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Winograd(Size::Two) => "winograd-f2",
            Self::Winograd(Size::Four) => "winograd-f4",
            Self::Time(Size::Two) => "winograd-t2",
            Self::Time(Size::Four) => "winograd-t4",
            Self::Direct => "direct",
            Self::Depthwise => "depthwise",
        }
    }

    /// Whether it can compute `shape`.
    pub fn takes(self, shape: &ConvShape) -> bool {
        match self {
            Self::Winograd(_) => winograd::takes(shape),
            Self::Time(_) => winograd::time::takes(shape),
            Self::Direct => true,
            Self::Depthwise => shape.is_depthwise(),
        }
    }

    /// Cost by a model of the machine, in multiply-adds: it ranks algorithms for one shape, no more. Where weights are
    /// `fresh`, laying them out counts too.
    fn cost(self, shape: &ConvShape, fresh: bool) -> f64 {
        let Some(output) = shape.output() else { return 0. };
        // What one number read or written costs, in multiply-adds: from memory, and from the second cache.
        const FAR: f64 = 40.;
        const NEAR: f64 = 14.;
        // What a product of no depth would cost, as depth: its sums are loaded and stored.
        const SUMS: usize = 24;
        let weights = if fresh { 3. * FAR } else { FAR } * shape.weight_len() as f64;
        let places =
            |m: usize| (shape.n * output[0] * output[1].div_ceil(m) * output[2].div_ceil(m)) as f64;
        match self {
            Self::Depthwise => 0.,
            Self::Direct => places(1) * ((shape.depth() + SUMS) * shape.c_out) as f64 + weights,
            Self::Time(size) => {
                let m = size.outputs();
                let points = (m + 2) as f64;
                let tiles = (shape.n * output[0].div_ceil(m) * output[1] * output[2]) as f64;
                let channels = shape.c_in.next_multiple_of(16) + shape.c_out.next_multiple_of(16);
                let products = points * ((shape.depth() / 3 + SUMS) * shape.c_out) as f64;
                tiles * (products + points * NEAR * channels as f64) + points / 3. * weights
            }
            Self::Winograd(size) => {
                let m = size.outputs();
                let points = ((m + 2) * (m + 2)) as f64;
                let taps = shape.window.kernel[0];
                let products = points * ((taps * shape.c_in + SUMS) * shape.c_out) as f64;
                // Whole vectors are transformed.
                let channels = shape.c_in.next_multiple_of(16) + shape.c_out.next_multiple_of(16);
                let transforms = points * NEAR * channels as f64;
                places(m) * (products + transforms) + points / 9. * weights
            }
        }
    }
}

/// The algorithm for a shape.
pub fn plan(shape: &ConvShape, precision: Precision) -> Algorithm {
    pick(shape, precision, false)
}

fn pick(shape: &ConvShape, precision: Precision, fresh: bool) -> Algorithm {
    if shape.is_depthwise() {
        return Algorithm::Depthwise;
    }
    use Algorithm::{Time, Winograd};
    let exact = precision == Precision::F32Exact;
    let coarse = |algorithm| matches!(algorithm, Winograd(Size::Four) | Time(Size::Four));
    let usable = Algorithm::ALL
        .into_iter()
        .filter(|algorithm| algorithm.takes(shape) && !(exact && coarse(*algorithm)));
    usable
        .min_by(|a, b| a.cost(shape, fresh).total_cmp(&b.cost(shape, fresh)))
        .unwrap_or(Algorithm::Direct)
}

/// The algorithm for a shape whose weights are used once, so that laying them out counts too.
pub fn plan_fresh(shape: &ConvShape, precision: Precision) -> Algorithm {
    pick(shape, precision, true)
}

/// The algorithm for the gradient of the input.
pub fn input_gradient_algorithm(shape: &ConvShape, precision: Precision) -> Algorithm {
    match shape.reversed() {
        Some(back) => plan_fresh(&back, precision),
        None if shape.is_depthwise() => Algorithm::Depthwise,
        None => Algorithm::Direct,
    }
}

/// The algorithm for the gradient of the weights.
pub fn weight_gradient_algorithm(shape: &ConvShape, precision: Precision) -> Algorithm {
    let winograd = Algorithm::Winograd(Size::Four);
    let dense = winograd.takes(shape) && shape.c_in >= 16 && shape.c_out >= 16;
    // The sums are 4 times as many as the weights: these must be few beside the places.
    let places = shape.output_len().unwrap_or_default() / shape.c_out.max(1);
    match () {
        () if shape.is_depthwise() => Algorithm::Depthwise,
        () if dense && precision == Precision::F32 && places >= 2048 => winograd,
        () => Algorithm::Direct,
    }
}
