//! Textured frames that are moved by a known motion.

// Each test takes what it needs.
#![allow(dead_code)]

use marey_flow::{Field, Grey};

/// Numbers in `[0, 1)` that follow from a seed.
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A sum of waves of all directions, known at every place.
pub(crate) struct Texture(Vec<[f64; 4]>);

impl Texture {
    /// Of waves that are from 5 to 25 pixels long.
    pub(crate) fn new(seed: u64) -> Self {
        let mut draws = Draws(seed);
        let wave = |_| {
            let angle = std::f64::consts::TAU * draws.next();
            let rate = std::f64::consts::TAU / (5. + 20. * draws.next());
            let phase = std::f64::consts::TAU * draws.next();
            [rate * angle.cos(), rate * angle.sin(), phase, 8. + 12. * draws.next()]
        };
        Self((0..14).map(wave).collect())
    }

    /// Its brightness at a place, mostly within `[0, 255]`.
    pub(crate) fn at(&self, x: f64, y: f64) -> f64 {
        let waves =
            self.0.iter().map(|[fx, fy, phase, size]| size * (fx * x + fy * y + phase).sin());
        128. + waves.sum::<f64>()
    }

    /// A frame of it, each pixel seen where it was before it moved so far.
    pub(crate) fn frame(&self, [w, h]: [usize; 2], motion: impl Fn(f64, f64) -> [f64; 2]) -> Grey {
        let pixel = |at: usize| {
            let (x, y) = ((at % w) as f64, (at / w) as f64);
            let [dx, dy] = motion(x, y);
            self.at(x - dx, y - dy) as f32
        };
        Grey::new(w, h, (0..w * h).map(pixel).collect()).unwrap()
    }
}

/// A slow motion that is another in each place.
pub(crate) fn smooth_motion(x: f64, y: f64) -> [f64; 2] {
    [1.3 + 0.9 * (x / 17.).sin() + 0.3 * (y / 11.).cos(), -0.8 + 0.6 * (x / 13. + y / 19.).cos()]
}

/// A texture and the same moved smoothly.
pub(crate) fn moved(seed: u64, size: [usize; 2]) -> [Grey; 2] {
    let texture = Texture::new(seed);
    [texture.frame(size, |_, _| [0.; 2]), texture.frame(size, smooth_motion)]
}

/// Lengths of the differences of two fields' displacements.
pub(crate) fn differences(a: &Field, b: &Field) -> Vec<f64> {
    let pairs = a.x().iter().zip(a.y()).zip(b.x().iter().zip(b.y()));
    pairs.map(|((ax, ay), (bx, by))| f64::from(ax - bx).hypot(f64::from(ay - by))).collect()
}

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

pub(crate) fn most(values: &[f64]) -> f64 {
    values.iter().copied().fold(0., f64::max)
}
