//! ReLU, and sums that the compiler can keep in vector registers.

use rayon::prelude::*;

/// Cells of a task: large enough that handing it out costs nothing beside it.
const CHUNK: usize = 1 << 15;

/// Numbers added side by side; the order of additions is fixed by it, whatever the machine.
const LANES: usize = 16;

/// `ys = max(xs, 0)`; not a number stays so.
pub fn relu(xs: &[f32], ys: &mut [f32]) {
    assert_eq!(xs.len(), ys.len(), "relu: input and output");
    ys.par_chunks_mut(CHUNK).zip(xs.par_chunks(CHUNK)).for_each(|(ys, xs)| {
        ys.iter_mut().zip(xs).for_each(|(y, x)| *y = if *x < 0. { 0. } else { *x });
    });
}

/// The gradient of ReLU's input, from its output `ys` and the gradient `dys` of that. Zero where the output is.
pub fn relu_gradient(ys: &[f32], dys: &[f32], dxs: &mut [f32]) {
    assert_eq!(ys.len(), dys.len(), "relu: output and its gradient");
    assert_eq!(ys.len(), dxs.len(), "relu: output and the input's gradient");
    dxs.par_chunks_mut(CHUNK).enumerate().for_each(|(i, dxs)| {
        let (ys, dys) = (&ys[i * CHUNK..][..dxs.len()], &dys[i * CHUNK..][..dxs.len()]);
        for ((dx, y), dy) in dxs.iter_mut().zip(ys).zip(dys) {
            *dx = if *y > 0. { *dy } else { 0. };
        }
    });
}

/// The sum of `xs` for each channel of `[N, C, P]`.
pub fn channel_sums(xs: &[f32], [n, c, p]: [usize; 3]) -> Vec<f32> {
    assert_eq!(xs.len(), n * c * p, "channel sums of [{n}, {c}, {p}]");
    let sum = |channel: usize| {
        (0..n).map(|clip| sum(&xs[(clip * c + channel) * p..][..p])).sum::<f64>() as f32
    };
    (0..c).into_par_iter().map(sum).collect()
}

/// The sum of `xs * ys` for each channel of `[N, C, P]`.
pub fn channel_dots(xs: &[f32], ys: &[f32], [n, c, p]: [usize; 3]) -> Vec<f32> {
    assert_eq!(xs.len(), n * c * p, "channel products of [{n}, {c}, {p}]");
    assert_eq!(xs.len(), ys.len(), "channel products: both sides");
    let sum = |channel: usize| {
        let planes = (0..n).map(|clip| (clip * c + channel) * p);
        planes.map(|start| long_dot(&xs[start..start + p], &ys[start..start + p])).sum::<f64>()
            as f32
    };
    (0..c).into_par_iter().map(sum).collect()
}

/// The sum of `xs`, blocks of it in f32 and their sum in f64.
pub(crate) fn sum(xs: &[f32]) -> f64 {
    blocks(xs, |lanes, xs| lanes.iter_mut().zip(xs).for_each(|(lane, x)| *lane += x))
}

/// The sum of `(x - mean)^2`.
pub(crate) fn squares(xs: &[f32], mean: f32) -> f64 {
    blocks(xs, |lanes, xs| {
        lanes.iter_mut().zip(xs).for_each(|(lane, x)| *lane += (x - mean) * (x - mean))
    })
}

/// Adds up blocks of [`LANES`] cells with `add`, 64 blocks before the lanes are emptied into an f64.
fn blocks(xs: &[f32], add: impl Fn(&mut [f32; LANES], &[f32])) -> f64 {
    let mut total = 0.;
    for xs in xs.chunks(64 * LANES) {
        let mut lanes = [0f32; LANES];
        for xs in xs.chunks(LANES) {
            add(&mut lanes, xs);
        }
        total += lanes.iter().map(|lane| f64::from(*lane)).sum::<f64>();
    }
    total
}

/// The sum of products.
pub(crate) fn dot(xs: &[f32], ys: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (mut x, mut y) = (xs.chunks_exact(LANES), ys.chunks_exact(LANES));
    for (x, y) in (&mut x).zip(&mut y) {
        for i in 0..LANES {
            lanes[i] += x[i] * y[i];
        }
    }
    let tail: f32 = x.remainder().iter().zip(y.remainder()).map(|(x, y)| x * y).sum();
    lanes.iter().sum::<f32>() + tail
}

/// The sum of products of long lines: by blocks, as a sum of thousands would lose digits in f32.
pub(crate) fn long_dot(xs: &[f32], ys: &[f32]) -> f64 {
    xs.chunks(4096).zip(ys.chunks(4096)).map(|(xs, ys)| f64::from(dot(xs, ys))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_every_length() {
        for len in [0, 1, 15, 16, 17, 1023, 1024, 1025, 5000] {
            let xs: Vec<f32> = (0..len).map(|i| (i % 7) as f32 - 2.).collect();
            let want: f64 = xs.iter().map(|x| f64::from(*x)).sum();
            assert_eq!(sum(&xs), want);
            assert_eq!(dot(&xs, &vec![1.; len]), want as f32);
            let want: f64 = xs.iter().map(|x| f64::from(x - 1.).powi(2)).sum();
            assert_eq!(squares(&xs, 1.), want);
        }
    }

    #[test]
    fn relu_keeps_nan_and_its_gradient_is_a_step() {
        let mut ys = [9.; 3];
        relu(&[-1., 2., f32::NAN], &mut ys);
        assert_eq!(ys[..2], [0., 2.]);
        assert!(ys[2].is_nan());
        let mut dxs = [9.; 3];
        relu_gradient(&[0., 2., 1.], &[5., 6., 7.], &mut dxs);
        assert_eq!(dxs, [0., 6., 7.]);
    }
}
