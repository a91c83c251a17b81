//! Flow as arrows over a frame.

use image::{Rgb, RgbImage};

use crate::error::same_size;
use crate::{Error, Field, Result, colour};

/// Arrows from where pixels are to where they go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrows {
    /// Pixels from one arrow to the next, along x and y.
    pub step: usize,
    /// Pixels of arrow for a pixel of displacement; 1 is the truth.
    pub scale: f32,
}

impl Default for Arrows {
    fn default() -> Self {
        Self { step: 16, scale: 1. }
    }
}

/// Half the width of a line, and of the dark one beneath it, in pixels.
const HALF: f64 = 0.6;
const HALF_DARK: f64 = 1.6;

/// How much of the frame the dark line takes away.
const DARK: f64 = 0.6;

type Point = [f64; 2];

impl Arrows {
    /// The frame with arrows, in the colours of [`colour`](crate::colour()), white at rest. There is none where the displacement is
    /// not known.
    ///
    /// # Errors
    ///
    /// If frame and field are not of one size, the step is 0 or the scale is not a positive number.
    pub fn draw(&self, frame: &RgbImage, field: &Field) -> Result<RgbImage> {
        same_size(
            "a picture is of a frame and a field",
            crate::grey::size_of(frame),
            field.size(),
        )?;
        if self.step == 0 || !self.scale.is_finite() || self.scale <= 0. {
            return Err(Error::Input(format!("{self:?} cannot be drawn")));
        }
        let mut image = frame.clone();
        // No arrow need be longer than the image.
        let most = f64::from(frame.width()).hypot(f64::from(frame.height()));
        for (column, row, v) in field.pixels() {
            let is_here = [column, row].iter().all(|at| at % self.step == self.step / 2);
            let Some(v) = v.filter(|v| is_here && colour::length(*v).is_finite()) else { continue };
            let length = colour::length(v);
            let scale = f64::from(self.scale).min(most / length);
            let from = [column as f64, row as f64];
            let to = [0, 1].map(|i| from[i] + scale * f64::from(v[i]));
            // In full colour from a pixel on.
            paint(&mut image, &lines(from, to), colour::shade(v, length.min(1.)));
        }
        Ok(image)
    }
}

/// The shaft, and the two sides of the head.
fn lines(from: Point, to: Point) -> [[Point; 2]; 3] {
    let v = [to[0] - from[0], to[1] - from[1]];
    let length = v[0].hypot(v[1]);
    // A third of the arrow, but no more than the eye needs.
    let head = (length / 3.).min(5.) / length.max(f64::MIN_POSITIVE);
    let side = |sign: f64| {
        let (sin, cos) = (sign * 0.5f64).sin_cos();
        let back = [v[0] * cos - v[1] * sin, v[0] * sin + v[1] * cos];
        [to, [to[0] - head * back[0], to[1] - head * back[1]]]
    };
    [[from, to], side(1.), side(-1.)]
}

/// Lines with round ends and soft edges, on a dark ground so that they are seen on any frame.
fn paint(image: &mut RgbImage, lines: &[[Point; 2]; 3], colour: Rgb<u8>) {
    let span = |axis: usize, side: u32| {
        let ends = || lines.iter().flatten().map(|point| point[axis]);
        let (low, high) = ends().fold((f64::MAX, f64::MIN), |(a, b), v| (a.min(v), b.max(v)));
        // `as` ends at 0.
        (low - HALF_DARK - 1.) as u32..side.min((high + HALF_DARK + 2.) as u32)
    };
    let (columns, rows) = (span(0, image.width()), span(1, image.height()));
    for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))) {
        let at = [f64::from(x), f64::from(y)];
        let distance = lines.iter().map(|line| distance(at, *line)).fold(f64::MAX, f64::min);
        let cover = |half: f64| (half + 0.5 - distance).clamp(0., 1.);
        let (dark, light) = (1. - DARK * cover(HALF_DARK), cover(HALF));
        for (byte, full) in image.get_pixel_mut(x, y).0.iter_mut().zip(colour.0) {
            let under = f64::from(*byte) * dark;
            *byte = (under + light * (f64::from(full) - under)).round() as u8;
        }
    }
}

