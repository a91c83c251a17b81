//! Max and average pooling over `[N, C, T, H, W]`, forward and backward.

use std::ops::Range;

use rayon::prelude::*;

use crate::window::Window;

/// The sizes of a pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolShape {
    /// Clips times channels.
    pub planes: usize,
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

    fn cells(&self) -> usize {
        self.input.iter().product()
    }

    fn check(&self, xs: usize, ys: usize) -> [usize; 3] {
        let output = self.output().unwrap_or_else(|| panic!("{self:?} has no output"));
        assert_eq!(xs, self.planes * self.cells(), "input of {self:?}");
        assert_eq!(ys, self.planes * output.iter().product::<usize>(), "output of {self:?}");
        output
    }

    /// The cells of the input under place `at` of axis `axis`.
    fn cover(&self, axis: usize, at: usize) -> Range<usize> {
        let (start, before) = (at * self.window.stride[axis], self.window.before[axis]);
        let end = (start + self.window.kernel[axis]).saturating_sub(before);
        start.saturating_sub(before)..end.min(self.input[axis])
    }

    /// Calls `each` with every place of the output and the cells `[t, h, w]` it covers.
    fn places(&self, output: [usize; 3], mut each: impl FnMut(usize, [Range<usize>; 3])) {
        let columns: Vec<_> = (0..output[2]).map(|w| self.cover(2, w)).collect();
        let mut place = 0;
        for t in 0..output[0] {
            for h in 0..output[1] {
                for column in &columns {
                    each(place, [self.cover(0, t), self.cover(1, h), column.clone()]);
                    place += 1;
                }
            }
        }
    }

    /// What an average over place `[t, h, w]` is divided by.
    fn divisor(&self, covered: &[Range<usize>; 3], at: [usize; 3], count_padding: bool) -> f32 {
        let size = |axis: usize| {
            if !count_padding {
                return covered[axis].len();
            }
            // What a last window has beyond the padding counts no more, as in PyTorch.
            let Window { kernel, stride, before, after } = self.window;
            let start = at[axis] * stride[axis];
            (start + kernel[axis]).min(self.input[axis] + before[axis] + after[axis]) - start
        };
        (size(0) * size(1) * size(2)) as f32
    }
}

/// The lines of cells `[t, h, w]` of a plane: where each starts, and how many cells it has.
fn lines(input: [usize; 3], [t, h, w]: &[Range<usize>; 3]) -> impl Iterator<Item = Range<usize>> {
    let (h, w) = (h.clone(), w.clone());
    t.clone().flat_map(move |t| {
        let w = w.clone();
        h.clone().map(move |h| {
            let start = (t * input[1] + h) * input[2];
            start + w.start..start + w.end
        })
    })
}

/// Max pooling. `winners` gets the cell of each maximum within its plane: the first of equals, as in PyTorch; not a
/// number wins.
pub fn max(shape: &PoolShape, xs: &[f32], ys: &mut [f32], winners: &mut [u32]) {
    let output = shape.check(xs.len(), ys.len());
    assert_eq!(ys.len(), winners.len(), "winners of {shape:?}");
    assert!(shape.cells() <= u32::MAX as usize, "a plane of {shape:?} is too large");
    let places: usize = output.iter().product();
    let planes = ys.par_chunks_mut(places).zip(winners.par_chunks_mut(places));
    planes.zip(xs.par_chunks(shape.cells())).for_each(|((ys, winners), xs)| {
        shape.places(output, |place, covered| {
            let (mut best, mut winner) = (f32::NEG_INFINITY, None);
            for line in lines(shape.input, &covered) {
                for (cell, x) in line.clone().zip(&xs[line]) {
                    if *x > best || x.is_nan() || winner.is_none() {
                        (best, winner) = (*x, Some(cell));
                    }
                }
            }
            ys[place] = best;
            winners[place] = winner.unwrap_or_default() as u32;
        });
    });
}

/// The gradient of the input of [`max`], from its winners and the gradient `dys` of its output.
pub fn max_gradient(shape: &PoolShape, winners: &[u32], dys: &[f32], dxs: &mut [f32]) {
    let output = shape.check(dxs.len(), dys.len());
    assert_eq!(dys.len(), winners.len(), "winners of {shape:?}");
    let places: usize = output.iter().product();
    let planes = dys.par_chunks(places).zip(winners.par_chunks(places));
    planes.zip(dxs.par_chunks_mut(shape.cells())).for_each(|((dys, winners), dxs)| {
        dxs.fill(0.);
        dys.iter().zip(winners).for_each(|(dy, winner)| dxs[*winner as usize] += dy);
    });
}

