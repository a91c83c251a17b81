//! Convolution against its definition in f64, on random shapes.

use super::*;
use crate::{Sum, Window};

/// A generator of test shapes and values: Knuth's 64-bit congruential one.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn within(&mut self, lo: usize, hi: usize) -> usize {
        lo + self.next() as usize % (hi - lo + 1)
    }

    fn axes(&mut self, lo: usize, hi: usize) -> [usize; 3] {
        [(); 3].map(|()| self.within(lo, hi))
    }

    fn values(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.next() as f32 / (1u64 << 30) as f32 - 1.).collect()
    }

    /// Kernels up to 4, strides up to 5 (so beyond the kernel too), any padding on either side, groups, depthwise.
    fn shape(&mut self) -> ConvShape {
        loop {
            let groups = [1, 1, 2, 3, 6][self.within(0, 4)];
            let (group_in, group_out) = (self.within(1, 5), self.within(1, 4));
            let window = Window {
                kernel: self.axes(1, 4),
                stride: self.axes(1, 5),
                before: self.axes(0, 3),
                after: self.axes(0, 3),
            };
            let shape = ConvShape {
                n: self.within(1, 2),
                c_in: groups * group_in,
                c_out: groups * group_out,
                groups,
                input: self.axes(1, 9),
                window,
            };
            if shape.output().is_some() {
                return shape;
            }
        }
    }
}

/// Calls `each(y, x, w)` for every product in the definition of a convolution.
fn products(shape: &ConvShape, mut each: impl FnMut(usize, usize, usize)) {
    let [ot, oh, ow] = shape.output().unwrap();
    let ([kt, kh, kw], [it, ih, iw]) = (shape.window.kernel, shape.input);
    let inside = |axis: usize, o: usize, k: usize| {
        let at = (o * shape.window.stride[axis] + k).checked_sub(shape.window.before[axis])?;
        (at < shape.input[axis]).then_some(at)
    };
    for n in 0..shape.n {
        for f in 0..shape.c_out {
            for (y, o) in (0..ot * oh * ow).map(|y| (y, [y / (oh * ow), y / ow % oh, y % ow])) {
                for c in 0..shape.group_in() {
                    for (tap, k) in
                        (0..kt * kh * kw).map(|k| (k, [k / (kh * kw), k / kw % kh, k % kw]))
                    {
                        let at: Vec<usize> =
                            (0..3).filter_map(|axis| inside(axis, o[axis], k[axis])).collect();
                        let [t, h, w] = at[..] else { continue };
                        let channel = f / shape.group_out() * shape.group_in() + c;
                        let x = (((n * it + t) * ih + h) * iw + w) * shape.c_in + channel;
                        let weight = (f * shape.group_in() + c) * kt * kh * kw + tap;
                        each((n * ot * oh * ow + y) * shape.c_out + f, x, weight);
                    }
                }
            }
        }
    }
}

fn assert_close(got: &[f32], want: &[f64], tolerance: f64, what: &str) {
    let scale = want.iter().fold(1e-3, |a: f64, b| a.max(b.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(*got) - want).abs() / scale;
        assert!(error <= tolerance, "{what}: cell {i} is {got}, wanted {want}");
    }
}

/// All three passes on one instruction set, by one forward algorithm.
fn passes(
    isa: Isa,
    shape: &ConvShape,
    algorithm: Algorithm,
    [xs, ws, bias, dys]: [&[f32]; 4],
) -> [Vec<f32>; 3] {
    // Filled with what must not survive.
    let (mut dxs, mut dws) = (Sum::default(), vec![f32::NAN; ws.len()]);
    let epilogue = Epilogue { shift: Some(bias), ..Default::default() };
    let filter = Filter::with(isa, shape, algorithm, ws);
    let ys = filter.forward(shape, xs, &epilogue);
    gradient::input_gradient_with(isa, shape, Precision::F32Exact, dys, ws, &mut dxs);
    gradient::weight_gradient_by(isa, shape, algorithm, xs, dys, &mut dws);
    [ys, dxs.take().unwrap(), dws]
}

/// What an algorithm may err, of the largest value.
fn tolerance(algorithm: Algorithm) -> f64 {
    match algorithm {
        Algorithm::Winograd(Size::Four) => 2e-5,
        Algorithm::Time(Size::Four) => 5e-6,
        // 8 bits, and 16.
        Algorithm::Bf16(Terms::One) => 1e-2,
        Algorithm::Bf16(Terms::Three) => 2e-5,
        _ => 2e-6,
    }
}

