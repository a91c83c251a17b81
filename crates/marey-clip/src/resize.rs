//! Resizing clips, bilinearly.

use candle::{Result, bail};
use rayon::prelude::*;

use crate::clip::Clip;

/// Scales the frames so that the shorter side is `side`; the longer keeps the shape, rounded down.
///
/// # Errors
///
/// As [`resize`].
pub fn resize_short_side(clip: &Clip, side: usize) -> Result<Clip> {
    let (_, _, h, w) = clip.dims();
    let long = |long: usize, short: usize| long * side / short;
    if h <= w { resize(clip, side, long(w, h)) } else { resize(clip, long(h, w), side) }
}

/// Scales the frames to `height` x `width`; flow is multiplied by the scale of its axis.
///
/// Bilinear between pixel centres and without antialiasing:
/// `torch.nn.functional.interpolate(mode="bilinear", align_corners=False)`, and OpenCV's
/// `INTER_LINEAR` on floats.
///
/// # Errors
///
/// If a side would be zero.
pub fn resize(clip: &Clip, height: usize, width: usize) -> Result<Clip> {
    let (c, t, h, w) = clip.dims();
    if height == 0 || width == 0 {
        bail!("resize: from {h} x {w} to {height} x {width}")
    }
    if (h, w) == (height, width) {
        return Ok(clip.clone());
    }
    let (rows, columns) = (taps(h, height), taps(w, width));
    let data = clip.read(|data| {
        let mut out = vec![0f32; c * t * height * width];
        let planes = out.par_chunks_exact_mut(height * width).zip(data.par_chunks_exact(h * w));
        planes.enumerate().for_each(|(i, (to, from))| {
            plane(from, w, to, &rows, &columns);
            match clip.channels().flow() {
                Some(x) if i / t == x => scale(to, width as f32 / w as f32),
                Some(x) if i / t == x + 1 => scale(to, height as f32 / h as f32),
                _ => {}
            }
        });
        out
    })?;
    clip.rebuilt(data, height, width)
}

fn scale(plane: &mut [f32], by: f32) {
    plane.iter_mut().for_each(|v| *v *= by);
}

/// An output pixel is `from` and the next, the next weighing `weight`.
#[derive(Clone, Copy)]
struct Tap {
    from: usize,
    next: usize,
    weight: f32,
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let step = from as f32 / to as f32;
    let tap = |i: usize| {
        let at = (step * (i as f32 + 0.5) - 0.5).max(0.);
        let first = (at as usize).min(from - 1);
        Tap { from: first, next: (first + 1).min(from - 1), weight: at - first as f32 }
    };
    (0..to).map(tap).collect()
}

/// Resizes one plane: rows that are needed across, then between those down.
fn plane(from: &[f32], w: usize, to: &mut [f32], rows: &[Tap], columns: &[Tap]) {
    let width = columns.len();
    let across = |y: usize, row: &mut [f32]| {
        let source = &from[y * w..][..w];
        for (v, tap) in row.iter_mut().zip(columns) {
            *v = source[tap.from] * (1. - tap.weight) + source[tap.next] * tap.weight;
        }
    };
    let (mut upper, mut lower) = (vec![0f32; width], vec![0f32; width]);
    // Which source rows the two buffers hold: where frames grow, most are used again.
    let (mut upper_is, mut lower_is) = (usize::MAX, usize::MAX);
    for (out, tap) in to.chunks_exact_mut(width).zip(rows) {
        if upper_is != tap.from {
            if lower_is == tap.from {
                std::mem::swap(&mut upper, &mut lower);
                std::mem::swap(&mut upper_is, &mut lower_is);
            } else {
                across(tap.from, &mut upper);
                upper_is = tap.from;
            }
        }
        if lower_is != tap.next {
            across(tap.next, &mut lower);
            lower_is = tap.next;
        }
        for ((v, a), b) in out.iter_mut().zip(&upper).zip(&lower) {
            *v = a * (1. - tap.weight) + b * tap.weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, Tensor};

    fn clip(c: usize, h: usize, w: usize, values: &[f32]) -> Clip {
        Clip::new(Tensor::new(values, &Device::Cpu).unwrap().reshape((c, 1, h, w)).unwrap())
            .unwrap()
    }

    fn values(clip: &Clip) -> Vec<f32> {
        clip.tensor().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn doubling_lies_at_quarters() {
        let double = resize(&clip(1, 1, 2, &[0., 4.]), 1, 4).unwrap();
        assert_eq!(values(&double), [0., 1., 3., 4.]);
    }

    #[test]
    fn halving_is_the_mean_of_two() {
        let half = resize(&clip(1, 2, 4, &[0., 2., 4., 6., 2., 4., 6., 8.]), 1, 2).unwrap();
        assert_eq!(values(&half), [2., 6.]);
    }

    #[test]
    fn flow_is_scaled_with_its_axis() {
        let flow = clip(2, 1, 2, &[1., 1., 1., 1.]);
        let big = resize(&flow, 3, 8).unwrap();
        assert_eq!(values(&big)[..24], [4.; 24]);
        assert_eq!(values(&big)[24..], [3.; 24]);
        let both = resize(&clip(5, 1, 1, &[1., 1., 1., 1., 1.]), 2, 3).unwrap();
        assert_eq!(values(&both)[..18], [1.; 18]);
        assert_eq!(values(&both)[18..], [[3.; 6], [2.; 6]].concat());
    }

    #[test]
    fn short_side_keeps_the_shape_rounded_down() {
        let zeros = |h, w| clip(1, h, w, &vec![0.; h * w]);
        let dims = |h, w, side| resize_short_side(&zeros(h, w), side).unwrap().dims();
        assert_eq!(dims(24, 32, 12), (1, 1, 12, 16));
        assert_eq!(dims(34, 25, 12), (1, 1, 16, 12));
        assert_eq!(dims(5, 7, 10), (1, 1, 10, 14));
        assert!(resize(&zeros(4, 4), 0, 3).is_err());
    }
}
