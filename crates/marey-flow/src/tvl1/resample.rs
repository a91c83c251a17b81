//! Images and flow at other sizes, as the published implementations make their pyramids.

use rayon::prelude::*;

use super::plane::Plane;

/// Two neighbours on an axis, and the share of the second.
struct Between {
    low: usize,
    high: usize,
    share: f32,
}

/// Linear interpolation at `width x height` places that are `step` apart, pixels being areas: the first and the last place are
/// half a step from the borders. As OpenCV's `INTER_LINEAR`.
pub(super) fn bilinear(from: &Plane, width: usize, height: usize, step: [f64; 2]) -> Plane {
    let between = |at: usize, step: f64, len: usize| {
        let place = ((at as f64 + 0.5) * step - 0.5) as f32;
        let low = place.floor().max(0.);
        let share = (place - low).max(0.);
        match low as usize {
            low if low + 1 < len => Between { low, high: low + 1, share },
            _ => Between { low: len - 1, high: len - 1, share: 0. },
        }
    };
    let columns: Vec<Between> = (0..width).map(|x| between(x, step[0], from.width())).collect();
    let mut to = Plane::new(width, height);
    to.par_runs_mut().enumerate().for_each(|(y, row)| {
        let Between { low, high, share } = between(y, step[1], from.height());
        let (above, below) = (from.row(low), from.row(high));
        for (to, x) in row.iter_mut().zip(&columns) {
            let along = |row: &[f32]| row[x.low] * (1. - x.share) + row[x.high] * x.share;
            *to = along(above) * (1. - share) + along(below) * share;
        }
    });
    to
}

/// Cubic interpolation (Keys, a = -1/2) at `width x height` places of which there are `factor` to a pixel, the first being the
/// first pixel; beyond the border is what is at the border. As the pyramid of IPOL 2013.
pub(super) fn bicubic(from: &Plane, width: usize, height: usize, factor: [f32; 2]) -> Plane {
    let mut to = Plane::new(width, height);
    to.par_runs_mut().enumerate().for_each(|(y, row)| {
        let (rows, down) = taps(y as f32 / factor[1], from.height());
        let rows = rows.map(|y| from.row(y));
        for (x, to) in row.iter_mut().take(width).enumerate() {
            let (columns, along) = taps(x as f32 / factor[0], from.width());
            *to = cubic(rows.map(|row| cubic(columns.map(|x| row[x]), along)), down);
        }
    });
    to
}

/// The four pixels about a place on an axis, and where it is between the middle two.
fn taps(place: f32, len: usize) -> ([usize; 4], f32) {
    let low = (place as usize).min(len - 1);
    let at = |offset: usize| (low + offset).saturating_sub(1).min(len - 1);
    ([at(0), at(1), at(2), at(3)], place - low as f32)
}

fn cubic(v: [f32; 4], x: f32) -> f32 {
    let inner = 3. * (v[1] - v[2]) + v[3] - v[0];
    let middle = 2. * v[0] - 5. * v[1] + 4. * v[2] - v[3] + x * inner;
    v[1] + 0.5 * x * (v[2] - v[0] + x * middle)
}

/// Convolves with a Gaussian of `sigma` pixels, cut off at 5 sigma. As IPOL 2013: beyond the left and the upper border an image is
/// mirrored about its first pixel, beyond the others about the edge of its last.
pub(super) fn gaussian(image: &mut Plane, sigma: f64) {
    let weight = |i: usize| (-((i * i) as f64) / (2. * sigma * sigma)).exp();
    let weights: Vec<f64> = (0..(5. * sigma) as usize + 1).map(weight).collect();
    let sum = 2. * weights.iter().sum::<f64>() - weights[0];
    let weights: Vec<f64> = weights.iter().map(|weight| weight / sum).collect();
    let (width, height) = (image.width(), image.height());
    let mut thin = Plane::new(width, height);
    thin.par_runs_mut().enumerate().for_each(|(y, to)| smooth(image.row(y), &weights, to));
    let columns: Vec<Vec<f32>> = (0..width)
        .into_par_iter()
        .map(|x| {
            let column: Vec<f32> = (0..height).map(|y| thin.row(y)[x]).collect();
            let mut to = vec![0.; height];
            smooth(&column, &weights, &mut to);
            to
        })
        .collect();
    for (x, column) in columns.iter().enumerate() {
        column.iter().enumerate().for_each(|(y, value)| image.row_mut(y)[x] = *value);
    }
}

fn smooth(from: &[f32], weights: &[f64], to: &mut [f32]) {
    let last = from.len() - 1;
    let left = |at: usize, i: usize| from[at.abs_diff(i).min(last)];
    let right = |at: usize, i: usize| match at + i {
        inside if inside <= last => from[inside],
        beyond => from[(2 * last + 1).saturating_sub(beyond)],
    };
    for (at, to) in to.iter_mut().take(from.len()).enumerate() {
        let both = |i: usize| f64::from(left(at, i)) + f64::from(right(at, i));
        let sides: f64 = (1..weights.len()).map(|i| weights[i] * both(i)).sum();
        *to = (weights[0] * f64::from(from[at]) + sides) as f32;
    }
}