#[test]
fn all_three_passes_match_the_definition() {
    let mut draw = Draw(1);
    let shapes: Vec<_> = (0..200).map(|_| draw.shape()).chain(large()).collect();
    for shape in shapes {
        let (xs, ws) = (draw.values(shape.input_len()), draw.values(shape.weight_len()));
        let (bias, dys) = (draw.values(shape.c_out), draw.values(shape.output_len().unwrap()));
        let mut want: Vec<f64> = (0..dys.len()).map(|i| bias[i % shape.c_out].into()).collect();
        let (mut want_dx, mut want_dw) = (vec![0.; xs.len()], vec![0.; ws.len()]);
        products(&shape, |y, x, w| {
            want[y] += f64::from(xs[x]) * f64::from(ws[w]);
            want_dx[x] += f64::from(dys[y]) * f64::from(ws[w]);
            want_dw[w] += f64::from(dys[y]) * f64::from(xs[x]);
        });
        for isa in Isa::available() {
            for algorithm in Algorithm::ALL.into_iter().filter(|a| a.takes(&shape)) {
                let what = format!("{shape:?} {} {}", isa.name(), algorithm.name());
                let [ys, dxs, dws] = passes(isa, &shape, algorithm, [&xs, &ws, &bias, &dys]);
                assert_close(&ys, &want, tolerance(algorithm), &format!("{what} forward"));
                assert_close(&dxs, &want_dx, 2e-6, &format!("{what} input gradient"));
                assert_close(
                    &dws,
                    &want_dw,
                    tolerance(algorithm),
                    &format!("{what} weight gradient"),
                );
            }
        }
    }
}

#[test]
fn brain_floats_are_numbers_rounded_to_8_bits() {
    let mut draw = Draw(6);
    let rounded = |xs: Vec<f32>| -> Vec<f32> {
        xs.into_iter().map(|x| f32::from_bits(x.to_bits() & 0xffff_0000)).collect()
    };
    for shape in (0..50).map(|_| draw.shape()).chain(large()).collect::<Vec<_>>() {
        let algorithm = Algorithm::Bf16(Terms::One);
        if !algorithm.takes(&shape) {
            continue;
        }
        let xs = rounded(draw.values(shape.input_len()));
        let ws = rounded(draw.values(shape.weight_len()));
        let mut want = vec![0.; shape.output_len().unwrap()];
        products(&shape, |y, x, w| want[y] += f64::from(xs[x]) * f64::from(ws[w]));
        for isa in Isa::available() {
            let filter = Filter::with(isa, &shape, algorithm, &ws);
            let ys = filter.forward(&shape, &xs, &Epilogue::default());
            assert_close(&ys, &want, 2e-6, &format!("{shape:?} {}", isa.name()));
        }
    }
}

/// Shapes of more than one block of rows, more than one chunk of depth, filters in parts, strips of tiles, and channels
/// that fill no vector.
fn large() -> Vec<ConvShape> {
    let same = |k: [usize; 3], stride: usize| Window {
        kernel: k,
        stride: [stride; 3],
        before: k.map(|k| (k - 1) / 2),
        after: k.map(|k| k / 2),
    };
    let shape =
        |c_in, c_out, groups, input, window| ConvShape { n: 2, c_in, c_out, groups, input, window };
    vec![
        shape(40, 100, 1, [3, 9, 11], same([3; 3], 1)),
        shape(17, 33, 1, [2, 14, 13], same([1, 3, 3], 1)),
        shape(3, 8, 1, [6, 20, 21], same([7; 3], 2)),
        shape(3, 20, 1, [6, 20, 21], Window { stride: [1, 2, 2], ..same([3, 7, 5], 1) }),
        shape(64, 120, 2, [2, 13, 13], same([1; 3], 1)),
        shape(45, 64, 1, [5, 8, 8], same([3, 1, 1], 1)),
        // Frames large enough to be done one by one; then some that see nothing.
        shape(20, 34, 2, [6, 14, 15], Window { stride: [2, 1, 1], ..same([5, 1, 1], 1) }),
        shape(5, 9, 1, [3, 14, 15], Window { before: [4, 0, 0], ..same([3, 1, 1], 1) }),
        // More filters than a task of the weights' gradient takes, and more rows; then padding around single taps.
        shape(33, 280, 1, [1, 6, 7], same([1; 3], 1)),
        shape(270, 12, 1, [3, 20, 19], Window { stride: [1, 2, 2], ..same([1; 3], 1) }),
        shape(7, 9, 1, [2, 3, 4], Window { before: [1; 3], after: [1; 3], ..same([1; 3], 1) }),
        shape(30, 30, 30, [5, 17, 19], same([3, 5, 3], 1)),
        shape(30, 30, 30, [5, 17, 19], same([3; 3], 2)),
    ]
}

