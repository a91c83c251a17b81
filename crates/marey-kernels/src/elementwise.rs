//! What is done to each number by itself, and the product of a matrix with a vector.

use rayon::prelude::*;

use crate::simd::{Isa, Kernel, Vector};

/// Cells of a task: large enough that handing it out costs nothing beside it.
const CHUNK: usize = 1 << 15;

/// `ys = max(xs, 0)`; not a number stays so.
pub fn relu(xs: &[f32], ys: &mut [f32]) {
    assert_eq!(xs.len(), ys.len(), "relu: input and output");
    ys.par_chunks_mut(CHUNK).zip(xs.par_chunks(CHUNK)).for_each(|(ys, xs)| {
        ys.iter_mut().zip(xs).for_each(|(y, x)| *y = if *x < 0. { 0. } else { *x });
    });
}

/// The gradient of ReLU's input, from its output `ys` and the gradient `dys` of that, which it replaces. Zero where the
/// output is.
pub fn relu_gradient(ys: &[f32], dys: &mut [f32]) {
    assert_eq!(ys.len(), dys.len(), "relu: output and its gradient");
    dys.par_chunks_mut(CHUNK).zip(ys.par_chunks(CHUNK)).for_each(|(dys, ys)| {
        dys.iter_mut().zip(ys).for_each(|(dy, y)| *dy = if *y > 0. { *dy } else { 0. });
    });
}

/// `ys = xs`, times `slope` where it is below 0; not a number stays so.
pub fn leaky_relu(xs: &[f32], slope: f32, ys: &mut [f32]) {
    assert_eq!(xs.len(), ys.len(), "leaky relu: input and output");
    ys.par_chunks_mut(CHUNK).zip(xs.par_chunks(CHUNK)).for_each(|(ys, xs)| {
        ys.iter_mut().zip(xs).for_each(|(y, x)| *y = if *x < 0. { slope * *x } else { *x });
    });
}

/// The gradient of [`leaky_relu`]'s input, from its output `ys` and the gradient `dys` of that, which it replaces. `slope`
/// must be above 0, so that the output tells the sign of the input.
pub fn leaky_relu_gradient(ys: &[f32], slope: f32, dys: &mut [f32]) {
    assert_eq!(ys.len(), dys.len(), "leaky relu: output and its gradient");
    dys.par_chunks_mut(CHUNK).zip(ys.par_chunks(CHUNK)).for_each(|(dys, ys)| {
        dys.iter_mut().zip(ys).for_each(|(dy, y)| *dy *= if *y > 0. { 1. } else { slope });
    });
}

/// `sums += xs`.
pub fn add(sums: &mut [f32], xs: &[f32]) {
    assert_eq!(sums.len(), xs.len(), "add: both sides");
    sums.par_chunks_mut(CHUNK).zip(xs.par_chunks(CHUNK)).for_each(|(sums, xs)| {
        sums.iter_mut().zip(xs).for_each(|(sum, x)| *sum += x);
    });
}

/// A number that follows from every bit of `xs` and hardly comes twice: to tell whether weights changed. The time is that
/// of reading them once.
pub fn fingerprint(xs: &[f32]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash ^ word).wrapping_mul(ODD).rotate_left(29);
    let chunk = |xs: &[f32]| {
        let mut lanes = [1u64, 2, 3, 4];
        let groups = xs.chunks_exact(8);
        let rest = groups.remainder().iter().fold(0, |hash, x| mix(hash, x.to_bits().into()));
        for group in groups {
            for (lane, pair) in lanes.iter_mut().zip(group.chunks_exact(2)) {
                let word = u64::from(pair[0].to_bits()) | u64::from(pair[1].to_bits()) << 32;
                *lane = mix(*lane, word);
            }
        }
        lanes.into_iter().fold(rest, mix)
    };
    let chunks: Vec<u64> = xs.par_chunks(CHUNK).map(chunk).collect();
    chunks.into_iter().fold(xs.len() as u64, mix)
}

