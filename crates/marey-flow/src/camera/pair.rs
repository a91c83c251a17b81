//! Two frames of which all motion is known, for the tests.

use super::Homography;
use super::ransac::draws;
use crate::{Field, Grey};

/// A camera that turns, nears and tilts a little.
pub(super) const TILT: [[f64; 3]; 3] = [[1.02, 0.03, -6.5], [-0.02, 0.98, 4.25], [2e-5, -3e-5, 1.]];

/// The corners and the middle of 320 x 240 pixels.
pub(super) const CORNERS: [[f64; 2]; 5] =
    [[0., 0.], [319., 0.], [0., 239.], [319., 239.], [160., 120.]];

/// Smooth noise: each of three layers is drawn on a grid twice as fine as the one before, and half as strong.
pub(super) fn texture(width: usize, height: usize, seed: u64) -> Grey {
    let value = |layer: u64, x: usize, y: usize| {
        let seed = (seed << 60) | (layer << 50) | ((x as u64) << 25) | y as u64;
        draws(seed).next().map_or(0., |draw| (draw >> 40) as f32 / (1 << 24) as f32)
    };
    let pixel = |at: usize| {
        let (x, y) = (at % width, at / width);
        let layer = |layer: u64| {
            let cell = 16 >> layer;
            let smooth = |at: usize| {
                let f = (at % cell) as f32 / cell as f32;
                f * f * (3. - 2. * f)
            };
            let row = |y: usize| {
                let (a, b) = (value(layer, x / cell, y), value(layer, x / cell + 1, y));
                a + (b - a) * smooth(x)
            };
            let (a, b) = (row(y / cell), row(y / cell + 1));
            (a + (b - a) * smooth(y)) / (1 << layer) as f32
        };
        255. / 1.75 * (0..3).map(layer).sum::<f32>()
    };
    Grey::new(width, height, (0..width * height).map(pixel).collect()).expect("finite pixels")
}

/// A frame, the next one seen by a camera that moved, in which a square moved by itself, and the flow between them.
pub(super) struct Pair {
    pub(super) from: Grey,
    pub(super) to: Grey,
    pub(super) flow: Field,
    pub(super) camera: Homography,
}

/// Where the square begins, and what it does.
const BODY: [usize; 2] = [60, 50];
const SIDE: usize = 40;
const STEP: [usize; 2] = [12, 7];

impl Pair {
    pub(super) fn new(from: Grey, camera: Homography) -> Self {
        let (w, h) = (from.width(), from.height());
        let mut pixels = camera.warp(&from).expect("an image").pixels().to_vec();
        for (x, y) in (0..SIDE * SIDE).map(|i| (BODY[0] + i % SIDE, BODY[1] + i / SIDE)) {
            pixels[(y + STEP[1]) * w + x + STEP[0]] = from.pixels()[y * w + x];
        }
        let behind = camera.field(w, h).expect("a field");
        let flow = Field::from_fn(w, h, |x, y| match inside([x, y], 0) {
            true => STEP.map(|d| d as f32),
            false => behind.get(x, y).unwrap_or([f32::NAN; 2]),
        });
        let to = Grey::new(w, h, pixels).expect("finite pixels");
        Self { from, to, flow: flow.expect("a field"), camera }
    }

    /// Whether a pixel of the first frame is of the square.
    pub(super) fn moves(&self, pixel: [usize; 2]) -> bool {
        inside(pixel, 0)
    }

    /// Whether it is so near to the square that the square may hide it in one of the frames.
    pub(super) fn near_body(&self, pixel: [usize; 2]) -> bool {
        inside(pixel, 24)
    }
}

fn inside(pixel: [usize; 2], margin: usize) -> bool {
    let on = |i: usize| (BODY[i] - margin..BODY[i] + SIDE + margin).contains(&pixel[i]);
    on(0) && on(1)
}
