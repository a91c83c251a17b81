//! The losses of MotionNet against plain loops over single values, and their gradients against differences of
//! values, all in f64.

use candle::{DType, Device, Result, Tensor, Var};
use marey_flow::warp;
use marey_layers::backward;
use marey_two_stream::down_sample::down_sample;
use marey_two_stream::flow_loss::{
    LEVELS, border_mask, charbonnier, dissimilarity, flow_loss, steps,
};

/// Values that are a formula of their number.
fn wave(dims: &[usize], size: f64, phase: f64) -> Result<Tensor> {
    let value = |i: usize| size * (phase + 0.7 * i as f64 + 0.01 * (i * i) as f64).sin();
    Tensor::from_vec((0..dims.iter().product()).map(value).collect::<Vec<_>>(), dims, &Device::Cpu)
}

fn values(xs: &Tensor) -> Result<Vec<f64>> {
    xs.flatten_all()?.to_vec1()
}

#[track_caller]
fn close(got: &[f64], want: &[f64]) {
    assert_eq!(got.len(), want.len());
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        assert!((got - want).abs() < 1e-9 * want.abs().max(1.), "value {i}: {got} for {want}");
    }
}

/// Compares the gradient of `f` at `xs` with differences of its values, at every `every`th value.
fn check_gradient(xs: &Tensor, every: usize, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<()> {
    let var = Var::from_tensor(xs)?;
    let grads = backward(&f(var.as_tensor())?)?;
    let got = values(grads.get(&var).expect("a gradient"))?;
    let start = values(xs)?;
    for i in (0..start.len()).step_by(every) {
        let at = |step: f64| -> Result<f64> {
            let mut moved = start.clone();
            moved[i] += step;
            f(&Tensor::from_vec(moved, xs.dims(), xs.device())?)?.to_scalar()
        };
        const STEP: f64 = 1e-5;
        let want = (at(STEP)? - at(-STEP)?) / (2. * STEP);
        let error = (got[i] - want).abs();
        assert!(error < 1e-6 * want.abs().max(1.), "value {i}: {} for {want}", got[i]);
    }
    Ok(())
}

#[test]
fn images_are_brought_down_by_triangles() -> Result<()> {
    let (h, w, to_h, to_w) = (9, 12, 3, 5);
    let images = wave(&[2, h, w], 1., 0.3)?;
    let pixels = values(&images)?;
    let mut want = Vec::new();
    for plane in pixels.chunks(h * w) {
        for at in 0..to_h * to_w {
            let (step_y, step_x) =
                ((h - 1) as f64 / (to_h - 1) as f64, (w - 1) as f64 / (to_w - 1) as f64);
            let (y, x) = ((at / to_w) as f64 * step_y, (at % to_w) as f64 * step_x);
            let (mut sum, mut weights) = (0., 0.);
            for (i, pixel) in plane.iter().enumerate() {
                let off = |place: usize, middle: f64, step: f64| {
                    (1. - (place as f64 - middle).abs() / step).max(0.)
                };
                let weight = off(i / w, y, step_y) * off(i % w, x, step_x);
                sum += weight * pixel;
                weights += weight;
            }
            want.push(sum / weights);
        }
    }
    close(&values(&down_sample(&images, to_h, to_w)?)?, &want);
    close(&values(&down_sample(&images, h, w)?)?, &pixels);
    assert!(down_sample(&images, 1, 5).is_err() && down_sample(&images, 3, 13).is_err());
    Ok(())
}

/// One minus the similarity, by the definition, over windows of 8 x 8.
fn dissimilarity_by_loops(xs: &[f64], ys: &[f64], n: usize, h: usize, w: usize) -> f64 {
    let bell = |i: usize| (-(i as f64 - 4.).powi(2) / (2. * (16f64 / 12.).powi(2))).exp();
    let total: f64 = (0..64).map(|i| bell(i / 8) * bell(i % 8)).sum();
    let mut sum = 0.;
    for (xs, ys) in xs.chunks(h * w).zip(ys.chunks(h * w)) {
        for (top, left) in (0..h).step_by(8).flat_map(|y| (0..w).step_by(8).map(move |x| (y, x))) {
            let mean = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
                let mut mean = 0.;
                for (y, x) in
                    (top..h.min(top + 8)).flat_map(|y| (left..w.min(left + 8)).map(move |x| (y, x)))
                {
                    let weight = bell(y - top) * bell(x - left) / total;
                    mean += weight * f(xs[y * w + x], ys[y * w + x]);
                }
                mean
            };
            let (x, y) = (mean(&|x, _| x), mean(&|_, y| y));
            let spread = mean(&|x, _| x * x) - x * x + mean(&|_, y| y * y) - y * y;
            let common = mean(&|x, y| x * y) - x * y;
            let light = (2. * x * y + 1e-4) / (x * x + y * y + 1e-4);
            sum += 1. - light * (2. * common + 1e-3) / (spread + 1e-3);
        }
    }
    sum / n as f64
}

