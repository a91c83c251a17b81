//! Batch normalisation over `[N, C, P]`, where `P` is all of time and space.

use rayon::prelude::*;

use crate::elementwise::{long_dot, squares, sum};

/// Mean and biased variance of each channel.
pub fn statistics(xs: &[f32], [n, c, p]: [usize; 3]) -> (Vec<f32>, Vec<f32>) {
    assert_eq!(xs.len(), n * c * p, "statistics of [{n}, {c}, {p}]");
    let count = (n * p) as f64;
    let channel = |channel: usize| {
        let planes = || (0..n).map(|clip| &xs[(clip * c + channel) * p..][..p]);
        let mean = planes().map(sum).sum::<f64>() / count;
        // The mean is rounded before it is subtracted; what that leaves is taken off the squares again.
        let rounded = mean as f32;
        let squares = planes().map(|xs| squares(xs, rounded)).sum::<f64>() / count;
        (rounded, (squares - (mean - f64::from(rounded)).powi(2)).max(0.) as f32)
    };
    (0..c).into_par_iter().map(channel).unzip()
}

/// `ys = xs * scale + shift`, one scale and one shift a channel.
pub fn affine(xs: &[f32], p: usize, scale: &[f32], shift: &[f32], ys: &mut [f32]) {
    assert_eq!(xs.len(), ys.len(), "affine: input and output");
    assert_eq!(scale.len(), shift.len(), "affine: scale and shift");
    ys.par_chunks_mut(p).zip(xs.par_chunks(p)).enumerate().for_each(|(i, (ys, xs))| {
        let (scale, shift) = (scale[i % scale.len()], shift[i % scale.len()]);
        ys.iter_mut().zip(xs).for_each(|(y, x)| *y = x * scale + shift);
    });
}

/// What [`gradient`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradient {
    /// Of the input, `[N, C, P]`.
    pub input: Vec<f32>,
    /// Of each channel's scale.
    pub scale: Vec<f32>,
    /// Of each channel's shift.
    pub shift: Vec<f32>,
}

/// The gradients of a batch norm that normalised by the batch's own `mean` and `inverse` deviation
/// (`1 / sqrt(variance + eps)`), from the gradient `dys` of its output.
pub fn gradient(
    xs: &[f32],
    dys: &[f32],
    [n, c, p]: [usize; 3],
    mean: &[f32],
    inverse: &[f32],
    scale: &[f32],
) -> Gradient {
    assert_eq!(xs.len(), n * c * p, "batch norm gradient of [{n}, {c}, {p}]");
    assert_eq!(xs.len(), dys.len(), "batch norm: input and the output's gradient");
    let count = (n * p) as f64;
    let sums = |channel: usize| {
        let (mut shift, mut scale) = (0., 0.);
        for clip in 0..n {
            let plane = (clip * c + channel) * p;
            let (xs, dys) = (&xs[plane..plane + p], &dys[plane..plane + p]);
            let sum = sum(dys);
            shift += sum;
            scale += long_dot(xs, dys) - f64::from(mean[channel]) * sum;
        }
        ((scale * f64::from(inverse[channel])) as f32, shift as f32)
    };
    let (dscale, dshift): (Vec<_>, Vec<_>) = (0..c).into_par_iter().map(sums).unzip();
    let mut input = vec![0.; xs.len()];
    input.par_chunks_mut(p).enumerate().for_each(|(i, dxs)| {
        let channel = i % c;
        let of_x = -(f64::from(dscale[channel]) * f64::from(inverse[channel]) / count) as f32;
        let rest = -(f64::from(dshift[channel]) / count) as f32 - of_x * mean[channel];
        let factor = scale[channel] * inverse[channel];
        let (xs, dys) = (&xs[i * p..][..p], &dys[i * p..][..p]);
        for ((dx, x), dy) in dxs.iter_mut().zip(xs).zip(dys) {
            *dx = factor * (dy + of_x * x + rest);
        }
    });
    Gradient { input, scale: dscale, shift: dshift }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_by_hand() {
        // Two clips, two channels, two cells.
        let (mean, variance) = statistics(&[1., 3., 10., 10., 5., 7., 10., 14.], [2, 2, 2]);
        assert_eq!(mean, [4., 11.]);
        assert_eq!(variance, [5., 3.]);
    }

    #[test]
    fn statistics_far_from_zero_keep_their_digits() {
        let xs: Vec<f32> = (0..100_000).map(|i| 1000. + (i % 2) as f32).collect();
        let (mean, variance) = statistics(&xs, [1, 1, xs.len()]);
        assert_eq!(mean, [1000.5]);
        assert!((variance[0] - 0.25).abs() < 1e-6, "{variance:?}");
    }

    #[test]
    fn gradient_matches_finite_differences_in_f64() {
        let dims = [2, 3, 5];
        let wave = |i: usize, f: f64| ((i as f64 * f).sin() * 2.) as f32;
        let xs: Vec<f32> = (0..30).map(|i| wave(i, 0.7)).collect();
        let dys: Vec<f32> = (0..30).map(|i| wave(i, 1.3)).collect();
        let (scale, shift) = ([0.5f32, 1.5, -1.], [0.1f32, 0.2, 0.3]);
        let loss = |xs: &[f64], scale: &[f64], shift: &[f64]| -> f64 {
            let cell = |n: usize, c: usize, p: usize| (n * 3 + c) * 5 + p;
            let mut total = 0.;
            for c in 0..3 {
                let all: Vec<usize> = (0..10).map(|i| cell(i / 5, c, i % 5)).collect();
                let mean = all.iter().map(|&i| xs[i]).sum::<f64>() / 10.;
                let variance = all.iter().map(|&i| (xs[i] - mean).powi(2)).sum::<f64>() / 10.;
                for i in all {
                    let y = (xs[i] - mean) / (variance + 1e-5).sqrt() * scale[c] + shift[c];
                    total += y * f64::from(dys[i]);
                }
            }
            total
        };
        let wide = |xs: &[f32]| xs.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
        let (mean, variance) = statistics(&xs, dims);
        let inverse: Vec<f32> = variance.iter().map(|v| 1. / (v + 1e-5).sqrt()).collect();
        let got = gradient(&xs, &dys, dims, &mean, &inverse, &scale);
        let (xs, scale, shift) = (wide(&xs), wide(&scale), wide(&shift));
        let slope = |of: &[f64], i: usize, loss: &dyn Fn(&[f64]) -> f64| {
            let moved = |by: f64| {
                let mut of = of.to_vec();
                of[i] += by;
                loss(&of)
            };
            ((moved(1e-5) - moved(-1e-5)) / 2e-5) as f32
        };
        for i in 0..30 {
            let want = slope(&xs, i, &|xs| loss(xs, &scale, &shift));
            assert!((got.input[i] - want).abs() < 2e-5, "input {i}: {} and {want}", got.input[i]);
        }
        for c in 0..3 {
            let want = slope(&scale, c, &|scale| loss(&xs, scale, &shift));
            assert!((got.scale[c] - want).abs() < 2e-5, "scale {c}");
            let want = slope(&shift, c, &|shift| loss(&xs, &scale, shift));
            assert!((got.shift[c] - want).abs() < 2e-5, "shift {c}");
        }
    }
}
