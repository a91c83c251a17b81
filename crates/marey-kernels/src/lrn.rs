//! Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).

use rayon::prelude::*;

/// The sizes and constants of `y_i = x_i / (k + alpha / size * sum_j x_j^2)^beta`, the sum over the `size` channels around `i`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrnShape {
    /// Channels.
    pub channels: usize,
    /// Channels in the sum; of an even number, one more comes before than after, as in PyTorch.
    pub size: usize,
    /// Scale of the sum.
    pub alpha: f32,
    /// Exponent.
    pub beta: f32,
    /// Added to the sum.
    pub k: f32,
}

/// Places of a task.
const PLACES: usize = 64;

impl LrnShape {
    /// The channels in the sum of channel `i`.
    fn around(&self, i: usize) -> std::ops::Range<usize> {
        i.saturating_sub(self.size / 2)..(i + self.size.div_ceil(2)).min(self.channels)
    }

    /// The channels in whose sum channel `i` is.
    fn within(&self, i: usize) -> std::ops::Range<usize> {
        (i + 1).saturating_sub(self.size.div_ceil(2))..(i + self.size / 2 + 1).min(self.channels)
    }

    fn check(&self, cells: usize) {
        assert!(self.size > 0, "{self:?} sums over no channel");
        assert!(self.channels > 0 && cells.is_multiple_of(self.channels), "cells of {self:?}");
    }

    /// What each channel of a place is divided by, before the exponent.
    fn sums(&self, xs: &[f32], sums: &mut [f32]) {
        let scale = self.alpha / self.size as f32;
        for (i, sum) in sums.iter_mut().enumerate() {
            *sum = self.k + scale * xs[self.around(i)].iter().map(|x| x * x).sum::<f32>();
        }
    }
}

/// Forward, of cells `[N, T, H, W, C]`.
pub fn forward(shape: &LrnShape, xs: &[f32], ys: &mut [f32]) {
    shape.check(xs.len());
    assert_eq!(xs.len(), ys.len(), "lrn: input and output");
    let c = shape.channels;
    ys.par_chunks_mut(c * PLACES).zip(xs.par_chunks(c * PLACES)).for_each(|(ys, xs)| {
        let mut sums = vec![0.; c];
        for (ys, xs) in ys.chunks_exact_mut(c).zip(xs.chunks_exact(c)) {
            shape.sums(xs, &mut sums);
            for ((y, x), sum) in ys.iter_mut().zip(xs).zip(&sums) {
                *y = x * sum.powf(-shape.beta);
            }
        }
    });
}

/// The gradient of the input, from the gradient `dys` of the output.
pub fn gradient(shape: &LrnShape, xs: &[f32], dys: &[f32], dxs: &mut [f32]) {
    shape.check(xs.len());
    assert_eq!(xs.len(), dys.len(), "lrn: input and the output's gradient");
    assert_eq!(xs.len(), dxs.len(), "lrn: input and its gradient");
    let (c, len) = (shape.channels, shape.channels * PLACES);
    let factor = 2. * shape.alpha * shape.beta / shape.size as f32;
    let tasks = dxs.par_chunks_mut(len).zip(xs.par_chunks(len)).zip(dys.par_chunks(len));
    tasks.for_each(|((dxs, xs), dys)| {
        let (mut sums, mut crossed) = (vec![0.; c], vec![0.; c]);
        let places = xs.chunks_exact(c).zip(dys.chunks_exact(c));
        for (dxs, (xs, dys)) in dxs.chunks_exact_mut(c).zip(places) {
            shape.sums(xs, &mut sums);
            for (((crossed, x), dy), sum) in crossed.iter_mut().zip(xs).zip(dys).zip(&sums) {
                *crossed = factor * x * dy * sum.powf(-shape.beta - 1.);
            }
            for (i, dx) in dxs.iter_mut().enumerate() {
                let others: f32 = crossed[shape.within(i)].iter().sum();
                *dx = dys[i] * sums[i].powf(-shape.beta) - xs[i] * others;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_by_hand() {
        let shape = LrnShape { channels: 3, size: 3, alpha: 3., beta: 1., k: 1. };
        let mut ys = [0.; 3];
        forward(&shape, &[1., 2., 3.], &mut ys);
        // 1 / (1 + 1 + 4), 2 / (1 + 1 + 4 + 9), 3 / (1 + 4 + 9).
        for (y, want) in ys.iter().zip([1. / 6., 2. / 15., 3. / 14.]) {
            assert!((y - want).abs() < 1e-7);
        }
    }

    #[test]
    fn within_is_the_converse_of_around() {
        for size in 1..6 {
            let shape = LrnShape { channels: 7, size, alpha: 1., beta: 1., k: 1. };
            for (i, j) in (0..49).map(|i| (i / 7, i % 7)) {
                assert_eq!(
                    shape.around(i).contains(&j),
                    shape.within(j).contains(&i),
                    "{size} {i} {j}"
                );
            }
        }
    }
}