#[test]
fn dissimilarity_by_its_definition() -> Result<()> {
    // 7 x 7 is less than a window, as of the smallest flow; 14 x 21 are not whole ones.
    for (h, w) in [(7, 7), (14, 21), (16, 8)] {
        let (xs, ys) = (wave(&[2, 3, h, w], 0.4, 0.3)?, wave(&[2, 3, h, w], 0.5, 1.3)?);
        let want = dissimilarity_by_loops(&values(&xs)?, &values(&ys)?, 2, h, w);
        close(&[dissimilarity(&xs, &ys)?.to_scalar()?], &[want]);
        assert!(dissimilarity(&xs, &xs)?.to_scalar::<f64>()?.abs() < 1e-12);
        check_gradient(&xs, 5, |xs| dissimilarity(xs, &ys))?;
    }
    Ok(())
}

#[test]
fn masks_steps_and_penalties_by_hand() -> Result<()> {
    // Borders of the five sizes of flow of a frame of 224: a tenth, rounded.
    for (side, border) in [(7, 1), (14, 1), (28, 3), (56, 6), (112, 11)] {
        let mask = border_mask(side, side + 3, DType::F64, &Device::Cpu)?;
        let inside = (side - 2 * border) * (side + 3 - 2 * border);
        assert_eq!(mask.sum_all()?.to_scalar::<f64>()?, inside as f64);
        assert_eq!(mask.get(border)?.get(border)?.to_scalar::<f64>()?, 1.);
        assert_eq!(mask.get(border - 1)?.get(border)?.to_scalar::<f64>()?, 0.);
    }
    let xs = Tensor::new(&[[[[1f64, 3., 4.], [9., 4., 1.]]]], &Device::Cpu)?;
    let want = [-2., -1., 0., 5., 3., 0., -8., -1., 3., 0., 0., 0.];
    close(&values(&steps(&xs)?)?, &want);
    let penalty = charbonnier(&Tensor::new(&[0f64, 2.], &Device::Cpu)?, 0.4, 3.)?;
    close(&values(&penalty)?, &[1e-6f64.powf(0.4), 36.000001f64.powf(0.4)]);
    check_gradient(&wave(&[1, 2, 3, 4], 1., 0.1)?, 1, |xs| {
        charbonnier(&steps(xs)?, 0.3, 2.5)?.sum_all()
    })
}

/// A clip of three frames, and flow of five sizes. None of it points at whole pixels, where warping has a kink.
fn example() -> Result<(Tensor, Vec<Tensor>)> {
    let flow = |i: usize| wave(&[2, 4, 2 << i, 3 << i], 0.3, i as f64 + 0.5);
    Ok((wave(&[2, 3, 3, 64, 96], 0.5, 0.2)?, (0..5).map(flow).collect::<Result<_>>()?))
}

#[test]
fn loss_is_the_sum_of_its_parts() -> Result<()> {
    let (clip, flows) = example()?;
    // Response normalisation over the three channels of a pixel: 1 + 1 / 9 of the sum of squares.
    let squares = clip.sqr()?.sum_keepdim(1)?;
    let normal = clip.broadcast_div(&((squares / 9.)? + 1.)?.powf(0.7)?)?;
    let mut want = 0.;
    for (level, flow) in LEVELS.iter().zip(&flows) {
        let (n, _, h, w) = flow.dims4()?;
        let frame = |t: usize| down_sample(&normal.narrow(2, t, 1)?.squeeze(2)?, h, w);
        let mask = border_mask(h, w, DType::F64, &Device::Cpu)?;
        // Six channels are compared: three of each of two frames. The batch counts twice.
        let cells = (n * n * 6) as f64 * mask.sum_all()?.to_scalar::<f64>()?;
        let penalty = |xs: &Tensor, alpha, beta| -> Result<f64> {
            let all = charbonnier(xs, alpha, beta)?.broadcast_mul(&mask)?;
            Ok(all.sum_all()?.to_scalar::<f64>()? / cells)
        };
        for field in 0..2 {
            let flow = flow.narrow(1, 2 * field, 2)?;
            let warped = warp(&frame(field + 1)?, &(&flow * level.scale)?)?;
            want += penalty(&(frame(field)? - &warped)?, 0.4, 255.)?;
            want += penalty(&steps(&flow.narrow(1, 0, 1)?)?, 0.3, level.scale)?;
            want += penalty(&steps(&flow.narrow(1, 1, 1)?)?, 0.3, level.scale)?;
            let apart = dissimilarity(&warped, &frame(field)?)?.to_scalar::<f64>()?;
            want += 0.1 * level.similarity * apart;
        }
    }
    close(&[flow_loss(&clip, &flows, 0.1)?.to_scalar()?], &[want]);
    Ok(())
}

#[test]
fn gradients_of_the_loss_are_its_differences() -> Result<()> {
    let (clip, flows) = example()?;
    for level in 0..5 {
        let every = flows[level].elem_count() / 9;
        check_gradient(&flows[level], every, |flow| {
            let mut flows = flows.clone();
            flows[level] = flow.clone();
            flow_loss(&clip, &flows, 1.)
        })?;
    }
    assert!(flow_loss(&clip, &flows[..4], 1.).is_err());
    assert!(flow_loss(&clip.narrow(2, 0, 2)?, &flows, 1.).is_err());
    Ok(())
}
