//! Convolution over channels-last clips `[N, T, H, W, C]`, forward and backward.

mod brain;
mod depthwise;
mod direct;
mod gradient;
mod padded;
mod plan;
mod shape;
mod walk;
mod weights;
mod winograd;

use crate::scratch::Aligned;
use crate::shared::Shared;
use crate::simd::Isa;
pub use crate::tile::Epilogue;
use crate::trace;
pub use brain::Terms;
use direct::Target;
pub use gradient::{bias_gradient, input_gradient, weight_gradient};
pub use plan::{
    Algorithm, Precision, Size, input_gradient_algorithm, plan, plan_fresh,
    weight_gradient_algorithm,
};
pub use shape::ConvShape;
use walk::Walk;
use weights::{Panels, Weights};
use winograd::time;

/// Weights laid out for one [`Algorithm`].
///
/// Making it costs about as much as reading and writing the weights once (F(4x4): four times as many numbers), so it is
/// worth keeping while they stay the same.
pub struct Filter {
    algorithm: Algorithm,
    isa: Isa,
    /// What the weights belong to: channels in and out, groups, kernel.
    of: (usize, usize, usize, [usize; 3]),
    cells: Cells,
}

enum Cells {
    Panels(Panels),
    Taps(Aligned),
}

/// What the weights of `shape` belong to.
fn belongs(shape: &ConvShape) -> (usize, usize, usize, [usize; 3]) {
    (shape.c_in, shape.c_out, shape.groups, shape.window.kernel)
}

impl Filter {
    /// Lays out weights `[C_out, C_in / groups, kT, kH, kW]` for `algorithm`.
    ///
    /// # Panics
    ///
    /// If there are not as many weights as the shape has, or the algorithm does not take it (see [`plan`]).
    pub fn new(shape: &ConvShape, algorithm: Algorithm, ws: &[f32]) -> Self {
        Self::with(Isa::best(), shape, algorithm, ws)
    }

    /// As [`Self::new`], for one instruction set.
    pub fn with(isa: Isa, shape: &ConvShape, algorithm: Algorithm, ws: &[f32]) -> Self {
        assert_eq!(ws.len(), shape.weight_len(), "weights of {shape:?}");
        Self::of(isa, shape, algorithm, Weights::new(shape, ws))
    }

    fn of(isa: Isa, shape: &ConvShape, algorithm: Algorithm, weights: Weights) -> Self {
        let what = || format!("{shape}, weights for {}", algorithm.name());
        trace::timed("conv", what, || Self::laid_out(isa, shape, algorithm, weights))
    }

    fn laid_out(isa: Isa, shape: &ConvShape, algorithm: Algorithm, weights: Weights) -> Self {
        assert!(algorithm.takes(shape), "{} does not take {shape:?}", algorithm.name());
        let [_, kh, kw] = shape.window.kernel;
        let tap = |[t, h, w]: [usize; 3]| (t * kh + h) * kw + w;
        let walk = Walk::forward(shape, shape.output().unwrap_or_default());
        let cells = match algorithm {
            Algorithm::Depthwise => Cells::Taps(depthwise::pack(&walk, weights, tap)),
            Algorithm::Direct => {
                let columns = shape.group_out();
                Cells::Panels(direct::pack(isa, shape.groups, &walk, columns, weights, tap))
            }
            Algorithm::Bf16(terms) => Cells::Panels(brain::pack(isa, shape, terms, weights)),
            Algorithm::Winograd(size) => Cells::Panels(winograd::pack(isa, shape, size, weights)),
            Algorithm::Time(size) => Cells::Panels(time::pack(isa, shape, size, weights)),
        };
        Self { algorithm, isa, of: belongs(shape), cells }
    }

