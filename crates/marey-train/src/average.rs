//! From the scores of clips to the score of their video.

/// What is averaged over the clips of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Average {
    /// The probabilities: each clip has one vote.
    #[default]
    Softmax,
    /// The logits: a clip that is sure counts for more.
    Logits,
}

impl Average {
    /// What a clip with these logits `[K]` contributes.
    pub(crate) fn score(self, logits: &[f32]) -> Vec<f64> {
        match self {
            Self::Softmax => softmax(logits),
            Self::Logits => logits.iter().map(|&x| f64::from(x)).collect(),
        }
    }
}

/// The softmax of one row, in f64.
pub fn softmax(logits: &[f32]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let parts: Vec<f64> =
        logits.iter().map(|&x| (f64::from(x) - f64::from(highest)).exp()).collect();
    let sum: f64 = parts.iter().sum();
    parts.into_iter().map(|part| part / sum).collect()
}

/// The mean of rows `[clips][K]`, to the last bit the same in whichever order the rows come.
///
/// Each class's numbers are sorted before they are added: a video and the same video backwards,
/// whose clips are the same in another order, get the same score. Empty if there are no rows.
pub fn mean(rows: &[Vec<f64>]) -> Vec<f32> {
    let classes = rows.iter().map(Vec::len).min().unwrap_or(0);
    let mut column = Vec::with_capacity(rows.len());
    let mut class_mean = |class| {
        column.clear();
        column.extend(rows.iter().map(|row: &Vec<f64>| row[class]));
        column.sort_by(f64::total_cmp);
        (column.iter().sum::<f64>() / rows.len() as f64) as f32
    };
    (0..classes).map(&mut class_mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_by_hand() {
        // exp(ln 2) is 2: shares of 1, 2 and 1.
        let ln2 = std::f32::consts::LN_2;
        for shift in [0., 1000., -1000.] {
            let got = softmax(&[shift, shift + ln2, shift]);
            for (got, want) in got.into_iter().zip([0.25, 0.5, 0.25]) {
                assert!((got - want).abs() < 2e-5, "{got} is not {want}");
            }
        }
        assert_eq!(Average::Logits.score(&[1., -2.]), [1., -2.]);
    }

    #[test]
    fn the_mean_does_not_depend_on_the_order() {
        // 1 is lost beside 1e20: a plain sum is 1 or 0, by where the 1 stands.
        let column = [1e20, -1e20, 1.];
        assert_eq!(column.iter().sum::<f64>(), 1.);
        assert_eq!(column.iter().rev().sum::<f64>(), 0.);
        let rows: Vec<_> = [1., 2., 6.].iter().zip(column).map(|(&a, b)| vec![a, b]).collect();
        let want = mean(&rows);
        assert_eq!(want[0], 3.);
        for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(mean(&order.map(|i| rows[i].clone())), want, "{order:?}");
        }
        assert!(mean(&[]).is_empty());
    }
}
