//! What is behind a figure: a textured wall and floor, and shapes that move on their own.

use std::f32::consts::TAU;

use rand::Rng;

use super::camera::Camera;
use super::draw::{Canvas, Colour, Point, Shape};
use super::figure::hsv;

/// The scene without its figure.
#[derive(Debug)]
pub(crate) struct Background {
    /// How bright it is on the whole, from 0 to 1.
    pub(crate) brightness: f32,
    texture: Texture,
    distractors: Vec<Distractor>,
}

/// A picture that is larger than the frame, and goes on as its own border.
#[derive(Debug)]
struct Texture {
    side: [usize; 2],
    /// Texture pixels in one unit of the scene.
    scale: f32,
    pixels: Vec<Colour>,
}

/// A shape that swings on an ellipse.
#[derive(Debug)]
struct Distractor {
    shape: Shape,
    swing: Point,
    cycles: f32,
    phase: Point,
}

/// How a wall or a floor is painted, between two colours: a number from 0 to 1 for each point.
#[derive(Debug)]
enum Pattern {
    Noise { lattice: Vec<f32>, period: f32 },
    Stripes { across: Point, checks: bool, soft: f32 },
    Gradient { along: Point },
}

const LATTICE: usize = 16;
/// How far a camera can see beyond the frame, of its shorter side.
const MARGIN: f32 = 0.25;

impl Background {
    /// `contrast` from 0 (one colour) to 1; up to `distractors` moving shapes.
    pub(crate) fn draw(
        contrast: f32,
        distractors: usize,
        [width, height]: [usize; 2],
        rng: &mut impl Rng,
    ) -> Self {
        let bright = rng.random::<bool>();
        let value = if bright { rng.random_range(0.6..0.95) } else { rng.random_range(0.1..0.35) };
        let mut colour = |value: f32| hsv(rng.random(), rng.random_range(0f32..0.5), value);
        let spread = 0.22 * contrast;
        let paint = [value - spread, value + spread, value - spread, value + 0.7 * spread]
            .map(|v| colour(v.clamp(0.02, 1.)));
        let patterns = [Pattern::draw(rng), Pattern::draw(rng)];
        let horizon = rng.random_range(0.05..0.3);
        let unit = width.min(height) as f32;
        let texture = Texture::paint([width, height], unit, |[x, y]| {
            let floor = usize::from(y > horizon);
            let t = contrast * patterns[floor].at([x, y]);
            let (a, b) = (paint[2 * floor], paint[2 * floor + 1]);
            [0, 1, 2].map(|c| a[c] + t * (b[c] - a[c]))
        });
        let count = if distractors == 0 { 0 } else { rng.random_range(0..=distractors) };
        let half = [width as f32 / unit / 2., height as f32 / unit / 2.];
        let distractors = (0..count).map(|_| Distractor::draw(half, value, rng)).collect();
        Self { brightness: value, texture, distractors }
    }

    /// Fills `canvas` with what `camera` sees at `time`, from 0 to 1.
    pub(crate) fn render(&self, camera: &Camera, time: f32, canvas: &mut Canvas) {
        self.texture.render(camera, canvas);
        for distractor in &self.distractors {
            canvas.draw(&camera.see(distractor.at(time)));
        }
    }
}

impl Texture {
    fn paint([width, height]: [usize; 2], unit: f32, f: impl Fn(Point) -> Colour) -> Self {
        let extra = (2. * MARGIN * unit) as usize;
        let side = [width + extra, height + extra];
        let at = |i: usize, axis: usize| (i as f32 + 0.5 - side[axis] as f32 / 2.) / unit;
        let pixels = (0..side[1]).flat_map(|y| (0..side[0]).map(move |x| [x, y]));
        let pixels = pixels.map(|[x, y]| f([at(x, 0), at(y, 1)])).collect();
        Self { side, scale: unit, pixels }
    }

    fn render(&self, camera: &Camera, canvas: &mut Canvas) {
        let [w, h] = self.side;
        // The texture's pixel, from the frame's: `a i + b`, along each axis.
        let a = self.scale / camera.scale;
        let b = [0, 1].map(|axis| {
            let start = (0.5 - camera.middle[axis]) / camera.scale + camera.centre[axis];
            start * self.scale + self.side[axis] as f32 / 2. - 0.5
        });
        let tap = |i: usize, axis: usize| {
            let at = (a * i as f32 + b[axis]).clamp(0., (self.side[axis] - 1) as f32);
            let first = (at as usize).min(self.side[axis].saturating_sub(2));
            (first, at - first as f32)
        };
        let columns: Vec<_> = (0..canvas.width).map(|x| tap(x, 0)).collect();
        let (right, below) = (usize::from(w > 1), if h > 1 { w } else { 0 });
        for (y, row) in canvas.pixels.chunks_exact_mut(canvas.width.max(1)).enumerate() {
            let (top, v) = tap(y, 1);
            for (pixel, (left, u)) in row.iter_mut().zip(&columns) {
                let i = top * w + left;
                let [p, q] = [self.pixels[i], self.pixels[i + right]];
                let [r, s] = [self.pixels[i + below], self.pixels[i + below + right]];
                for c in 0..3 {
                    let (upper, lower) = (p[c] + u * (q[c] - p[c]), r[c] + u * (s[c] - r[c]));
                    pixel[c] = upper + v * (lower - upper);
                }
            }
        }
    }
}

impl Pattern {
    fn draw(rng: &mut impl Rng) -> Self {
        let angle = rng.random::<f32>() * TAU;
        let [sin, cos] = [angle.sin(), angle.cos()];
        match rng.random_range(0..4) {
            0 => Self::Gradient { along: [cos, sin] },
            1 | 2 => {
                let frequency = rng.random_range(3f32..9.);
                Self::Stripes {
                    across: [cos * frequency, sin * frequency],
                    checks: rng.random(),
                    soft: rng.random_range(0.1..0.5),
                }
            }
            _ => Self::Noise {
                lattice: (0..LATTICE * LATTICE).map(|_| rng.random()).collect(),
                period: rng.random_range(3.0..9.0),
            },
        }
    }

