//! Sanchez, Meinhardt-Llopis and Facciolo, "TV-L1 Optical Flow Estimation", IPOL 2013, as its program computes it.
//!
//! Reference: `main.c`, `tvl1flow_lib.c`, `mask.c`, `zoom.c` and `bicubic_interpolation.c`.

use marey_flow::TvL1Config;

use super::grid::{Data, Grid, State, Weights};

pub(crate) fn flow(i0: &Grid, i1: &Grid, config: &TvL1Config) -> [Grid; 2] {
    let zoom = f64::from(config.zoom);
    let n = 1. + ((i0.nx as f64).hypot(i0.ny as f64) / 16.).ln() / (1. / zoom).ln();
    let scales = config.scales.min(n as usize);
    let mut levels = vec![normalised(i0, i1).map(|image| gaussian(&image, 0.8))];
    for s in 1..scales {
        let next = levels[s - 1].each_ref().map(|image| zoom_out(image, zoom));
        levels.push(next);
    }
    let coarsest = levels[scales - 1][0].map(|_| 0.);
    let mut u = vec![coarsest.clone(), coarsest];
    for (s, [i0, i1]) in levels.iter().enumerate().rev() {
        u = one_scale(i0, i1, u, config);
        if s > 0 {
            let [finer, _] = &levels[s - 1];
            let zoomed = |u: &Grid| zoom_in(u, finer.nx, finer.ny).map(|value| value / zoom);
            u = u.iter().map(zoomed).collect();
        }
    }
    [u[0].clone(), u[1].clone()]
}

fn one_scale(i0: &Grid, i1: &Grid, u: Vec<Grid>, config: &TvL1Config) -> Vec<Grid> {
    let (theta, epsilon) = (f64::from(config.theta), f64::from(config.epsilon));
    let weights = Weights {
        l_t: f64::from(config.lambda) * theta,
        theta,
        taut: f64::from(config.tau) / theta,
        gamma: 0.,
        flat: 1e-10,
    };
    let [i1x, i1y] = i1.centred_gradient();
    let mut state = State::new(u);
    for _ in 0..config.warps {
        let warped = [i1, &i1x, &i1y].map(|image| {
            Grid::new(image.nx, image.ny, |x, y| {
                let [u, v] = [0, 1].map(|c: usize| state.u[c].at(x, y));
                bicubic_at(image, x as f64 + u, y as f64 + v, true)
            })
        });
        let data = Data::new(i0, warped, &state.u);
        for _ in 0..config.inner {
            let error = state.iterate(&data, &weights) / i0.v.len() as f64;
            if error <= epsilon * epsilon {
                break;
            }
        }
    }
    state.u
}

fn normalised(i0: &Grid, i1: &Grid) -> [Grid; 2] {
    let values = || i0.v.iter().chain(&i1.v).copied();
    let (min, max) = (values().fold(f64::MAX, f64::min), values().fold(f64::MIN, f64::max));
    if max <= min {
        return [i0.clone(), i1.clone()];
    }
    [i0, i1].map(|image| image.map(|value| 255. * (value - min) / (max - min)))
}

fn gaussian(image: &Grid, sigma: f64) -> Grid {
    let size = (5. * sigma) as usize + 1;
    let mut b: Vec<f64> =
        (0..size).map(|i| (-((i * i) as f64) / (2. * sigma * sigma)).exp()).collect();
    let norm = 2. * b.iter().sum::<f64>() - b[0];
    b.iter_mut().for_each(|weight| *weight /= norm);
    // The line is reflected about its first number, and about the edge behind its last.
    let line = |from: Vec<f64>| -> Vec<f64> {
        let n = from.len();
        let before: Vec<f64> = (0..size).map(|i| from[size - i]).collect();
        let after: Vec<f64> = (0..size).map(|i| from[n - i - 1]).collect();
        let r = [before, from, after].concat();
        let sum =
            |i: usize| b[0] * r[i] + (1..size).map(|j| b[j] * (r[i - j] + r[i + j])).sum::<f64>();
        (size..size + n).map(sum).collect()
    };
    let rows: Vec<Vec<f64>> = image.v.chunks(image.nx).map(|row| line(row.to_vec())).collect();
    let columns: Vec<Vec<f64>> =
        (0..image.nx).map(|x| line(rows.iter().map(|row| row[x]).collect())).collect();
    Grid::new(image.nx, image.ny, |x, y| columns[x][y])
}

fn zoom_out(image: &Grid, factor: f64) -> Grid {
    let size = |len: usize| (len as f64 * factor + 0.5) as usize;
    let smooth = gaussian(image, 0.6 * (1. / (factor * factor) - 1.).sqrt());
    Grid::new(size(image.nx), size(image.ny), |x, y| {
        bicubic_at(&smooth, x as f64 / factor, y as f64 / factor, false)
    })
}

fn zoom_in(image: &Grid, nxx: usize, nyy: usize) -> Grid {
    let (fx, fy) = (nxx as f64 / image.nx as f64, nyy as f64 / image.ny as f64);
    Grid::new(nxx, nyy, |x, y| bicubic_at(image, x as f64 / fx, y as f64 / fy, false))
}

/// `bicubic_interpolation_at`, also where it goes its own way: it counts from 0 towards the place, and steps back along y by
/// the sign of x.
fn bicubic_at(image: &Grid, uu: f64, vv: f64, border_out: bool) -> f64 {
    let sign = |place: f64| if place < 0. { -1 } else { 1 };
    let (sx, sy) = (sign(uu), sign(vv));
    let (x, y) = (uu as i64, vv as i64);
    let xs = [x - sx, x, x + sx, x + 2 * sx];
    let ys = [y - sx, y, y + sy, y + 2 * sy];
    let outside = |places: [i64; 4], n: usize| places.iter().any(|at| *at < 0 || *at >= n as i64);
    if border_out && (outside(xs, image.nx) || outside(ys, image.ny)) {
        return 0.;
    }
    let clamped = |at: i64, n: usize| at.clamp(0, n as i64 - 1) as f64;
    let (dx, dy) = (uu - clamped(x, image.nx), vv - clamped(y, image.ny));
    cubic(xs.map(|x| cubic(ys.map(|y| image.clamped(x, y)), dy)), dx)
}

fn cubic(v: [f64; 4], x: f64) -> f64 {
    v[1] + 0.5
        * x
        * (v[2] - v[0]
            + x * (2. * v[0] - 5. * v[1] + 4. * v[2] - v[3]
                + x * (3. * (v[1] - v[2]) + v[3] - v[0])))
}
