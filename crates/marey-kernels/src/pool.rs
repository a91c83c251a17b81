//! Max and average pooling over channels-last clips `[N, T, H, W, C]`, forward and backward.

use std::ops::Range;

use rayon::prelude::*;

use crate::memory::written;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::trace;
use crate::window::Window;

mod gradient;

pub use gradient::{average_gradient, max_gradient};

/// The sizes of a pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    /// Clips.
    pub n: usize,
    /// Channels.
    pub channels: usize,
    /// Input `[t, h, w]`.
    pub input: [usize; 3],
    /// Size, step and padding. Padding never wins a maximum.
    pub window: Window,
    /// Whether the last window may reach beyond the padded input.
    pub ceil: bool,
}

impl PoolShape {
    /// Output `[t, h, w]`; `None` where the window does not fit, or where some window would see padding alone.
    pub fn output(&self) -> Option<[usize; 3]> {
        let Window { kernel, before, after, .. } = self.window;
        let output = if self.ceil {
            self.window.output_ceil(self.input)
        } else {
            self.window.output(self.input)
        }?;
        let seen = (0..3).all(|axis| before[axis] < kernel[axis] && after[axis] < kernel[axis]);
        seen.then_some(output)
    }

    /// Places of the input.
    fn cells(&self) -> usize {
        self.input.iter().product()
    }

    fn check(&self, xs: usize) -> [usize; 3] {
        let output = self.output().unwrap_or_else(|| panic!("{self:?} has no output"));
        assert_eq!(xs, self.n * self.channels * self.cells(), "input of {self:?}");
        output
    }

    /// The cells of the input under place `at` of axis `axis`.
    fn cover(&self, axis: usize, at: usize) -> Range<usize> {
        let (start, before) = (at * self.window.stride[axis], self.window.before[axis]);
        let end = (start + self.window.kernel[axis]).saturating_sub(before);
        start.saturating_sub(before)..end.min(self.input[axis])
    }

    /// The cells of the input under place `[t, h, w]`, counted within a clip.
    fn covered(&self, at: [usize; 3]) -> impl Iterator<Item = usize> {
        let [t, h, w] = [0, 1, 2].map(|axis| self.cover(axis, at[axis]));
        let [_, high, wide] = self.input;
        t.flat_map(move |t| {
            let w = w.clone();
            h.clone().flat_map(move |h| {
                let line = (t * high + h) * wide;
                line + w.start..line + w.end
            })
        })
    }

    /// What an average over place `[t, h, w]` is divided by.
    fn divisor(&self, at: [usize; 3], count_padding: bool) -> f32 {
        let size = |axis: usize| {
            if !count_padding {
                return self.cover(axis, at[axis]).len();
            }
            // What a last window has beyond the padding counts no more, as in PyTorch.
            let Window { kernel, stride, before, after } = self.window;
            let start = at[axis] * stride[axis];
            (start + kernel[axis]).min(self.input[axis] + before[axis] + after[axis]) - start
        };
        (size(0) * size(1) * size(2)) as f32
    }
}

/// Max pooling: `[N, T', H', W', C]`. Not a number wins.
pub fn max(shape: &PoolShape, xs: &[f32]) -> Vec<f32> {
    lines(shape, xs, None)
}

/// Average pooling. With `count_padding` the padding counts as zeros (PyTorch's default), without it does not count
/// (TensorFlow's).
pub fn average(shape: &PoolShape, count_padding: bool, xs: &[f32]) -> Vec<f32> {
    lines(shape, xs, Some(count_padding))
}

fn lines(shape: &PoolShape, xs: &[f32], average: Option<bool>) -> Vec<f32> {
    let output = shape.check(xs.len());
    let lines = shape.n * output[0] * output[1];
    let fill = |ys: Shared| {
        (0..lines).into_par_iter().with_max_len(lines.div_ceil(64).max(1)).for_each(|line| {
            Isa::best().run(Line { shape, output, xs, ys, average, line });
        })
    };
    let len = lines * output[2] * shape.channels;
    // SAFETY: all lines are written.
    trace::timed("pool", || format!("{shape:?}"), || unsafe { written(len, fill) })
}

