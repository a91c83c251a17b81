//! The gradients of a convolution: of its input, its weights and its bias.

use crate::conv::direct::{self, Grid, Target};
use crate::conv::walk::Walk;
use crate::conv::weights::Weights;
use crate::conv::winograd::time;
use crate::conv::{Algorithm, ConvShape, Epilogue, Filter, Precision, depthwise, plan, winograd};
use crate::memory::Sum;
use crate::shared::Shared;
use crate::simd::Isa;
use crate::trace;

pub(super) mod outer;
mod parts;
mod pointwise;
mod product;
mod taps;

pub(super) use product::Product;

/// The gradient of the input, from `dys`, that of the output.
///
/// At stride 1 it is a convolution of `dys` with the taps turned around and channels in and out exchanged, by the
/// algorithm that [`plan`] picks for that. At other strides the cells of the input that see the same taps are done
/// together.
///
/// # Panics
///
/// If a slice does not have the length that `shape` gives it.
pub fn input_gradient(
    shape: &ConvShape,
    precision: Precision,
    dys: &[f32],
    ws: &[f32],
    dxs: &mut Sum,
) {
    input_gradient_with(Isa::best(), shape, precision, dys, ws, dxs);
}

pub(super) fn input_gradient_with(
    isa: Isa,
    shape: &ConvShape,
    precision: Precision,
    dys: &[f32],
    ws: &[f32],
    dxs: &mut Sum,
) {
    let output = shape.output().unwrap_or_else(|| panic!("{shape:?} has no output"));
    assert_eq!(ws.len(), shape.weight_len(), "weights of {shape:?}");
    assert_eq!(Some(dys.len()), shape.output_len(), "gradient of the output of {shape:?}");
    let weights = Weights::new(shape, ws).reversed();
    fn target(cells: Shared, row: usize, add: bool) -> Target {
        Target { cells, row, first: 0, add, some: None }
    }
    if let Some(back) = shape.reversed() {
        let algorithm = plan::input_gradient_algorithm(shape, precision);
        let filter = Filter::of(isa, &back, algorithm, weights);
        let fill = |cells: Shared, add| {
            filter.run(&back, dys, &Epilogue::default(), target(cells, shape.c_in, add));
        };
        // SAFETY: a convolution writes all of its output.
        return unsafe { dxs.with(shape.input_len(), fill) };
    }
    let phases = Phases { shape, output };
    let fill = |cells: Shared, add: bool| {
        if !add && phases.some_see_nothing() {
            // SAFETY: nobody else uses the cells yet.
            unsafe { cells.zero(0, shape.input_len()) };
        }
        phases.run(isa, weights, dys, target(cells, shape.c_in, add));
    };
    // SAFETY: each cell is of one phase, and all of a phase are written; those that see nothing were.
    trace::timed(
        "conv",
        || format!("{shape}, input gradient"),
        || unsafe {
            dxs.with(shape.input_len(), fill);
        },
    );
}

/// The cells of an input by what they leave over when divided by the stride: those of one phase see the same taps.
struct Phases<'a> {
    shape: &'a ConvShape,
    output: [usize; 3],
}