    fn at(&self, [x, y]: Point) -> f32 {
        match self {
            Self::Gradient { along } => (0.5 + x * along[0] + y * along[1]).clamp(0., 1.),
            Self::Stripes { across, checks, soft } => {
                // A triangle wave with its tips cut off: a stripe with an edge `soft` wide.
                let edge = |at: f32| {
                    let wave = 4. * (at.rem_euclid(1.) - 0.5).abs() - 1.;
                    0.5 + (wave / (2. * soft)).clamp(-0.5, 0.5)
                };
                let one = edge(x * across[0] + y * across[1]);
                match checks {
                    false => one,
                    true => {
                        let two = edge(y * across[0] - x * across[1]);
                        one + two - 2. * one * two
                    }
                }
            }
            Self::Noise { lattice, period } => {
                let octave = |scale: f32| noise(lattice, [x * scale, y * scale]);
                0.65 * octave(*period) + 0.35 * octave(2.3 * period)
            }
        }
    }
}

/// Values at whole numbers, joined smoothly.
fn noise(lattice: &[f32], at: Point) -> f32 {
    let split = |v: f32| {
        let whole = v.floor();
        let t = v - whole;
        ((whole as i64).rem_euclid(LATTICE as i64) as usize, t * t * (3. - 2. * t))
    };
    let ((x, u), (y, v)) = (split(at[0]), split(at[1]));
    let (x1, y1) = ((x + 1) % LATTICE, (y + 1) % LATTICE);
    let row = |y: usize| {
        let (a, b) = (lattice[y * LATTICE + x], lattice[y * LATTICE + x1]);
        a + u * (b - a)
    };
    let (upper, lower) = (row(y), row(y1));
    upper + v * (lower - upper)
}

impl Distractor {
    fn draw(half: Point, around: f32, rng: &mut impl Rng) -> Self {
        let middle = half.map(|h| rng.random_range(-h..h));
        let size = rng.random_range(0.02f32..0.06);
        let angle = rng.random::<f32>() * TAU;
        let arm = [2. * size * angle.cos(), 2. * size * angle.sin()];
        let plus = |s: f32, t: f32| {
            [middle[0] + s * arm[0] - t * arm[1], middle[1] + s * arm[1] + t * arm[0]]
        };
        let corners = match rng.random_range(0..3) {
            0 => vec![middle],
            1 => vec![plus(-1., 0.), plus(1., 0.)],
            _ => vec![plus(-0.5, -0.5), plus(0.5, -0.5), plus(0.5, 0.5), plus(-0.5, 0.5)],
        };
        let value = (around + rng.random_range(-0.35f32..0.35)).clamp(0.1, 1.);
        let colour = hsv(rng.random(), rng.random_range(0.2..0.9), value);
        Self {
            shape: Shape { corners, radius: size, colour },
            swing: [rng.random_range(0f32..0.15), rng.random_range(0f32..0.1)],
            cycles: rng.random_range(0.3..2.),
            phase: [rng.random::<f32>() * TAU, rng.random::<f32>() * TAU],
        }
    }

    fn at(&self, time: f32) -> Shape {
        let mut shape = self.shape.clone();
        for axis in 0..2 {
            let by = self.swing[axis] * (TAU * self.cycles * time + self.phase[axis]).sin();
            shape.corners.iter_mut().for_each(|corner| corner[axis] += by);
        }
        shape
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marionettes::camera::Path;

    #[test]
    fn a_still_camera_sees_the_middle_of_the_texture_as_it_is() {
        let mut rng = marey_layers::rng::stream(1, "b", 0);
        let texture = Texture::paint([20, 16], 16., |[x, y]| [x, y, 1.]);
        let camera = Path::draw(0., &mut rng).at(0., 20, 16);
        let mut canvas = Canvas::new(20, 16);
        texture.render(&camera, &mut canvas);
        for (i, pixel) in canvas.pixels.iter().enumerate() {
            let wanted = [(i % 20) as f32 + 0.5 - 10., (i / 20) as f32 + 0.5 - 8.];
            assert!((pixel[0] * 16. - wanted[0]).abs() < 1e-4, "{i}: {pixel:?}");
            assert!((pixel[1] * 16. - wanted[1]).abs() < 1e-4, "{i}: {pixel:?}");
        }
    }

    #[test]
    fn no_contrast_and_no_distractors_is_one_colour_above_and_one_below() {
        let mut rng = marey_layers::rng::stream(1, "b", 1);
        let background = Background::draw(0., 0, [16, 16], &mut rng);
        let mut canvas = Canvas::new(16, 16);
        let camera = Path::draw(0., &mut rng).at(0., 16, 16);
        background.render(&camera, 0.5, &mut canvas);
        assert!(canvas.pixels[..16 * 8].iter().all(|p| p == &canvas.pixels[0]));
    }

    #[test]
    fn patterns_stay_between_their_two_colours() {
        for i in 0..40 {
            let pattern = Pattern::draw(&mut marey_layers::rng::stream(1, "p", i));
            let values: Vec<_> = (0..400)
                .map(|k| pattern.at([(k % 20) as f32 / 20. - 0.5, (k / 20) as f32 / 20. - 0.5]))
                .collect();
            assert!(values.iter().all(|v| (-1e-5..=1.00001).contains(v)), "{pattern:?}");
            assert!(values.iter().any(|v| (v - values[0]).abs() > 0.1), "{pattern:?}");
        }
    }
}