/// From a point to a line between two points.
fn distance(at: Point, [from, to]: [Point; 2]) -> f64 {
    let (v, w) = ([to[0] - from[0], to[1] - from[1]], [at[0] - from[0], at[1] - from[1]]);
    let square = v[0] * v[0] + v[1] * v[1];
    let along = if square > 0. { ((v[0] * w[0] + v[1] * w[1]) / square).clamp(0., 1.) } else { 0. };
    (w[0] - along * v[0]).hypot(w[1] - along * v[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(image: &RgbImage) -> Vec<(u32, u32)> {
        image
            .enumerate_pixels()
            .filter(|(_, _, p)| p.0 != [100; 3])
            .map(|(x, y, _)| (x, y))
            .collect()
    }

    fn draw(v: impl Fn(usize, usize) -> [f32; 2]) -> RgbImage {
        let frame = RgbImage::from_pixel(32, 32, Rgb([100; 3]));
        Arrows::default().draw(&frame, &Field::from_fn(32, 32, v).unwrap()).unwrap()
    }

    #[test]
    fn the_distance_to_a_line_is_by_hand() {
        let line = [[0., 0.], [4., 0.]];
        for (at, want) in [([2., 3.], 3.), ([7., 4.], 5.), ([-3., -4.], 5.), ([1., 0.], 0.)] {
            assert_eq!(distance(at, line), want, "{at:?}");
        }
        assert_eq!(distance([3., 4.], [[0., 0.]; 2]), 5.);
    }

    #[test]
    fn an_arrow_goes_from_its_pixel_to_where_it_is_next() {
        // One known pixel of the four that could have arrows, 10 to the right.
        let image = draw(|x, y| if (x, y) == (8, 24) { [10., 0.] } else { [f32::NAN; 2] });
        for x in 8..=18 {
            assert_eq!(image.get_pixel(x, 24).0, [255, 0, 0], "{x}");
        }
        let changed = changed(&image);
        let near = |(x, y): &(u32, u32)| (5..=21).contains(x) && (19..=29).contains(y);
        assert!(changed.iter().all(near), "{changed:?}");
        // The head is symmetric.
        assert!(
            changed.iter().all(|(x, y)| image.get_pixel(*x, *y) == image.get_pixel(*x, 48 - y))
        );
    }

    #[test]
    fn rest_is_a_white_dot_and_the_unknown_is_nothing() {
        let image = draw(|_, _| [0., 0.]);
        for (x, y) in [(8, 8), (24, 8), (8, 24), (24, 24)] {
            assert_eq!(image.get_pixel(x, y).0, [255; 3]);
        }
        assert_eq!(changed(&draw(|_, _| [f32::NAN; 2])), []);
        assert_eq!(changed(&draw(|_, _| [f32::INFINITY, 0.])), []);
    }

    #[test]
    fn an_arrow_may_leave_the_frame() {
        let image = draw(|x, y| if (x, y) == (8, 8) { [-3e38, 0.] } else { [f32::NAN; 2] });
        assert_eq!((image.get_pixel(0, 8).0, image.get_pixel(14, 8).0), ([0, 209, 255], [100; 3]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let field = Field::from_fn(4, 4, |_, _| [0., 0.]).unwrap();
        assert!(Arrows::default().draw(&RgbImage::new(4, 5), &field).is_err());
        let frame = RgbImage::new(4, 4);
        for (step, scale) in [(0, 1.), (1, 0.), (1, f32::NAN), (1, -1.)] {
            assert!(Arrows { step, scale }.draw(&frame, &field).is_err(), "{step} {scale}");
        }
    }
}