#[test]
fn epilogue_scales_shifts_adds_and_cuts() {
    let mut draw = Draw(4);
    for shape in large() {
        let (xs, ws) = (draw.values(shape.input_len()), draw.values(shape.weight_len()));
        let len = shape.output_len().unwrap();
        let (scale, shift) = (draw.values(shape.c_out), draw.values(shape.c_out));
        let residual = draw.values(len);
        let mut want = vec![0.; len];
        products(&shape, |y, x, w| want[y] += f64::from(xs[x]) * f64::from(ws[w]));
        for (i, want) in want.iter_mut().enumerate() {
            let c = i % shape.c_out;
            let sum = *want * f64::from(scale[c]) + f64::from(shift[c]) + f64::from(residual[i]);
            *want = sum.max(0.);
        }
        let epilogue = Epilogue {
            scale: Some(&scale),
            shift: Some(&shift),
            residual: Some(&residual),
            relu: true,
        };
        for algorithm in Algorithm::ALL.into_iter().filter(|a| a.takes(&shape)) {
            let filter = Filter::new(&shape, algorithm, &ws);
            let got = filter.forward(&shape, &xs, &epilogue);
            assert_close(&got, &want, tolerance(algorithm), &format!("{shape:?}"));
            // The same twice, side by side.
            let mut both = Concat::new(&shape, 2 * shape.c_out);
            both.push(&filter, &shape, &xs, &epilogue);
            both.push(&filter, &shape, &xs, &epilogue);
            let both = both.finish();
            let (both, got) = (both.chunks(shape.c_out), got.chunks(shape.c_out));
            assert!(both.eq(got.flat_map(|place| [place, place])), "{shape:?} twice");
        }
    }
}

#[test]
fn input_gradients_add_up() {
    let mut draw = Draw(5);
    for shape in large() {
        let (ws, dys) = (draw.values(shape.weight_len()), draw.values(shape.output_len().unwrap()));
        let gradient = |times: usize| {
            let mut sum = Sum::default();
            (0..times).for_each(|_| input_gradient(&shape, Precision::F32, &dys, &ws, &mut sum));
            sum.take().unwrap()
        };
        let twice: Vec<f64> = gradient(1).iter().map(|dx| 2. * f64::from(*dx)).collect();
        assert_close(&gradient(2), &twice, 1e-6, &format!("{shape:?}"));
    }
}

#[test]
fn bits_do_not_depend_on_the_threads() {
    let mut draw = Draw(3);
    for shape in large() {
        let (xs, ws) = (draw.values(shape.input_len()), draw.values(shape.weight_len()));
        let (bias, dys) = (draw.values(shape.c_out), draw.values(shape.output_len().unwrap()));
        for algorithm in Algorithm::ALL.into_iter().filter(|a| a.takes(&shape)) {
            let on = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| passes(Isa::best(), &shape, algorithm, [&xs, &ws, &bias, &dys]))
            };
            let one = on(1);
            assert!(one == on(2) && one == on(4), "{shape:?} {}", algorithm.name());
        }
    }
}

#[test]
fn plan_picks_winograd_for_large_frames_and_never_the_coarse_one_when_exact() {
    let shape = large()[0];
    let large = ConvShape { c_in: 256, c_out: 256, input: [8, 28, 28], ..shape };
    let coarse = Algorithm::Winograd(Size::Four);
    assert_eq!(plan(&large, Precision::F32), coarse);
    assert_ne!(plan(&large, Precision::F32Exact), coarse);
    assert_eq!(plan(&large, Precision::Bf16), Algorithm::Bf16(Terms::One));
    let window = Window { stride: [2; 3], ..large.window };
    let strided = plan(&ConvShape { window, ..large }, Precision::F32);
    assert!(matches!(strided, Algorithm::Direct | Algorithm::Bf16(Terms::Three)), "{strided:?}");
}
