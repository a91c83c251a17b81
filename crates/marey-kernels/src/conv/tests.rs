//! Convolution against its definition in f64, on random shapes.

use super::*;

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
                        let x = (((n * shape.c_in + channel) * it + t) * ih + h) * iw + w;
                        let weight = (f * shape.group_in() + c) * kt * kh * kw + tap;
                        each((n * shape.c_out + f) * ot * oh * ow + y, x, weight);
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

#[test]
fn all_three_passes_match_the_definition() {
    let mut draw = Draw(1);
    for _ in 0..300 {
        let shape = draw.shape();
        let (xs, ws) = (draw.values(shape.input_len()), draw.values(shape.weight_len()));
        let (bias, dys) = (draw.values(shape.c_out), draw.values(shape.output_len().unwrap()));
        let places = dys.len() / shape.n / shape.c_out;
        let mut want: Vec<f64> =
            (0..dys.len()).map(|i| bias[i / places % shape.c_out].into()).collect();
        let (mut want_dx, mut want_dw) = (vec![0.; xs.len()], vec![0.; ws.len()]);
        products(&shape, |y, x, w| {
            want[y] += f64::from(xs[x]) * f64::from(ws[w]);
            want_dx[x] += f64::from(dys[y]) * f64::from(ws[w]);
            want_dw[w] += f64::from(dys[y]) * f64::from(xs[x]);
        });
        // Filled with what must not survive.
        let (mut ys, mut dxs, mut dws) =
            (vec![f32::NAN; dys.len()], vec![f32::NAN; xs.len()], vec![f32::NAN; ws.len()]);
        forward(&shape, &xs, &ws, Some(&bias), &mut ys);
        input_gradient(&shape, &dys, &ws, &mut dxs);
        weight_gradient(&shape, &xs, &dys, &mut dws);
        assert_close(&ys, &want, 1e-6, &format!("{shape:?} forward"));
        assert_close(&dxs, &want_dx, 1e-6, &format!("{shape:?} input gradient"));
        assert_close(&dws, &want_dw, 1e-6, &format!("{shape:?} weight gradient"));
    }
}

/// Shapes of more than one tile, more than one block of rows, and filters in parts.
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
        shape(3, 8, 1, [6, 20, 21], same([7; 3], 2)),
        shape(64, 120, 2, [2, 13, 13], same([1; 3], 1)),
        shape(30, 30, 30, [5, 17, 19], same([3, 5, 3], 1)),
    ]
}

#[test]
fn large_shapes_match_the_definition() {
    let mut draw = Draw(2);
    for shape in large() {
        let (xs, ws) = (draw.values(shape.input_len()), draw.values(shape.weight_len()));
        let mut want = vec![0.; shape.output_len().unwrap()];
        products(&shape, |y, x, w| want[y] += f64::from(xs[x]) * f64::from(ws[w]));
        let mut ys = vec![f32::NAN; want.len()];
        forward(&shape, &xs, &ws, None, &mut ys);
        assert_close(&ys, &want, 2e-6, &format!("{shape:?}"));
    }
}

#[test]
fn bits_do_not_depend_on_the_threads() {
    let mut draw = Draw(3);
    for shape in large() {
        let (xs, ws) = (draw.values(shape.input_len()), draw.values(shape.weight_len()));
        let dys = draw.values(shape.output_len().unwrap());
        let passes = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let (mut ys, mut dxs, mut dws) =
                (vec![0.; dys.len()], vec![0.; xs.len()], vec![0.; ws.len()]);
            pool.install(|| {
                forward(&shape, &xs, &ws, None, &mut ys);
                input_gradient(&shape, &dys, &ws, &mut dxs);
                weight_gradient(&shape, &xs, &dys, &mut dws);
            });
            (ys, dxs, dws)
        };
        let one = passes(1);
        assert!(one == passes(2) && one == passes(4), "{shape:?}");
    }
}
