//! Norms that features are brought to.

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
}
