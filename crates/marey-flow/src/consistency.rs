//! Whether the flow back undoes the flow there: where it does not, a pixel is hidden in one of the frames, or the flow is wrong.
//!
//! Reference: Sundaram, Brox and Keutzer, "Dense Point Trajectories by GPU-accelerated Large Displacement Optical Flow", ECCV 2010,
//! section 3.

use crate::bilinear::Around;
use crate::error::same_size;
use crate::{Field, Result};

/// How well two fields undo each other, pixel by pixel of the first frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Consistency {
    errors: Vec<f32>,
    occluded: Vec<bool>,
}

impl Consistency {
    /// Of the field from a frame to another, and the one back. Both are of one size.
    pub fn new(forward: &Field, backward: &Field) -> Result<Self> {
        same_size("consistency is of fields", forward.size(), backward.size())?;
        let (w, h) = (forward.width(), forward.height());
        let pixel = |(at, (fx, fy)): (usize, (&f32, &f32))| {
            let there = [f64::from(*fx), f64::from(*fy)];
            let (x, y) = ((at % w) as f64 + there[0], (at / w) as f64 + there[1]);
            let Some(around) = Around::inside(x, y, w, h) else { return (f32::NAN, true) };
            let back = [backward.x(), backward.y()].map(|plane| around.of(|at| plane[at]));
            let sum = squared([there[0] + back[0], there[1] + back[1]]);
            // A sum that is not known is not consistent either.
            let consistent = sum <= 0.01 * (squared(there) + squared(back)) + 0.5;
            (sum.sqrt() as f32, !consistent)
        };
        let (errors, occluded) = forward.x().iter().zip(forward.y()).enumerate().map(pixel).unzip();
        Ok(Self { errors, occluded })
    }

    /// `|f(x) + b(x + f(x))|` of each pixel, in pixels, row by row: how far from its place it comes back. NaN where it leaves the
    /// frame, and where a field does not know.
    pub fn errors(&self) -> &[f32] {
        &self.errors
    }

    /// Which pixels are not to be trusted, row by row: those where `|f + b|^2 > 0.01 (|f|^2 + |b|^2) + 0.5`, and those without
    /// an error.
    pub fn occluded(&self) -> &[bool] {
        &self.occluded
    }

    /// The share of pixels that are not [`occluded`](Self::occluded), in `[0, 1]`.
    pub fn share(&self) -> f64 {
        let consistent = self.occluded.iter().filter(|occluded| !**occluded).count();
        consistent as f64 / self.occluded.len() as f64
    }
}

fn squared([x, y]: [f64; 2]) -> f64 {
    x * x + y * y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_translation_is_undone_by_its_negation_wherever_it_stays_inside() {
        let (w, h) = (8, 6);
        let there = Field::from_fn(w, h, |_, _| [2.25, -1.5]).unwrap();
        let back = Field::from_fn(w, h, |_, _| [-2.25, 1.5]).unwrap();
        let consistency = Consistency::new(&there, &back).unwrap();
        for (at, error) in consistency.errors().iter().enumerate() {
            // x <= 7 + 0.5 - 2.25, y >= 1.5 - 0.5.
            let inside = at % w <= 5 && at / w >= 1;
            assert_eq!(*error == 0., inside, "pixel {at}: {error}");
            assert_eq!((error.is_nan(), consistency.occluded()[at]), (!inside, !inside));
        }
        assert_eq!(consistency.share(), 30. / 48.);
    }

    #[test]
    fn the_allowance_grows_with_the_motion() {
        // |f + b|^2 = 0.64 where it may be 0.01 * 0.64 + 0.5; then where it may be 0.01 * (3^2 + 3.8^2) + 0.5 = 0.73.
        let there = Field::new(4, 1, vec![0.8, 3., 0., 0.], vec![0.; 4]).unwrap();
        let back = Field::new(4, 1, vec![0., 0., 0., -3.8], vec![0.; 4]).unwrap();
        let consistency = Consistency::new(&there, &back).unwrap();
        assert_eq!(consistency.occluded(), [true, true, false, true]);
        let slow = Field::new(4, 1, vec![3., 0., 0., 0.], vec![0.; 4]).unwrap();
        let consistency = Consistency::new(&slow, &back).unwrap();
        assert_eq!(consistency.occluded(), [false, false, false, true]);
        assert!((consistency.errors()[0] - 0.8).abs() < 1e-6);
    }

    #[test]
    fn what_is_not_known_is_not_consistent() {
        let zero = Field::from_fn(2, 1, |_, _| [0., 0.]).unwrap();
        let half = Field::new(2, 1, vec![0., f32::NAN], vec![0., f32::NAN]).unwrap();
        for consistency in [Consistency::new(&zero, &half), Consistency::new(&half, &zero)] {
            let consistency = consistency.unwrap();
            assert_eq!(consistency.occluded(), [false, true]);
            assert!(consistency.errors()[1].is_nan());
        }
        let wide = Field::from_fn(3, 1, |_, _| [0., 0.]).unwrap();
        assert!(Consistency::new(&zero, &wide).is_err());
    }
}