    /// What the weights are laid out for.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        match &self.cells {
            Cells::Panels(panels) => panels.bytes(),
            Cells::Taps(cells) => size_of_val(&**cells),
        }
    }

    /// `conv(xs)`, finished by the epilogue: `[N, T, H, W, C_out]`.
    ///
    /// # Panics
    ///
    /// If a slice does not have the length that `shape` gives it, or the weights belong to another shape.
    pub fn forward(&self, shape: &ConvShape, xs: &[f32], epilogue: &Epilogue) -> Vec<f32> {
        let mut ys = Concat::new(shape, shape.c_out);
        ys.push(self, shape, xs, epilogue);
        ys.finish()
    }

    /// The same, to where `target` says.
    fn run(&self, shape: &ConvShape, xs: &[f32], epilogue: &Epilogue, target: Target) {
        let output = shape.check(xs.len());
        assert_eq!(belongs(shape), self.of, "the filter of another convolution than {shape:?}");
        let places = shape.n * output.iter().product::<usize>();
        epilogue.check(shape.c_out, places * shape.c_out);
        assert!(target.first + shape.c_out <= target.row, "channels {} on", target.first);
        assert_eq!(target.cells.len(), places * target.row, "output of {shape:?}");
        let walk = Walk::forward(shape, output);
        let run = || match (&self.cells, self.algorithm) {
            (Cells::Taps(taps), _) => {
                depthwise::run(self.isa, &walk, taps, xs, epilogue, target);
            }
            (Cells::Panels(panels), Algorithm::Bf16(terms)) => {
                brain::run(self.isa, shape, terms, panels, xs, epilogue, target);
            }
            (Cells::Panels(panels), Algorithm::Winograd(size)) => {
                winograd::run(self.isa, shape, size, panels, xs, epilogue, target);
            }
            (Cells::Panels(panels), Algorithm::Time(size)) => {
                time::run(self.isa, shape, size, panels, xs, epilogue, target);
            }
            (Cells::Panels(panels), _) => {
                direct::run(self.isa, &walk, (panels, 0), shape.groups, xs, epilogue, target);
            }
        };
        trace::timed("conv", || format!("{shape}, {}", self.algorithm.name()), run);
    }
}

/// The outputs of several convolutions side by side, as at the end of an Inception module, each written to its channels.
pub struct Concat {
    cells: Vec<f32>,
    places: usize,
    channels: usize,
    /// Channels that are there.
    written: usize,
}

impl Concat {
    /// Room for `channels` at each place that `shape` gives out.
    ///
    /// # Panics
    ///
    /// If `shape` has no output.
    pub fn new(shape: &ConvShape, channels: usize) -> Self {
        let output = shape.output().unwrap_or_else(|| panic!("{shape:?} has no output"));
        let places = shape.n * output.iter().product::<usize>();
        let mut cells = Vec::with_capacity(places * channels);
        crate::memory::advise(cells.as_mut_ptr(), places * channels);
        Self { cells, places, channels, written: 0 }
    }

    /// Writes the next channels: as [`Filter::forward`].
    ///
    /// # Panics
    ///
    /// As [`Filter::forward`], or if there is no room for so many places or channels.
    pub fn push(&mut self, filter: &Filter, shape: &ConvShape, xs: &[f32], epilogue: &Epilogue) {
        let len = self.places * self.channels;
        let target = Target {
            cells: Shared::unwritten(&mut self.cells.spare_capacity_mut()[..len]),
            row: self.channels,
            first: self.written,
            add: false,
            some: None,
        };
        filter.run(shape, xs, epilogue, target);
        self.written += shape.c_out;
    }

    /// `[N, T, H, W, channels]`.
    ///
    /// # Panics
    ///
    /// If some channels were not written.
    pub fn finish(mut self) -> Vec<f32> {
        assert_eq!(self.written, self.channels, "channels written, and those there are");
        // SAFETY: each convolution wrote all cells of its channels, and together these are all.
        unsafe { self.cells.set_len(self.places * self.channels) };
        self.cells
    }
}

#[cfg(test)]
mod tests;
