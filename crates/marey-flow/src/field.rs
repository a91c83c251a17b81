//! One field of displacements, as plain numbers.

use crate::error::same_size;
use crate::{Error, Result};

/// Where each pixel of a frame is in another: displacements along x and y, in pixels, row by row.
///
/// A pixel whose displacement is not known, as files of ground truth have them, has NaN for both.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    width: usize,
    height: usize,
    x: Vec<f32>,
    y: Vec<f32>,
}

impl Field {
    /// Displacements `x` and `y` of `width * height` pixels each.
    pub fn new(width: usize, height: usize, x: Vec<f32>, y: Vec<f32>) -> Result<Self> {
        let area = width.checked_mul(height).filter(|area| *area > 0);
        if area != Some(x.len()) || area != Some(y.len()) {
            let (x, y) = (x.len(), y.len());
            return Err(Error::Input(format!(
                "a field of {width}x{height} pixels cannot have {x} displacements along x and {y} along y"
            )));
        }
        Ok(Self { width, height, x, y })
    }

    /// The displacements that `f(column, row)` gives, `[x, y]` each. Both sides are at least 1.
    pub fn from_fn(
        width: usize,
        height: usize,
        mut f: impl FnMut(usize, usize) -> [f32; 2],
    ) -> Result<Self> {
        let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (column, row)));
        let (x, y) = pixels.map(|(column, row)| f(column, row).into()).unzip();
        Self::new(width, height, x, y)
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width and height.
    pub fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// Displacements along x, to the right.
    pub fn x(&self) -> &[f32] {
        &self.x
    }

    /// Displacements along y, downwards.
    pub fn y(&self) -> &[f32] {
        &self.y
    }

    /// `[x, y]` of a pixel, or nothing outside the field and where it is not known.
    pub fn get(&self, column: usize, row: usize) -> Option<[f32; 2]> {
        if column >= self.width || row >= self.height {
            return None;
        }
        let at = row * self.width + column;
        let known = !self.x[at].is_nan() && !self.y[at].is_nan();
        known.then_some([self.x[at], self.y[at]])
    }

    /// Column, row and [`get`](Self::get) of every pixel, row by row.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize, Option<[f32; 2]>)> {
        let places = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        places.map(|(column, row)| (column, row, self.get(column, row)))
    }

    /// Both planes, x before y.
    pub fn into_planes(self) -> [Vec<f32>; 2] {
        [self.x, self.y]
    }

    /// The field of the mirrored frames: mirrored itself, with x negated.
    #[must_use]
    pub fn flip(&self) -> Self {
        let mirrored = |plane: &[f32], sign: f32| -> Vec<f32> {
            plane
                .chunks(self.width)
                .flat_map(|row| row.iter().rev().map(move |v| sign * v))
                .collect()
        };
        let (x, y) = (mirrored(&self.x, -1.), mirrored(&self.y, 1.));
        Self { width: self.width, height: self.height, x, y }
    }

    /// Mean length of the difference to `other` over the pixels that both know, in pixels: the end-point error, if one of them
    /// is the truth. Nothing where no pixel is known to both.
    pub fn end_point_error(&self, other: &Self) -> Result<Option<f64>> {
        same_size("an end-point error is of fields", self.size(), other.size())?;
        let pairs = self.x.iter().zip(&self.y).zip(other.x.iter().zip(&other.y));
        let (mut sum, mut known) = (0f64, 0u64);
        for ((ax, ay), (bx, by)) in pairs {
            let length = f64::from(ax - bx).hypot(f64::from(ay - by));
            if !length.is_nan() {
                (sum, known) = (sum + length, known + 1);
            }
        }
        Ok((known > 0).then(|| sum / known as f64))
    }

    /// Width and height as images count them.
    pub(crate) fn sides(&self) -> Result<(u32, u32)> {
        let sides = u32::try_from(self.width).ok().zip(u32::try_from(self.height).ok());
        sides.ok_or_else(|| Error::Input("the field is too large for an image".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field() -> Field {
        Field::new(2, 2, vec![1., 2., 3., f32::NAN], vec![5., 6., 7., f32::NAN]).unwrap()
    }

    #[test]
    fn sizes_are_checked_and_places_are_row_by_row() {
        assert!(Field::new(2, 2, vec![0.; 4], vec![0.; 3]).is_err());
        assert!(Field::new(0, 5, vec![], vec![]).is_err());
        assert_eq!(field().get(0, 1), Some([3., 7.]));
        assert_eq!((field().get(1, 1), field().get(2, 0)), (None, None));
        let same = Field::from_fn(2, 1, |column, row| [column as f32, row as f32]).unwrap();
        assert_eq!(same, Field::new(2, 1, vec![0., 1.], vec![0.; 2]).unwrap());
    }

    #[test]
    fn a_mirrored_field_points_the_other_way() {
        let flipped = field().flip();
        assert_eq!((flipped.get(0, 0), flipped.get(1, 1)), (Some([-2., 6.]), Some([-3., 7.])));
        assert_eq!(flipped.get(0, 1), None);
    }

    #[test]
    fn the_end_point_error_is_of_known_pixels() {
        let zero = Field::from_fn(2, 2, |_, _| [0., 0.]).unwrap();
        let want = (26f64.sqrt() + 40f64.sqrt() + 58f64.sqrt()) / 3.;
        let got = field().end_point_error(&zero).unwrap().unwrap();
        assert!((got - want).abs() < 1e-9, "{got} is not {want}");
        let other = Field::from_fn(4, 1, |_, _| [0., 0.]).unwrap();
        assert!(field().end_point_error(&other).is_err());
        let nowhere = Field::from_fn(2, 2, |_, _| [f32::NAN; 2]).unwrap();
        assert_eq!(field().end_point_error(&nowhere).unwrap(), None);
    }
}
