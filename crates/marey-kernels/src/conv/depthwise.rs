//! Depthwise convolution, computed directly: line by line, one multiply-add for each tap.

use rayon::prelude::*;

use crate::conv::ConvShape;
use crate::elementwise::dot;
use crate::window::valid;

/// Calls `each` for every tap of every line of the output that falls on the input:
/// the tap, the places `lo..hi` of the output's line, and the first cell of the input, both within one channel.
fn lines(
    shape: &ConvShape,
    output: [usize; 3],
    mut each: impl FnMut(usize, (usize, usize), usize),
) {
    let [kt, kh, kw] = shape.window.kernel;
    let [st, sh, sw] = shape.window.stride;
    let [bt, bh, bw] = shape.window.before;
    let [it, ih, iw] = shape.input;
    for t in 0..output[0] {
        for h in 0..output[1] {
            let start = (t * output[1] + h) * output[2];
            for a in (0..kt).filter(|a| (bt..bt + it).contains(&(t * st + a))) {
                for b in (0..kh).filter(|b| (bh..bh + ih).contains(&(h * sh + b))) {
                    let line = ((t * st + a - bt) * ih + h * sh + b - bh) * iw;
                    for e in 0..kw {
                        let (lo, hi) = valid(e, sw, bw, iw, output[2]);
                        if lo < hi {
                            each(
                                (a * kh + b) * kw + e,
                                (start + lo, start + hi),
                                line + lo * sw + e - bw,
                            );
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn forward(
    shape: &ConvShape,
    output: [usize; 3],
    xs: &[f32],
    ws: &[f32],
    bias: Option<&[f32]>,
    ys: &mut [f32],
) {
    let (places, step) = (output.iter().product(), shape.window.stride[2]);
    ys.par_chunks_mut(places).enumerate().for_each(|(i, ys)| {
        let (clip, filter) = (i / shape.c_out, i % shape.c_out);
        let xs = channel(shape, xs, clip, filter);
        let ws = &ws[filter * shape.window.taps()..][..shape.window.taps()];
        ys.fill(bias.map_or(0., |bias| bias[filter]));
        lines(shape, output, |tap, (lo, hi), first| {
            let (ys, w) = (&mut ys[lo..hi], ws[tap]);
            if step == 1 {
                ys.iter_mut().zip(&xs[first..]).for_each(|(y, x)| *y += w * x);
            } else {
                ys.iter_mut().zip(xs[first..].iter().step_by(step)).for_each(|(y, x)| *y += w * x);
            }
        });
    });
}

pub(super) fn input_gradient(
    shape: &ConvShape,
    output: [usize; 3],
    dys: &[f32],
    ws: &[f32],
    dxs: &mut [f32],
) {
    let (places, step, filters) =
        (output.iter().product::<usize>(), shape.window.stride[2], shape.group_out());
    dxs.par_chunks_mut(shape.cells_in()).enumerate().for_each(|(i, dxs)| {
        let (clip, group) = (i / shape.c_in, i % shape.c_in);
        dxs.fill(0.);
        for filter in group * filters..(group + 1) * filters {
            let dys = &dys[(clip * shape.c_out + filter) * places..][..places];
            let ws = &ws[filter * shape.window.taps()..][..shape.window.taps()];
            lines(shape, output, |tap, (lo, hi), first| {
                let (dys, w) = (&dys[lo..hi], ws[tap]);
                if step == 1 {
                    dxs[first..].iter_mut().zip(dys).for_each(|(dx, dy)| *dx += w * dy);
                } else {
                    dxs[first..]
                        .iter_mut()
                        .step_by(step)
                        .zip(dys)
                        .for_each(|(dx, dy)| *dx += w * dy);
                }
            });
        }
    });
}

pub(super) fn weight_gradient(
    shape: &ConvShape,
    output: [usize; 3],
    xs: &[f32],
    dys: &[f32],
    dws: &mut [f32],
) {
    let (places, step) = (output.iter().product::<usize>(), shape.window.stride[2]);
    dws.par_chunks_mut(shape.window.taps()).enumerate().for_each(|(filter, dws)| {
        let mut sums = vec![0f64; dws.len()];
        for clip in 0..shape.n {
            let xs = channel(shape, xs, clip, filter);
            let dys = &dys[(clip * shape.c_out + filter) * places..][..places];
            lines(shape, output, |tap, (lo, hi), first| {
                let dys = &dys[lo..hi];
                sums[tap] += f64::from(if step == 1 {
                    dot(dys, &xs[first..first + dys.len()])
                } else {
                    dys.iter().zip(xs[first..].iter().step_by(step)).map(|(dy, x)| dy * x).sum()
                });
            });
        }
        dws.iter_mut().zip(sums).for_each(|(dw, sum)| *dw = sum as f32);
    });
}

/// The channel that `filter` looks at.
fn channel<'a>(shape: &ConvShape, xs: &'a [f32], clip: usize, filter: usize) -> &'a [f32] {
    let cells = shape.cells_in();
    &xs[(clip * shape.c_in + filter / shape.group_out()) * cells..][..cells]
}
