//! Singular values of small matrices, by one-sided Jacobi rotations (Hestenes 1958).

/// A term of a matrix's sum `value * left right^T`.
#[derive(Debug, Clone)]
pub(super) struct Term {
    pub value: f64,
    /// Of norm 1, one number a row.
    pub left: Vec<f64>,
    /// Of norm 1, one number a column; zeros where the value is 0.
    pub right: Vec<f64>,
}

/// Far more than matrices of ten rows need: each about squares what is left.
const SWEEPS: usize = 60;

/// The terms of the matrix of these rows, the largest first: as many as it has rows or columns, whichever are fewer.
///
/// Pairs of rows are turned until all are at right angles. The rows' norms are then the singular values, and the turns, undone, the
/// left vectors.
pub(super) fn terms(mut rows: Vec<Vec<f64>>) -> Vec<Term> {
    let count = rows.len();
    let mut turns: Vec<Vec<f64>> =
        (0..count).map(|i| (0..count).map(|j| if i == j { 1. } else { 0. }).collect()).collect();
    for _ in 0..SWEEPS {
        let mut turned = false;
        for q in 1..count {
            for p in 0..q {
                if let Some((cos, sin)) = angle(&rows[p], &rows[q]) {
                    turn(&mut rows, p, q, cos, sin);
                    turn(&mut turns, p, q, cos, sin);
                    turned = true;
                }
            }
        }
        if !turned {
            break;
        }
    }
    let columns = rows.first().map_or(0, Vec::len);
    let mut terms: Vec<Term> = rows
        .into_iter()
        .zip(turns)
        .map(|(row, left)| {
            let value = dot(&row, &row).sqrt();
            let right = row.iter().map(|x| if value > 0. { x / value } else { 0. }).collect();
            Term { value, left, right }
        })
        .collect();
    terms.sort_by(|a, b| b.value.total_cmp(&a.value));
    terms.truncate(columns);
    terms
}

/// The turn that sets two rows at right angles; none where they are.
fn angle(a: &[f64], b: &[f64]) -> Option<(f64, f64)> {
    let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
    if ab.abs() <= f64::EPSILON * (aa * bb).sqrt() || !ab.is_normal() {
        return None;
    }
    let zeta = (bb - aa) / (2. * ab);
    let tan = zeta.signum() / (zeta.abs() + zeta.hypot(1.));
    let cos = 1. / tan.hypot(1.);
    Some((cos, cos * tan))
}

fn turn(rows: &mut [Vec<f64>], p: usize, q: usize, cos: f64, sin: f64) {
    let (low, high) = rows.split_at_mut(q);
    for (a, b) in low[p].iter_mut().zip(&mut high[0]) {
        (*a, *b) = (cos * *a - sin * *b, sin * *a + cos * *b);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(t: usize, n: usize) -> Vec<Vec<f64>> {
        (0..t)
            .map(|i| (0..n).map(|j| (1.7 * ((i * n + j) as f64).powi(2)).sin()).collect())
            .collect()
    }

    /// Of two rows by hand: the squares of the singular values are the roots of x^2 - trace x + determinant of their products.
    #[test]
    fn values_of_two_rows_are_roots_of_a_quadratic() {
        let rows = rows(2, 9);
        let (aa, bb) = (dot(&rows[0], &rows[0]), dot(&rows[1], &rows[1]));
        let ab = dot(&rows[0], &rows[1]);
        let (half, product) = ((aa + bb) / 2., aa * bb - ab * ab);
        let root = (half * half - product).sqrt();
        let terms = terms(rows);
        assert!((terms[0].value - (half + root).sqrt()).abs() < 1e-12);
        assert!((terms[1].value - (half - root).sqrt()).abs() < 1e-12);
    }

    #[test]
    fn terms_add_up_and_are_at_right_angles() {
        for (t, n) in [(7, 49), (3, 9), (5, 2), (1, 4), (4, 1)] {
            let rows = rows(t, n);
            let terms = terms(rows.clone());
            assert_eq!(terms.len(), t.min(n));
            assert!(terms.windows(2).all(|pair| pair[0].value >= pair[1].value));
            for (i, row) in rows.iter().enumerate() {
                for (j, want) in row.iter().enumerate() {
                    let got: f64 =
                        terms.iter().map(|term| term.value * term.left[i] * term.right[j]).sum();
                    assert!((got - want).abs() < 1e-12, "{t} x {n}: {got}, {want}");
                }
            }
            for (k, a) in terms.iter().enumerate() {
                for (l, b) in terms.iter().enumerate() {
                    let want = if k == l { 1. } else { 0. };
                    assert!((dot(&a.left, &b.left) - want).abs() < 1e-12);
                    assert!((dot(&a.right, &b.right) - want).abs() < 1e-10);
                }
            }
        }
    }

    #[test]
    fn zeros_have_zeros() {
        assert!(terms(vec![vec![0.; 4]; 3]).iter().all(|term| term.value == 0.));
    }
}