/// One line of places.
struct Line<'a> {
    shape: &'a PoolShape,
    output: [usize; 3],
    xs: &'a [f32],
    ys: Shared<'a>,
    /// The mean, padding counted or not; else the maximum.
    average: Option<bool>,
    line: usize,
}

impl Kernel for Line<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { shape, output: [ot, oh, ow], xs, ys, average, line } = self;
        let c = shape.channels;
        let (clip, t, h) = (line / (ot * oh), line / oh % ot, line % oh);
        let xs = &xs[clip * shape.cells() * c..][..shape.cells() * c];
        let mut cells = Vec::with_capacity(shape.window.taps());
        for w in 0..ow {
            let at = [t, h, w];
            cells.clear();
            cells.extend(shape.covered(at).map(|cell| cell * c));
            let divisor = average.map(|count_padding| shape.divisor(at, count_padding));
            let mut channel = 0;
            while channel < c {
                let len = c - channel;
                // SAFETY: cells are inside the clip; each task has a line of its own.
                unsafe {
                    let from = xs.as_ptr().add(channel);
                    let y = match divisor {
                        None => {
                            let mut best = V::splat(f32::NEG_INFINITY);
                            for cell in &cells {
                                best = best.max_or_nan(V::load_upto(from.add(*cell), len));
                            }
                            best
                        }
                        Some(divisor) => {
                            let mut sum = V::zero();
                            for cell in &cells {
                                sum = sum.add(V::load_upto(from.add(*cell), len));
                            }
                            sum.mul(V::splat(1. / divisor))
                        }
                    };
                    y.store_upto(ys.cell((line * ow + w) * c + channel), len);
                }
                channel += V::LANES;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Sum;

    fn line(kernel: usize, stride: usize, pad: usize, input: usize, ceil: bool) -> PoolShape {
        let window = Window {
            kernel: [1, 1, kernel],
            stride: [1, 1, stride],
            before: [0, 0, pad],
            after: [0, 0, pad],
        };
        PoolShape { n: 1, channels: 1, input: [1, 1, input], window, ceil }
    }

    #[test]
    fn max_by_hand() {
        let (shape, xs) = (line(2, 2, 1, 4, true), [-1., 5., 5., -2.]);
        // Windows [pad, 1], [5, 5], [2]: equal cells give the first, the last window reaches beyond the end.
        let ys = max(&shape, &xs);
        assert_eq!(ys, [-1., 5., -2.]);
        let mut dxs = Sum::default();
        max_gradient(&shape, &xs, &ys, &[1., 2., 3.], &mut dxs);
        max_gradient(&shape, &xs, &ys, &[1., 2., 3.], &mut dxs);
        assert_eq!(dxs.take(), Some(vec![2., 4., 0., 6.]));
    }

    #[test]
    fn max_of_overlapping_windows_adds_their_gradients() {
        let (shape, xs) = (line(3, 1, 0, 5, false), [0., 1., 7., 3., 4.]);
        let ys = max(&shape, &xs);
        assert_eq!(ys, [7.; 3]);
        let mut dxs = Sum::default();
        max_gradient(&shape, &xs, &ys, &[1., 2., 3.], &mut dxs);
        assert_eq!(dxs.take(), Some(vec![0., 0., 6., 0., 0.]));
    }

    #[test]
    fn average_by_hand() {
        let shape = line(2, 2, 1, 4, false);
        assert_eq!(average(&shape, true, &[2., 4., 6., 8.]), [1., 5., 4.]);
        assert_eq!(average(&shape, false, &[2., 4., 6., 8.]), [2., 5., 8.]);
        let mut dxs = Sum::default();
        average_gradient(&shape, true, &[1., 2., 3.], &mut dxs);
        assert_eq!(dxs.take(), Some(vec![0.5, 1., 1., 1.5]));
    }

    #[test]
    fn output_refuses_windows_of_padding_alone() {
        assert_eq!(line(2, 2, 2, 4, false).output(), None);
    }
}