/// Average pooling. With `count_padding` the padding counts as zeros (PyTorch's default), without it does not count
/// (TensorFlow's).
pub fn average(shape: &PoolShape, count_padding: bool, xs: &[f32], ys: &mut [f32]) {
    let output = shape.check(xs.len(), ys.len());
    let places: usize = output.iter().product();
    ys.par_chunks_mut(places).zip(xs.par_chunks(shape.cells())).for_each(|(ys, xs)| {
        shape.places(output, |place, covered| {
            let sum: f32 =
                lines(shape.input, &covered).map(|line| xs[line].iter().sum::<f32>()).sum();
            ys[place] = sum / shape.divisor(&covered, position(output, place), count_padding);
        });
    });
}

/// The gradient of the input of [`average`], from the gradient `dys` of its output.
pub fn average_gradient(shape: &PoolShape, count_padding: bool, dys: &[f32], dxs: &mut [f32]) {
    let output = shape.check(dxs.len(), dys.len());
    let places: usize = output.iter().product();
    dys.par_chunks(places).zip(dxs.par_chunks_mut(shape.cells())).for_each(|(dys, dxs)| {
        dxs.fill(0.);
        shape.places(output, |place, covered| {
            let share =
                dys[place] / shape.divisor(&covered, position(output, place), count_padding);
            for line in lines(shape.input, &covered) {
                dxs[line].iter_mut().for_each(|dx| *dx += share);
            }
        });
    });
}

fn position(output: [usize; 3], place: usize) -> [usize; 3] {
    [place / (output[1] * output[2]), place / output[2] % output[1], place % output[2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(kernel: usize, stride: usize, pad: usize, input: usize, ceil: bool) -> PoolShape {
        let window = Window {
            kernel: [1, 1, kernel],
            stride: [1, 1, stride],
            before: [0, 0, pad],
            after: [0, 0, pad],
        };
        PoolShape { planes: 1, input: [1, 1, input], window, ceil }
    }

    #[test]
    fn max_by_hand() {
        let (mut ys, mut winners) = ([0.; 3], [0; 3]);
        // Windows [pad, 1], [5, 5], [2]: equal cells give the first, the last window reaches beyond the end.
        max(&line(2, 2, 1, 4, true), &[-1., 5., 5., -2.], &mut ys, &mut winners);
        assert_eq!((ys, winners), ([-1., 5., -2.], [0, 1, 3]));
        let mut dxs = [9.; 4];
        max_gradient(&line(2, 2, 1, 4, true), &winners, &[1., 2., 3.], &mut dxs);
        assert_eq!(dxs, [1., 2., 0., 3.]);
    }

    #[test]
    fn max_of_overlapping_windows_adds_their_gradients() {
        let (mut ys, mut winners) = ([0.; 3], [0; 3]);
        let shape = line(3, 1, 0, 5, false);
        max(&shape, &[0., 1., 7., 3., 4.], &mut ys, &mut winners);
        assert_eq!(ys, [7.; 3]);
        let mut dxs = [0.; 5];
        max_gradient(&shape, &winners, &[1., 2., 3.], &mut dxs);
        assert_eq!(dxs, [0., 0., 6., 0., 0.]);
    }

    #[test]
    fn average_by_hand() {
        let mut ys = [0.; 3];
        let shape = line(2, 2, 1, 4, false);
        average(&shape, true, &[2., 4., 6., 8.], &mut ys);
        assert_eq!(ys, [1., 5., 4.]);
        average(&shape, false, &[2., 4., 6., 8.], &mut ys);
        assert_eq!(ys, [2., 5., 8.]);
        let mut dxs = [0.; 4];
        average_gradient(&shape, true, &[1., 2., 3.], &mut dxs);
        assert_eq!(dxs, [0.5, 1., 1., 1.5]);
    }

    #[test]
    fn output_refuses_windows_of_padding_alone() {
        assert_eq!(line(2, 2, 2, 4, false).output(), None);
    }
}
