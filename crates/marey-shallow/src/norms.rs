//! Norms that features are brought to.

use crate::error::{Error, Result};

/// Divides by the Euclidean norm; a row of zeros stays.
pub fn l2(row: &mut [f32]) {
    let norm = row.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if norm > 0. {
        row.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
    }
}

/// Each number becomes its sign times the power `alpha` of its size: with 0.5, what Fisher vectors are improved by
/// (Perronnin et al. 2010).
pub fn power(row: &mut [f32], alpha: f32) {
    row.iter_mut().for_each(|x| *x = x.signum() * x.abs().powf(alpha));
}

/// The mean and deviation of each number over some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Standard {
    mean: Vec<f64>,
    /// One over the deviation; 1 of a number that is the same in all rows.
    scale: Vec<f64>,
}

impl Standard {
    /// Those of `rows` `[N][D]`, as `StandardScaler` of scikit-learn: over N, not N - 1.
    ///
    /// # Errors
    ///
    /// If there are no rows, or they differ in size.
    pub fn of<R: AsRef<[f32]>>(rows: &[R]) -> Result<Self> {
        let size = rows.first().map_or(0, |row| row.as_ref().len());
        if size == 0 || rows.iter().any(|row| row.as_ref().len() != size) {
            let what = format!("standard: {} rows, wanted some of one size above 0", rows.len());
            return Err(Error::Input(what));
        }
        let mean_of = |f: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            let mean = |j: usize| {
                rows.iter().map(|row| f(j, row.as_ref()[j].into())).sum::<f64>() / rows.len() as f64
            };
            (0..size).map(mean).collect()
        };
        let mean = mean_of(&|_, x| x);
        let scale = mean_of(&|j, x| (x - mean[j]).powi(2)).into_iter();
        let scale = scale.map(|variance| if variance > 0. { 1. / variance.sqrt() } else { 1. });
        Ok(Self { scale: scale.collect(), mean })
    }

    /// Brings `row` `[D]` to mean 0 and deviation 1, as far as it is like those rows.
    pub fn apply(&self, row: &mut [f32]) {
        for ((x, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
            *x = ((f64::from(*x) - mean) * scale) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_by_hand() {
        let mut row = [3f32, -4.];
        l2(&mut row);
        assert_eq!(row, [0.6, -0.8]);
        let mut row = [0f32, -4., 9.];
        power(&mut row, 0.5);
        assert_eq!(row, [0., -2., 3.]);
        let mut zeros = [0f32; 2];
        l2(&mut zeros);
        assert_eq!(zeros, [0.; 2]);
    }

    #[test]
    fn standard_by_hand() {
        let standard = Standard::of(&[[1f32, 5.], [3., 5.]]).unwrap();
        let mut row = [4f32, 7.];
        standard.apply(&mut row);
        assert_eq!(row, [2., 2.]);
        assert!(Standard::of::<[f32; 1]>(&[]).is_err());
        assert!(Standard::of(&[vec![1f32], vec![1., 2.]]).is_err());
    }
}
