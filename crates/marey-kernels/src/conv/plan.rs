//! Which algorithm computes a convolution.

use crate::conv::{
    ConvShape, Terms, brain,
    winograd::{self, time},
};
use crate::simd::Isa;
use crate::simd::brain::Brain;

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Winograd over the frame, F(2x2) or F(4x4), direct over time.
    Winograd(Size),
    /// Winograd over time, F(2) or F(4).
    Time(Size),
    /// Implicit matrix product.
    Direct,
    /// The same of 16-bit brain floats.
    Bf16(Terms),
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
    /// 16-bit brain floats, the sums in 32 bits: for inference. What would gain nothing (first layers, depthwise
    /// convolutions) and gradients are computed as [`Self::F32`].
    ///
    /// It works on any processor, but pays only where [`Isa::has_bf16`] says so.
    Bf16,
}

impl Precision {
    /// That of gradients, where there are none in brain floats.
    pub(super) fn of_gradients(self) -> Self {
        if self == Self::Bf16 { Self::F32 } else { self }
    }
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Winograd(Size::Two),
        Self::Winograd(Size::Four),
        Self::Time(Size::Two),
        Self::Time(Size::Four),
        Self::Direct,
        Self::Bf16(Terms::One),
        Self::Bf16(Terms::Three),
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
            Self::Bf16(Terms::One) => "direct-bf16",
            Self::Bf16(Terms::Three) => "direct-bf16x3",
            Self::Depthwise => "depthwise",
        }
    }

    /// Whether it can compute `shape`.
    pub fn takes(self, shape: &ConvShape) -> bool {
        match self {
            Self::Winograd(_) => winograd::takes(shape),
            Self::Time(_) => time::takes(shape),
            Self::Direct => true,
            Self::Bf16(_) => brain::takes(shape),
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
            Self::Bf16(_) => {
                // Of three terms, beside 32 bits: published for such machines is 2.5 times the speed on deep layers.
                const FASTER: f64 = 2.5;
                let products = ((shape.depth() + SUMS) * shape.c_out) as f64 / FASTER;
                let gathered = (4 * shape.depth()) as f64;
                places(1) * (products + gathered) + FAR * shape.input_len() as f64 + weights
            }
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
    // A first layer sees so few channels that gathering takes longer than its products do in 32 bits.
    const FEW: usize = 16;
    let rounded = Algorithm::Bf16(Terms::One);
    if precision == Precision::Bf16 && rounded.takes(shape) && shape.group_in() >= FEW {
        return rounded;
    }
    let exact = precision == Precision::F32Exact;
    let usable = Algorithm::ALL.into_iter().filter(|algorithm| {
        algorithm.takes(shape)
            && match algorithm {
                Algorithm::Winograd(Size::Four) | Algorithm::Time(Size::Four) => !exact,
                // Without tiles there is nothing to be gained.
                Algorithm::Bf16(Terms::Three) => !exact && Isa::best().brain() == Brain::Tiles,
                Algorithm::Bf16(Terms::One) => false,
                _ => true,
            }
    });
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
        Some(back) => plan_fresh(&back, precision.of_gradients()),
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
        () if time::stem(shape)
            && Algorithm::Time(Size::Four).takes(shape)
            && precision.of_gradients() == Precision::F32 =>
        {
            Algorithm::Time(Size::Four)
        }
        () if dense && precision.of_gradients() == Precision::F32 && places >= 2048 => winograd,
        () => Algorithm::Direct,
    }
}