/// `ys = ws xs + bias`: weights `[D_out, D_in]` times a vector `[D_in]`. The time is that of reading the weights once.
pub fn linear(ws: &[f32], xs: &[f32], bias: Option<&[f32]>, ys: &mut [f32]) {
    assert_eq!(ws.len(), xs.len() * ys.len(), "linear: weights");
    assert!(bias.is_none_or(|bias| bias.len() == ys.len()), "linear: bias");
    let isa = Isa::best();
    ys.par_iter_mut().enumerate().with_min_len(16).for_each(|(i, y)| {
        let dot = isa.run(Dot(&ws[i * xs.len()..][..xs.len()], xs));
        *y = dot + bias.map_or(0., |bias| bias[i]);
    });
}

/// `zs = xs ys^T` of `[M]` and `[N]`: the gradient of the weights of [`linear`].
pub fn outer(xs: &[f32], ys: &[f32], zs: &mut [f32]) {
    assert_eq!(zs.len(), xs.len() * ys.len(), "outer: result");
    if ys.is_empty() {
        return;
    }
    zs.par_chunks_mut(ys.len()).zip(xs).with_min_len(16).for_each(|(zs, x)| {
        zs.iter_mut().zip(ys).for_each(|(z, y)| *z = x * y);
    });
}

/// The sum of the products of two slices of one length.
struct Dot<'a>(&'a [f32], &'a [f32]);

impl Kernel for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> f32 {
        const WIDE: usize = 4;
        let (xs, ys) = (self.0, self.1);
        // SAFETY: both slices are of one length; a vector has at most 16 lanes.
        unsafe {
            let mut sums = [V::zero(); WIDE];
            let mut at = 0;
            while at + WIDE * V::LANES <= xs.len() {
                for (j, sum) in sums.iter_mut().enumerate() {
                    let at = at + j * V::LANES;
                    *sum = V::load(xs.as_ptr().add(at)).mul_add(V::load(ys.as_ptr().add(at)), *sum);
                }
                at += WIDE * V::LANES;
            }
            while at < xs.len() {
                let len = xs.len() - at;
                let x = V::load_upto(xs.as_ptr().add(at), len);
                sums[0] = x.mul_add(V::load_upto(ys.as_ptr().add(at), len), sums[0]);
                at += V::LANES;
            }
            let mut lanes = [0f32; 16];
            sums[0].add(sums[1]).add(sums[2].add(sums[3])).store(lanes.as_mut_ptr());
            lanes.iter().sum()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_by_a_plain_sum() {
        let value = |i: usize| (i as f32 * 0.7).sin();
        for (d_in, d_out) in [(1, 3), (77, 5), (300, 2)] {
            let ws: Vec<f32> = (0..d_in * d_out).map(value).collect();
            let xs: Vec<f32> = (0..d_in).map(|i| value(i + 9)).collect();
            let mut ys = vec![f32::NAN; d_out];
            linear(&ws, &xs, Some(&vec![0.5; d_out]), &mut ys);
            for (row, y) in ws.chunks(d_in).zip(&ys) {
                let products = row.iter().zip(&xs).map(|(w, x)| f64::from(*w) * f64::from(*x));
                let want = products.sum::<f64>() + 0.5;
                let error = (f64::from(*y) - want).abs() / want.abs().max(1.);
                assert!(error < 1e-6, "{d_in} {d_out}: {y} and {want}");
            }
        }
    }

    #[test]
    fn fingerprint_sees_every_cell() {
        let mut xs = vec![0.5f32; 70_001];
        let first = fingerprint(&xs);
        assert_eq!(first, fingerprint(&xs.clone()));
        for i in [0, 7, 40_000, 70_000] {
            xs[i] = 0.500_000_06;
            assert_ne!(first, fingerprint(&xs), "cell {i}");
            xs[i] = 0.5;
        }
    }

    #[test]
    fn relu_keeps_what_is_not_a_number() {
        let mut ys = [0.; 3];
        relu(&[-1., f32::NAN, 2.], &mut ys);
        assert!(ys[0] == 0. && ys[1].is_nan() && ys[2] == 2.);
        let mut dys = [5., 6., 7.];
        relu_gradient(&[0., 1., -0.], &mut dys);
        assert_eq!(dys, [0., 6., 0.]);
    }
}