impl Phases<'_> {
    fn run(&self, isa: Isa, weights: Weights, dys: &[f32], target: Target) {
        let (shape, nothing) = (self.shape, Epilogue::default());
        for phase in self.all() {
            let Some((walk, largest)) = self.walk(phase) else { continue };
            let some = Grid { places: shape.input, from: phase, step: shape.window.stride };
            let target = Target { some: Some(some), ..target };
            let tap = |at| self.turned_tap(largest, at);
            if shape.is_depthwise() {
                let taps = depthwise::pack(&walk, weights, tap);
                depthwise::run(isa, &walk, &taps, dys, &nothing, target);
            } else {
                let columns = shape.group_in();
                let panels = direct::pack(isa, shape.groups, &walk, columns, weights, tap);
                direct::run(isa, &walk, (&panels, 0), shape.groups, dys, &nothing, target);
            }
        }
    }

    fn all(&self) -> Vec<[usize; 3]> {
        let [st, sh, sw] = self.shape.window.stride;
        let all = (0..st * sh * sw).map(|i| [i / (sh * sw), i / sw % sh, i % sw]);
        all.filter(|phase| (0..3).all(|axis| phase[axis] < self.shape.input[axis])).collect()
    }

    /// The taps along `axis` that see phase `phase`: the largest, and their number.
    fn taps(&self, axis: usize, phase: usize) -> Option<(usize, usize)> {
        let window = &self.shape.window;
        let (kernel, stride) = (window.kernel[axis], window.stride[axis]);
        let least = (phase + window.before[axis]) % stride;
        let count = kernel.checked_sub(least)?.div_ceil(stride);
        (count > 0).then(|| (least + (count - 1) * stride, count))
    }

    fn some_see_nothing(&self) -> bool {
        let sees = |phase: &[usize; 3]| (0..3).all(|axis| self.taps(axis, phase[axis]).is_some());
        !self.all().iter().all(sees)
    }

    /// What the cells of a phase see of the output, and the largest tap along each axis.
    fn walk(&self, phase: [usize; 3]) -> Option<(Walk, [usize; 3])> {
        let ConvShape { n, c_out, input, window, .. } = *self.shape;
        let (mut largest, mut places) = ([0; 3], [0; 3]);
        let mut offsets = [0..0, 0..0, 0..0];
        for axis in 0..3 {
            let (tap, count) = self.taps(axis, phase[axis])?;
            let (stride, start) = (window.stride[axis], phase[axis] + window.before[axis]);
            // The largest tap sees the earliest place. Both differ by a multiple of the stride.
            let first = (start as isize - tap as isize) / stride as isize;
            offsets[axis] = first..first + count as isize;
            places[axis] = (input[axis] - phase[axis]).div_ceil(stride);
            largest[axis] = tap;
        }
        let walk = Walk {
            n,
            source: self.output,
            channels: c_out,
            seen: self.shape.group_out(),
            places,
            step: [1; 3],
            offsets,
        };
        Some((walk, largest))
    }

    /// The tap that offset number `at` stands for, counted as turned-around weights count.
    fn turned_tap(&self, largest: [usize; 3], at: [usize; 3]) -> usize {
        let window = &self.shape.window;
        let tap = (0..3).fold(0, |index, axis| {
            index * window.kernel[axis] + largest[axis] - at[axis] * window.stride[axis]
        });
        window.taps() - 1 - tap
    }
}

/// The gradient of the weights, from `dys`, that of the output.
///
/// # Panics
///
/// If a slice does not have the length that `shape` gives it.
pub fn weight_gradient(
    shape: &ConvShape,
    precision: Precision,
    xs: &[f32],
    dys: &[f32],
    dws: &mut [f32],
) {
    let algorithm = plan::weight_gradient_algorithm(shape, precision);
    weight_gradient_by(Isa::best(), shape, algorithm, xs, dys, dws);
}

pub(super) fn weight_gradient_by(
    isa: Isa,
    shape: &ConvShape,
    algorithm: Algorithm,
    xs: &[f32],
    dys: &[f32],
    dws: &mut [f32],
) {
    let output = shape.check(xs.len());
    assert_eq!(dws.len(), shape.weight_len(), "gradient of the weights of {shape:?}");
    assert_eq!(Some(dys.len()), shape.output_len(), "gradient of the output of {shape:?}");
    let walk = Walk::forward(shape, output);
    let what = || format!("{shape}, weight gradient {}", algorithm.name());
    trace::timed("conv", what, || match algorithm {
        Algorithm::Depthwise => taps::run(isa, &walk, xs, dys, dws),
        Algorithm::Time(size) if time::stem(shape) => {
            time::stem_weight_gradient(isa, shape, size, xs, dys, dws);
        }
        Algorithm::Direct | Algorithm::Bf16(_) if walk.taps() == 1 => {
            pointwise::run(isa, shape, &walk, xs, dys, dws);
        }
        Algorithm::Direct | Algorithm::Bf16(_) | Algorithm::Time(_) => {
            outer::run(isa, shape, &walk, xs, dys, dws);
        }
        Algorithm::Winograd(size) => winograd::weight_gradient(isa, shape, size, xs, dys, dws),
    });
}

/// The gradient of a bias: the sum of `dys` `[N, T, H, W, C]` over all places.
pub fn bias_gradient(dys: &[f32], dbias: &mut [f32]) {
    let sums = crate::norm::sums(dys, dbias.len());
    dbias.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum as f32);
}
