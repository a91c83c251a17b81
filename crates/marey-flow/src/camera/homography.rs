//! What a plane, or all that is far away, does between two frames: a homography.
//!
//! Reference: Hartley and Zisserman, "Multiple View Geometry in Computer Vision", 2nd edition, sections 4.1 and 4.4.

use super::Match;
use crate::{Error, Field, Grey, Result, warp_grey};

/// A 3 x 3 matrix that leads points `[x, y, 1]` of one frame to those of another, up to scale. Points are in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Homography([[f64; 3]; 3]);

impl Homography {
    /// Nothing moves.
    pub const IDENTITY: Self = Self([[1., 0., 0.], [0., 1., 0.], [0., 0., 1.]]);

    /// Of a matrix that has an inverse, row by row.
    pub fn new(matrix: [[f64; 3]; 3]) -> Result<Self> {
        let unit = unit(matrix);
        // Less is what rounding leaves of nothing. A matrix that is not finite has no determinant at all.
        if determinant(unit).abs() > 1e-15 {
            return Ok(Self::scaled(unit));
        }
        Err(Error::Input(format!("a homography has an inverse, {matrix:?} has none")))
    }

    /// Scaled so that its last number is 1, where it can be.
    fn scaled(matrix: [[f64; 3]; 3]) -> Self {
        let unit = unit(matrix);
        let last = unit[2][2];
        Self(if last.abs() > 1e-9 { unit.map(|row| row.map(|v| v / last)) } else { unit })
    }

    /// The matrix, row by row, its last number 1 where it can be.
    pub fn matrix(&self) -> [[f64; 3]; 3] {
        self.0
    }

    /// Where a point comes to; nothing if that is infinitely far.
    pub fn apply(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        let [u, v, w] = self.0.map(|[a, b, c]| a * x + b * y + c);
        let to = [u / w, v / w];
        to.iter().all(|place| place.is_finite()).then_some(to)
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let [[a, b, c], [d, e, f], [g, h, i]] = self.0;
        Self::scaled([
            [e * i - f * h, c * h - b * i, b * f - c * e],
            [f * g - d * i, a * i - c * g, c * d - a * f],
            [d * h - e * g, b * g - a * h, a * e - b * d],
        ])
    }

    /// What it does with the pixels of a frame of `width` x `height`. Both sides are at least 1.
    pub fn field(&self, width: usize, height: usize) -> Result<Field> {
        Field::from_fn(width, height, |column, row| {
            let from = [column as f64, row as f64];
            self.apply(from).map_or([f32::NAN; 2], |to| [0, 1].map(|i| (to[i] - from[i]) as f32))
        })
    }

    /// The image moved by it, interpolated between four pixels; 0 where nothing comes from inside the image.
    pub fn warp(&self, image: &Grey) -> Result<Grey> {
        warp_grey(image, &self.inverse().field(image.width(), image.height())?)
    }

    /// The homography that fits four matches, or more in the least squares of the normalised direct linear transformation. Nothing
    /// if they do not determine one, as of points on a line.
    pub fn fit(matches: &[Match]) -> Option<Self> {
        let (from, to) = (normal(matches, |m| m.from)?, normal(matches, |m| m.to)?);
        // Sums over the equations of all points: row by row the normal equations, their right side last.
        let mut sums = [[0.; 9]; 8];
        for m in matches {
            let ([x, y], [u, v]) = (from.of(m.from), to.of(m.to));
            let equations = [
                [x, y, 1., 0., 0., 0., -u * x, -u * y, u],
                [0., 0., 0., x, y, 1., -v * x, -v * y, v],
            ];
            for equation in equations {
                for (row, a) in sums.iter_mut().zip(equation) {
                    row.iter_mut()
                        .zip(equation)
                        .for_each(|(sum, b)| *sum += a * b / matches.len() as f64);
                }
            }
        }
        let [a, b, c, d, e, f, g, h] = solved(sums)?;
        let normal = [[a, b, c], [d, e, f], [g, h, 1.]];
        Self::new(product(to.back(), product(normal, from.there()))).ok()
    }
}

/// Points moved to their middle and scaled to a mean distance of sqrt 2 from it.
struct Normal {
    middle: [f64; 2],
    scale: f64,
}

fn normal(matches: &[Match], end: impl Fn(&Match) -> [f64; 2]) -> Option<Normal> {
    let mean = |f: &dyn Fn([f64; 2]) -> f64| {
        matches.iter().map(|m| f(end(m))).sum::<f64>() / matches.len() as f64
    };
    let middle = [mean(&|p| p[0]), mean(&|p| p[1])];
    let distance = mean(&|p| (p[0] - middle[0]).hypot(p[1] - middle[1]));
    (matches.len() >= 4 && distance > 0.)
        .then_some(Normal { middle, scale: std::f64::consts::SQRT_2 / distance })
}

impl Normal {
    fn of(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.scale * (x - self.middle[0]), self.scale * (y - self.middle[1])]
    }

    fn there(&self) -> [[f64; 3]; 3] {
        let ([x, y], s) = (self.middle, self.scale);
        [[s, 0., -s * x], [0., s, -s * y], [0., 0., 1.]]
    }

    fn back(&self) -> [[f64; 3]; 3] {
        let ([x, y], s) = (self.middle, self.scale);
        [[1. / s, 0., x], [0., 1. / s, y], [0., 0., 1.]]
    }
}

