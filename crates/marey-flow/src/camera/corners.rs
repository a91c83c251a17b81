//! Places of an image that can be found again: corners, where it changes in all directions.
//!
//! Reference: Shi and Tomasi, "Good Features to Track", CVPR 1994, as OpenCV's `cornerMinEigenVal` and `goodFeaturesToTrack` have it.

use rayon::prelude::*;

use crate::Grey;

/// Which corners are taken. The default is what dense_flow takes to find the camera's motion, with iDT's quality.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corners {
    /// The smallest [`cornerness`] as a share of the image's largest, in `[0, 1]`.
    pub quality: f32,
    /// No two corners are nearer to each other than this, in pixels.
    pub min_distance: usize,
    /// At most so many, the strongest.
    pub most: usize,
}

impl Default for Corners {
    fn default() -> Self {
        Self { quality: 0.001, min_distance: 3, most: 1000 }
    }
}

impl Corners {
    /// The corners of an image, `[column, row]`, the strongest first: pixels of the largest cornerness among their 8 neighbours. None
    /// is on the image's border.
    pub fn of(&self, image: &Grey) -> Vec<[usize; 2]> {
        let (w, h) = (image.width(), image.height());
        let strengths = cornerness(image);
        let peaks = filtered(&strengths, w, |about| {
            about.as_flattened().iter().copied().fold(0., f32::max)
        });
        let least = self.quality * strengths.iter().copied().fold(0., f32::max);
        let inside = |at: usize| (1..w - 1).contains(&(at % w)) && (1..h - 1).contains(&(at / w));
        let mut corners: Vec<usize> = (0..w * h)
            .filter(|at| strengths[*at] > least && strengths[*at] == peaks[*at] && inside(*at))
            .collect();
        // Of equals the last comes first, as in OpenCV.
        corners.sort_by(|a, b| strengths[*b].total_cmp(&strengths[*a]).then(b.cmp(a)));
        let mut taken = vec![false; w * h];
        let mut far = |at: &usize| {
            let free = !taken[*at];
            if free {
                self.take(&mut taken, w, [at % w, at / w]);
            }
            free
        };
        let chosen = corners.into_iter().filter(|at| far(at)).take(self.most);
        chosen.map(|at| [at % w, at / w]).collect()
    }

    /// Marks all that is too near to a corner.
    fn take(&self, taken: &mut [bool], width: usize, [x, y]: [usize; 2]) {
        let near = |at: usize, len: usize| {
            at.saturating_sub(self.min_distance)..len.min(at.saturating_add(self.min_distance))
        };
        for row in near(y, taken.len() / width) {
            for column in near(x, width) {
                let distance = (column.abs_diff(x) as f64).hypot(row.abs_diff(y) as f64);
                taken[row * width + column] |= distance < self.min_distance as f64;
            }
        }
    }
}

/// How much of a corner each pixel is, row by row: the smaller eigenvalue of the structure tensor, summed over 3 x 3 pixels, of
/// gradients by Sobel's 3 x 3 kernels. Images go on mirrored about their outermost pixels. Scaled as OpenCV's are of images of 8 bits.
pub fn cornerness(image: &Grey) -> Vec<f32> {
    const SCALE: f32 = 1. / (4. * 3. * 255.);
    let w = image.width();
    let across = |[a, b, c]: [f32; 3]| SCALE * (c + 2. * b + a);
    let dx = filtered(image.pixels(), w, |n| across(n.map(|row| row[2] - row[0])));
    let dy = filtered(image.pixels(), w, |n| across([0, 1, 2].map(|x| n[2][x] - n[0][x])));
    let summed = |a: &[f32], b: &[f32]| {
        let product: Vec<f32> = a.iter().zip(b).map(|(a, b)| a * b).collect();
        filtered(&product, w, |about| about.as_flattened().iter().sum())
    };
    let (xx, xy, yy) = (summed(&dx, &dx), summed(&dx, &dy), summed(&dy, &dy));
    let smaller =
        |((xx, yy), xy): ((&f32, &f32), &f32)| (xx + yy) / 2. - ((xx - yy) / 2.).hypot(*xy);
    xx.iter().zip(&yy).zip(&xy).map(smaller).collect()
}

/// A function of the 3 x 3 pixels about each, `[row][column]`.
fn filtered(plane: &[f32], width: usize, f: impl Fn([[f32; 3]; 3]) -> f32 + Sync) -> Vec<f32> {
    let about = |at: usize, len: usize| {
        let mirrored = |at: usize| at.min((2 * (len - 1)).saturating_sub(at));
        [at.checked_sub(1).unwrap_or(mirrored(1)), at, mirrored(at + 1)]
    };
    let height = plane.len() / width;
    let mut out = vec![0.; plane.len()];
    out.par_chunks_mut(width).enumerate().for_each(|(y, row)| {
        let rows = about(y, height).map(|y| &plane[y * width..(y + 1) * width]);
        for (x, out) in row.iter_mut().enumerate() {
            let columns = about(x, width);
            *out = f(rows.map(|row| columns.map(|x| row[x])));
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 14 x 11 pixels of a formula.
    fn image() -> Grey {
        let pixel = |(x, y): (usize, usize)| ((7 * x * x + 13 * y * y + 5 * x * y) % 251) as f32;
        Grey::new(14, 11, (0..14 * 11).map(|at| pixel((at % 14, at / 14))).collect()).unwrap()
    }

    #[test]
    fn cornerness_is_that_of_opencv() {
        // cv2.cornerMinEigenVal(image, 3, ksize=3) of OpenCV 5.0.0.
        let got = cornerness(&image());
        let places = [(0, 0), (13, 10), (5, 4), (0, 7)];
        let want = [0.0054654, 0.0217539, 0.0248799, 0.0271216];
        for ((x, y), want) in places.into_iter().zip(want) {
            let got = got[y * 14 + x];
            assert!((got - want).abs() < 1e-6f32, "at {x}, {y}: {got} is not {want}");
        }
    }

    #[test]
    fn corners_are_those_of_opencv() {
        // cv2.goodFeaturesToTrack(image, most, 0.1, min_distance) of OpenCV 5.0.0.
        let corners =
            |most, min_distance| Corners { quality: 0.1, min_distance, most }.of(&image());
        let all =
            [[11, 8], [12, 6], [9, 3], [2, 6], [5, 4], [4, 7], [7, 6], [3, 1], [9, 1], [7, 1]];
        assert_eq!(corners(1000, 1), all);
        let apart = [[11, 8], [9, 3], [2, 6], [5, 4], [3, 1]];
        assert_eq!(corners(1000, 3), apart);
        assert_eq!(corners(3, 3), apart[..3]);
    }

    #[test]
    fn there_is_no_corner_where_nothing_changes_or_nothing_fits() {
        for (w, h) in [(9, 9), (1, 1), (1, 5), (2, 2)] {
            let flat = Grey::new(w, h, vec![7.; w * h]).unwrap();
            assert!(Corners::default().of(&flat).is_empty());
        }
        // An edge changes in one direction only.
        let edge = (0..81).map(|at| if at % 9 < 4 { 0. } else { 255. }).collect();
        assert!(Corners::default().of(&Grey::new(9, 9, edge).unwrap()).is_empty());
    }
}
