//! Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3).

use rayon::prelude::*;

/// The sizes and constants of `y_i = x_i / (k + alpha / size * sum_j x_j^2)^beta`, the sum over the `size` channels around `i`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LrnShape {
    /// Clips, channels, cells of a channel.
    pub dims: [usize; 3],
    /// Channels in the sum; of an even number, one more comes before than after, as in PyTorch.
    pub size: usize,
    /// Scale of the sum.
    pub alpha: f32,
    /// Exponent.
    pub beta: f32,
    /// Added to the sum.
    pub k: f32,
}

impl LrnShape {
    /// The channels in the sum of channel `i`.
    fn around(&self, i: usize) -> std::ops::Range<usize> {
        i.saturating_sub(self.size / 2)..(i + self.size.div_ceil(2)).min(self.dims[1])
    }

    /// The channels in whose sum channel `i` is.
    fn within(&self, i: usize) -> std::ops::Range<usize> {
        (i + 1).saturating_sub(self.size.div_ceil(2))..(i + self.size / 2 + 1).min(self.dims[1])
    }

    fn check(&self, cells: usize) {
        assert_eq!(cells, self.dims.iter().product::<usize>(), "cells of {self:?}");
        assert!(self.size > 0, "{self:?} sums over no channel");
    }

    /// What each cell is divided by, before the exponent.
    fn sums(&self, xs: &[f32]) -> Vec<f32> {
        let [_, c, p] = self.dims;
        let mut sums = vec![self.k; xs.len()];
        let scale = self.alpha / self.size as f32;
        sums.par_chunks_mut(p).enumerate().for_each(|(i, sums)| {
            for j in self.around(i % c) {
                let xs = &xs[(i / c * c + j) * p..][..p];
                sums.iter_mut().zip(xs).for_each(|(sum, x)| *sum += scale * x * x);
            }
        });
        sums
    }
}

/// Forward.
pub fn forward(shape: &LrnShape, xs: &[f32], ys: &mut [f32]) {
    shape.check(xs.len());
    assert_eq!(xs.len(), ys.len(), "lrn: input and output");
    let (sums, p) = (shape.sums(xs), shape.dims[2]);
    ys.par_chunks_mut(p).enumerate().for_each(|(i, ys)| {
        let (xs, sums) = (&xs[i * p..][..p], &sums[i * p..][..p]);
        for ((y, x), sum) in ys.iter_mut().zip(xs).zip(sums) {
            *y = x * sum.powf(-shape.beta);
        }
    });
}

/// The gradient of the input, from the gradient `dys` of the output.
pub fn gradient(shape: &LrnShape, xs: &[f32], dys: &[f32], dxs: &mut [f32]) {
    shape.check(xs.len());
    assert_eq!(xs.len(), dys.len(), "lrn: input and the output's gradient");
    assert_eq!(xs.len(), dxs.len(), "lrn: input and its gradient");
    let (sums, [_, c, p]) = (shape.sums(xs), shape.dims);
    let factor = 2. * shape.alpha * shape.beta / shape.size as f32;
    dxs.par_chunks_mut(p).enumerate().for_each(|(i, dxs)| {
        let plane = |channel: usize| (i / c * c + channel) * p;
        dxs.fill(0.);
        for j in shape.within(i % c) {
            let (xs, dys, sums) =
                (&xs[plane(j)..][..p], &dys[plane(j)..][..p], &sums[plane(j)..][..p]);
            for (((dx, x), dy), sum) in dxs.iter_mut().zip(xs).zip(dys).zip(sums) {
                *dx -= factor * x * dy * sum.powf(-shape.beta - 1.);
            }
        }
        let (xs, dys, sums) = (&xs[i * p..][..p], &dys[i * p..][..p], &sums[i * p..][..p]);
        for (((dx, x), dy), sum) in dxs.iter_mut().zip(xs).zip(dys).zip(sums) {
            *dx = *dx * x + dy * sum.powf(-shape.beta);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_by_hand() {
        let shape = LrnShape { dims: [1, 3, 1], size: 3, alpha: 3., beta: 1., k: 1. };
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
            let shape = LrnShape { dims: [1, 7, 1], size, alpha: 1., beta: 1., k: 1. };
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