/// The solution of eight equations, right sides last, by Gauss's elimination; nothing if there is not just one.
fn solved(mut rows: [[f64; 9]; 8]) -> Option<[f64; 8]> {
    for column in 0..8 {
        let size = |row: &usize| rows[*row][column].abs();
        let pivot = (column..8).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        rows.swap(column, pivot);
        let lead = rows[column];
        if lead[column].abs() <= 1e-12 {
            return None;
        }
        for row in (0..8).filter(|row| *row != column) {
            let times = rows[row][column] / lead[column];
            rows[row].iter_mut().zip(lead).for_each(|(a, b)| *a -= times * b);
        }
    }
    Some(std::array::from_fn(|i| rows[i][8] / rows[i][i]))
}

fn product(a: [[f64; 3]; 3], b: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    a.map(|row| [0, 1, 2].map(|column| (0..3).map(|i| row[i] * b[i][column]).sum()))
}

/// The matrix with squares that sum to 1.
fn unit(matrix: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let size = matrix.as_flattened().iter().map(|v| v * v).sum::<f64>().sqrt();
    matrix.map(|row| row.map(|v| v / size))
}

fn determinant([[a, b, c], [d, e, f], [g, h, i]]: [[f64; 3]; 3]) -> f64 {
    a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::pair::{CORNERS, TILT};

    fn close(a: [f64; 2], b: [f64; 2], tolerance: f64) {
        let error = (a[0] - b[0]).hypot(a[1] - b[1]);
        assert!(error < tolerance, "{a:?} is not {b:?}");
    }

    #[test]
    fn four_points_determine_the_homography_that_opencv_finds() {
        let from = [[0., 0.], [100., 0.], [100., 80.], [0., 80.]];
        let to = [[3., 4.], [110., 1.], [95., 90.], [-5., 70.]];
        let matches: Vec<Match> =
            from.iter().zip(to).map(|(from, to)| Match { from: *from, to }).collect();
        let found = Homography::fit(&matches).unwrap();
        // cv2.findHomography(from, to, 0) of OpenCV 5.0.0.
        let want = [
            [0.77826086956, -0.10188858695, 3.],
            [-0.03265217391, 0.85144021739, 4.],
            [-0.00265217391, 0.00037771739, 1.],
        ];
        for (got, want) in found.matrix().as_flattened().iter().zip(want.as_flattened()) {
            assert!((got - want).abs() < 1e-9, "{got} is not {want}");
        }
        matches.iter().for_each(|m| close(found.apply(m.from).unwrap(), m.to, 1e-9));
    }

    #[test]
    fn there_and_back_is_nowhere() {
        let tilt = Homography::new(TILT).unwrap();
        for corner in CORNERS {
            close(tilt.inverse().apply(tilt.apply(corner).unwrap()).unwrap(), corner, 1e-9);
        }
        assert_eq!(Homography::IDENTITY.inverse(), Homography::IDENTITY);
        // The scale of a matrix means nothing.
        let negated = Homography::new(TILT.map(|row| row.map(|v| -3. * v))).unwrap();
        CORNERS
            .iter()
            .for_each(|c| close(negated.apply(*c).unwrap(), tilt.apply(*c).unwrap(), 1e-9));
    }

    #[test]
    fn an_image_is_moved_the_way_points_are() {
        let shift = Homography::new([[1., 0., 2.], [0., 1., -1.], [0., 0., 1.]]).unwrap();
        let image = Grey::new(4, 3, (1..=12).map(|v| v as f32).collect()).unwrap();
        let want = vec![0., 0., 5., 6., 0., 0., 9., 10., 0., 0., 0., 0.];
        assert_eq!(shift.warp(&image).unwrap(), Grey::new(4, 3, want).unwrap());
        assert_eq!(Homography::IDENTITY.warp(&image).unwrap(), image);
        assert_eq!(shift.field(4, 3).unwrap(), Field::from_fn(4, 3, |_, _| [2., -1.]).unwrap());
    }

    #[test]
    fn what_has_no_inverse_is_no_homography() {
        assert!(Homography::new([[1., 2., 3.], [2., 4., 6.], [0., 0., 1.]]).is_err());
        assert!(Homography::new([[0.; 3]; 3]).is_err());
        assert!(Homography::new([[f64::NAN; 3]; 3]).is_err());
        assert!(Homography::new([[f64::MAX; 3]; 3]).is_err());
        let line = |i: usize| Match { from: [i as f64, 2. * i as f64], to: [i as f64, 0.] };
        assert_eq!(Homography::fit(&(0..9).map(line).collect::<Vec<_>>()), None);
        assert_eq!(Homography::fit(&[Match { from: [1.; 2], to: [2.; 2] }; 4]), None);
        assert_eq!(Homography::fit(&[]), None);
        let horizon = Homography::new([[1., 0., 0.], [0., 1., 0.], [1., 0., -1.]]).unwrap();
        assert_eq!(horizon.apply([1., 5.]), None);
        assert!(horizon.field(3, 1).unwrap().get(1, 0).is_none());
    }
}
