//! OpenCV's `DualTVL1OpticalFlow`, as OpenCV 5 computes it on the CPU.
//!
//! Reference: `opencv_contrib`, `modules/optflow/src/tvl1flow.cpp`; `resize`, `remap` and `medianBlur` of OpenCV. On
//! these tests' frames, in whole grey levels, OpenCV 5.0.0 itself gave the same within 5e-5 pixels wherever the scheme is stable.

use marey_flow::TvL1Config;

use super::grid::{Data, Grid, State, Weights};

pub(crate) fn flow(i0: &Grid, i1: &Grid, config: &TvL1Config) -> [Grid; 2] {
    let zoom = f64::from(config.zoom);
    let mut levels = vec![[i0.clone(), i1.clone()]];
    for s in 1..config.scales {
        let next = levels[s - 1].each_ref().map(|image| {
            let size = |len: usize| (len as f64 * zoom).round_ties_even() as usize;
            resize(image, [size(image.nx), size(image.ny)], [1. / zoom; 2])
        });
        if next[0].nx < 16 || next[0].ny < 16 {
            break;
        }
        levels.push(next);
    }
    let components = if config.gamma == 0. { 2 } else { 3 };
    let mut u = vec![levels[levels.len() - 1][0].map(|_| 0.); components];
    for (s, [i0, i1]) in levels.iter().enumerate().rev() {
        u = one_scale(i0, i1, u, config);
        if s > 0 {
            let [finer, _] = &levels[s - 1];
            for (c, u) in u.iter_mut().enumerate() {
                let scale = [u.nx as f64 / finer.nx as f64, u.ny as f64 / finer.ny as f64];
                *u = resize(u, [finer.nx, finer.ny], scale);
                if c < 2 {
                    *u = u.map(|value| value / zoom);
                }
            }
        }
    }
    [u[0].clone(), u[1].clone()]
}

fn one_scale(i0: &Grid, i1: &Grid, u: Vec<Grid>, config: &TvL1Config) -> Vec<Grid> {
    let theta = f64::from(config.theta);
    let weights = Weights {
        l_t: f64::from(config.lambda) * theta,
        theta,
        taut: f64::from(config.tau) / theta,
        gamma: f64::from(config.gamma),
        flat: f64::from(f32::EPSILON),
    };
    let enough = f64::from(config.epsilon).powi(2) * i0.v.len() as f64;
    let [i1x, i1y] = i1.centred_gradient();
    let mut state = State::new(u);
    for _ in 0..config.warps {
        let warped = [i1, &i1x, &i1y].map(|image| {
            Grid::new(image.nx, image.ny, |x, y| {
                let [u, v] = [0, 1].map(|c: usize| state.u[c].at(x, y));
                remap_at(image, x as f64 + u, y as f64 + v)
            })
        });
        let data = Data::new(i0, warped, &state.u);
        let mut error = f64::MAX;
        for _ in 0..config.outer {
            if error <= enough {
                break;
            }
            if config.median > 1 {
                for u in state.u.iter_mut().take(2) {
                    *u = median(u, config.median);
                }
            }
            for _ in 0..config.inner {
                if error <= enough {
                    break;
                }
                error = state.iterate(&data, &weights);
            }
        }
    }
    state.u
}

/// `INTER_LINEAR`.
fn resize(image: &Grid, [nx, ny]: [usize; 2], scale: [f64; 2]) -> Grid {
    let place = |at: usize, scale: f64, len: usize| {
        let place = (at as f64 + 0.5) * scale - 0.5;
        let low = place.floor();
        if low < 0. {
            (0, 0.)
        } else if low as usize >= len - 1 {
            (len as i64 - 1, 0.)
        } else {
            (low as i64, place - low)
        }
    };
    Grid::new(nx, ny, |x, y| {
        let ((x, fx), (y, fy)) = (place(x, scale[0], image.nx), place(y, scale[1], image.ny));
        let row = |y: i64| image.clamped(x, y) * (1. - fx) + image.clamped(x + 1, y) * fx;
        row(y) * (1. - fy) + row(y + 1) * fy
    })
}

/// `INTER_CUBIC`, with `BORDER_CONSTANT` of 0.
fn remap_at(image: &Grid, x: f64, y: f64) -> f64 {
    let ((x, wx), (y, wy)) = (cubic(x), cubic(y));
    let pixel = |x: i64, y: i64| {
        let inside = x >= 0 && y >= 0 && x < image.nx as i64 && y < image.ny as i64;
        if inside { image.at(x as usize, y as usize) } else { 0. }
    };
    let row = |y: i64| (0..4).map(|i| wx[i] * pixel(x + i as i64 - 1, y)).sum::<f64>();
    (0..4).map(|i| wy[i] * row(y + i as i64 - 1)).sum()
}

/// `interpolateCubic`, about a place.
fn cubic(place: f64) -> (i64, [f64; 4]) {
    const A: f64 = -0.75;
    let low = place.floor();
    let x = place - low;
    let mut coeffs = [0.; 4];
    coeffs[0] = ((A * (x + 1.) - 5. * A) * (x + 1.) + 8. * A) * (x + 1.) - 4. * A;
    coeffs[1] = ((A + 2.) * x - (A + 3.)) * x * x + 1.;
    coeffs[2] = ((A + 2.) * (1. - x) - (A + 3.)) * (1. - x) * (1. - x) + 1.;
    coeffs[3] = 1. - coeffs[0] - coeffs[1] - coeffs[2];
    (low as i64, coeffs)
}

/// `medianBlur`.
fn median(image: &Grid, side: usize) -> Grid {
    let half = (side / 2) as i64;
    Grid::new(image.nx, image.ny, |x, y| {
        let (x, y) = (x as i64, y as i64);
        let rows = (y - half..=y + half).map(|y| (x - half..=x + half).map(move |x| (x, y)));
        let mut window: Vec<f64> = rows.flatten().map(|(x, y)| image.clamped(x, y)).collect();
        window.sort_by(f64::total_cmp);
        window[side * side / 2]
    })
}
