//! A camera that pans, zooms and shakes, smoothly.

use std::f32::consts::TAU;

use rand::Rng;

use super::draw::{Point, Shape};

/// The path of the camera over a video.
#[derive(Debug, Clone)]
pub(crate) struct Path {
    /// Of x, y and the logarithm of the zoom.
    waves: [[Wave; 3]; 3],
}

#[derive(Debug, Clone, Copy)]
struct Wave {
    height: f32,
    cycles: f32,
    phase: f32,
}

/// Where the camera stands at one time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Camera {
    /// What is in the middle of the frame.
    pub(crate) centre: Point,
    /// Pixels in one unit of the scene.
    pub(crate) scale: f32,
    /// Pixels from the frame's corner to its middle.
    pub(crate) middle: Point,
}

impl Path {
    /// `strength` 0 stands still; 1 moves by up to a tenth of the frame and zooms by a tenth.
    pub(crate) fn draw(strength: f32, rng: &mut impl Rng) -> Self {
        let mut wave = |height: f32, cycles: [f32; 2]| Wave {
            height: strength * height * rng.random::<f32>(),
            cycles: rng.random_range(cycles[0]..cycles[1]),
            phase: rng.random::<f32>() * TAU,
        };
        // A drift, a sway, a shake.
        let mut axis = |drift, sway, shake| {
            [wave(drift, [0.2, 0.6]), wave(sway, [0.8, 2.]), wave(shake, [6., 14.])]
        };
        Self { waves: [axis(0.07, 0.025, 0.006), axis(0.05, 0.02, 0.006), axis(0.1, 0.03, 0.)] }
    }

    /// At `time`, from 0 to 1, for a frame of `width` x `height` pixels.
    pub(crate) fn at(&self, time: f32, width: usize, height: usize) -> Camera {
        let sum = |waves: &[Wave; 3]| -> f32 {
            waves.iter().map(|w| w.height * (TAU * w.cycles * time + w.phase).sin()).sum()
        };
        let [x, y, zoom] = [0, 1, 2].map(|i| sum(&self.waves[i]));
        Camera {
            centre: [x, y],
            scale: width.min(height) as f32 * zoom.exp(),
            middle: [width as f32 / 2., height as f32 / 2.],
        }
    }
}

impl Camera {
    /// A shape of the scene as it is seen, in pixels.
    pub(crate) fn see(&self, mut shape: Shape) -> Shape {
        for corner in &mut shape.corners {
            *corner = [0, 1]
                .map(|axis| (corner[axis] - self.centre[axis]) * self.scale + self.middle[axis]);
        }
        shape.radius *= self.scale;
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_without_strength_stands_still() {
        let path = Path::draw(0., &mut marey_layers::rng::stream(1, "c", 0));
        let camera = path.at(0.3, 80, 60);
        let shape = Shape { corners: vec![[0.5, -0.5]], radius: 0.1, colour: [0.; 3] };
        let seen = camera.see(shape);
        assert_eq!((seen.corners[0], seen.radius), ([70., 0.], 6.));
    }

    #[test]
    fn a_camera_moves_smoothly_and_stays_near() {
        for i in 0..50 {
            let path = Path::draw(1., &mut marey_layers::rng::stream(1, "c", i));
            let seen: Vec<_> = (0..=100).map(|t| path.at(t as f32 / 100., 64, 64)).collect();
            for pair in seen.windows(2) {
                let step = (pair[1].centre[0] - pair[0].centre[0]).abs();
                assert!(step < 0.02 && pair[0].centre[0].abs() <= 0.102);
                assert!((0.87..1.15).contains(&(pair[0].scale / 64.)));
            }
            assert!(seen[0].centre != seen[50].centre);
        }
    }
}
