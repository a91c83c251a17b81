//! Batch norm by hand and by finite differences.

use super::*;
use crate::memory::Sum;

#[test]
fn statistics_by_hand() {
    // Four places of two channels.
    let (mean, variance) = statistics(&[1., 10., 3., 10., 5., 10., 7., 14.], 2);
    assert_eq!(mean, [4., 11.]);
    assert_eq!(variance, [5., 3.]);
}

#[test]
fn statistics_far_from_zero_keep_their_digits() {
    let xs: Vec<f32> = (0..100_000).map(|i| 1000. + (i % 2) as f32).collect();
    let (mean, variance) = statistics(&xs, 1);
    assert_eq!(mean, [1000.5]);
    assert!((variance[0] - 0.25).abs() < 1e-6, "{variance:?}");
}

#[test]
fn finish_by_hand() {
    let epilogue = Epilogue {
        scale: Some(&[2., -1.]),
        shift: Some(&[0.5, 0.]),
        residual: Some(&[0., 1., -9., 9.]),
        relu: true,
    };
    let ys = finish(&[1., 3., 4., f32::NAN], 2, &epilogue);
    assert_eq!(ys[..3], [2.5, 0., 0.]);
    assert!(ys[3].is_nan(), "what is not a number stays so");
}

#[test]
fn gradients_match_finite_differences_in_f64() {
    const C: usize = 3;
    let wave = |i: usize, f: f64| ((i as f64 * f).sin() * 2.) as f32;
    let xs: Vec<f32> = (0..30).map(|i| wave(i, 0.7)).collect();
    let dys: Vec<f32> = (0..30).map(|i| wave(i, 1.3)).collect();
    let residual: Vec<f32> = (0..30).map(|i| wave(i, 2.1)).collect();
    let (scale, shift) = ([0.5f32, 1.5, -1.], [0.1f32, 0.2, 0.3]);
    // The sum of `dys * relu(norm(xs) + residual)`, and the outputs.
    let run = |xs: &[f64], scale: &[f64], shift: &[f64], residual: &[f64]| {
        let mut ys = vec![0.; 30];
        for c in 0..C {
            let all = || (0..10).map(|i| i * C + c);
            let mean = all().map(|i| xs[i]).sum::<f64>() / 10.;
            let variance = all().map(|i| (xs[i] - mean).powi(2)).sum::<f64>() / 10.;
            for i in all() {
                let y = (xs[i] - mean) / (variance + 1e-5).sqrt() * scale[c] + shift[c];
                ys[i] = (y + residual[i]).max(0.);
            }
        }
        (ys.iter().zip(&dys).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>(), ys)
    };
    let wide = |xs: &[f32]| xs.iter().map(|x| f64::from(*x)).collect::<Vec<_>>();
    let (mean, variance) = statistics(&xs, C);
    let inverse: Vec<f32> = variance.iter().map(|v| 1. / (v + 1e-5).sqrt()).collect();
    let [wide_xs, wide_scale, wide_shift, wide_residual] =
        [wide(&xs), wide(&scale), wide(&shift), wide(&residual)];
    let ys = run(&wide_xs, &wide_scale, &wide_shift, &wide_residual).1;
    let ys: Vec<f32> = ys.iter().map(|y| *y as f32).collect();
    let (same, gate) = finish_gated(&ys, C, &Epilogue::default());
    assert_eq!(same, ys);
    let done = Done { xs: &xs, gate: Some(&gate), mean: &mean, inverse: &inverse, scale: &scale };
    // The residual's gradient is added to what is there.
    let (mut dxs, mut dresidual) = (Sum::default(), Sum::default());
    dresidual.add(&[1.; 30]);
    let (dscale, dshift) =
        gradients(&done, dys.clone(), true, Some(&mut dxs), Some(&mut dresidual));
    let (dxs, dresidual) = (dxs.take().unwrap(), dresidual.take().unwrap());
    // The same where only one of them is wanted, and empty.
    let (mut dx, mut dr) = (Sum::default(), Sum::default());
    gradients(&done, dys.clone(), true, Some(&mut dx), None);
    gradients(&done, dys.clone(), true, None, Some(&mut dr));
    assert_eq!(dx.take().unwrap(), dxs);
    assert!(dr.take().unwrap().iter().zip(&dresidual).all(|(dr, more)| dr + 1. == *more));
    let slope = |of: &[f64], i: usize, loss: &dyn Fn(&[f64]) -> f64| {
        let moved = |by: f64| {
            let mut of = of.to_vec();
            of[i] += by;
            loss(&of)
        };
        ((moved(1e-6) - moved(-1e-6)) / 2e-6) as f32
    };
    let close = |got: f32, want: f32, what: &str, i: usize| {
        assert!((got - want).abs() < 3e-5, "{what} {i}: {got} and {want}");
    };
    for i in 0..30 {
        let loss = |xs: &[f64]| run(xs, &wide_scale, &wide_shift, &wide_residual).0;
        close(dxs[i], slope(&wide_xs, i, &loss), "input", i);
        let loss = |residual: &[f64]| run(&wide_xs, &wide_scale, &wide_shift, residual).0;
        close(dresidual[i] - 1., slope(&wide_residual, i, &loss), "residual", i);
    }
    for c in 0..C {
        let loss = |scale: &[f64]| run(&wide_xs, scale, &wide_shift, &wide_residual).0;
        close(dscale[c], slope(&wide_scale, c, &loss), "scale", c);
        let loss = |shift: &[f64]| run(&wide_xs, &wide_scale, shift, &wide_residual).0;
        close(dshift[c], slope(&wide_shift, c, &loss), "shift", c);
    }
}

#[test]
fn fixed_statistics_pass_the_gradient_on_scaled() {
    let done = Done { xs: &[5., 7.], gate: None, mean: &[1.], inverse: &[0.5], scale: &[3.] };
    let mut dxs = Sum::default();
    gradients(&done, vec![1., -2.], false, Some(&mut dxs), None);
    assert_eq!(dxs.take(), Some(vec![1.5, -3.]));
}
