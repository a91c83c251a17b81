//! Linear support vector machines, by coordinate descent on the dual (Hsieh et al. 2008), as LIBLINEAR.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::error::{Error, Result};

/// Settings of a [`LinearSvm`]. Each machine minimises `|w|^2 / 2 + c` times the sum of its rows' losses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SvmConfig {
    /// How much a row on the wrong side costs, above 0.
    pub c: f64,
    /// What it costs.
    pub hinge: Hinge,
    /// A number that each row has once more, whose weight is the shift; as in LIBLINEAR it counts as a weight. 0 for no shift.
    pub bias: f64,
    /// It ends where no gradient differs from another by more than this.
    pub tolerance: f64,
    /// The most passes over all rows.
    pub passes: usize,
    /// From which the order of the rows in each pass follows.
    pub seed: u64,
}

impl Default for SvmConfig {
    /// As `LinearSVC` of scikit-learn, but closer to the optimum.
    fn default() -> Self {
        Self { c: 1., hinge: Hinge::Squared, bias: 1., tolerance: 1e-6, passes: 10_000, seed: 0 }
    }
}

/// The loss of a row whose decision, times its sign of 1 or -1, is `d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hinge {
    /// `max(0, 1 - d)`.
    Linear,
    /// Its square.
    #[default]
    Squared,
}

/// A machine for each class against all others.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearSvm {
    /// Of each class `[D]`, then the shift.
    weights: Vec<Vec<f64>>,
    bias: f64,
    /// The most passes that a machine took.
    passes: usize,
}

impl LinearSvm {
    /// Learns to tell `classes` classes apart from rows `[N][D]` and their labels.
    ///
    /// # Errors
    ///
    /// No rows, rows of several sizes or with numbers that are not finite, labels that are too many, too few or no class, fewer
    /// than two classes with rows, or settings that make no sense.
    pub fn fit<R: AsRef<[f32]> + Sync>(
        rows: &[R],
        labels: &[u32],
        classes: usize,
        config: &SvmConfig,
    ) -> Result<Self> {
        check(rows, labels, classes, config)?;
        // The second of two machines is the first, mirrored.
        let machines = if classes == 2 { 1 } else { classes };
        let fitted: Vec<_> = (0..machines)
            .into_par_iter()
            .map(|class| machine(rows, |i| labels[i] as usize == class, config))
            .collect();
        let passes = fitted.iter().map(|(_, passes)| *passes).max().unwrap_or(0);
        let mut weights: Vec<Vec<f64>> = fitted.into_iter().map(|(weights, _)| weights).collect();
        if classes == 2 {
            weights.push(weights[0].iter().map(|w| -w).collect());
        }
        Ok(Self { weights, bias: config.bias, passes })
    }

    /// How far `row` `[D]` is on the side of each class `[K]`.
    ///
    /// # Panics
    ///
    /// If the row has another size than those that it learnt from.
    pub fn decisions(&self, row: &[f32]) -> Vec<f64> {
        self.weights.iter().map(|weights| decision(weights, row, self.bias)).collect()
    }

    /// The class with the largest decision.
    ///
    /// # Panics
    ///
    /// As [`decisions`](Self::decisions).
    pub fn predict(&self, row: &[f32]) -> usize {
        let decisions = self.decisions(row);
        (0..decisions.len())
            .fold(0, |best, k| if decisions[k] > decisions[best] { k } else { best })
    }

    /// Of each class `[D]`, then the shift.
    pub fn weights(&self) -> &[Vec<f64>] {
        &self.weights
    }

    /// The most passes that a machine took; [`SvmConfig::passes`] if one did not come to its end.
    pub fn passes(&self) -> usize {
        self.passes
    }
}

fn check<R: AsRef<[f32]>>(
    rows: &[R],
    labels: &[u32],
    classes: usize,
    config: &SvmConfig,
) -> Result<()> {
    let SvmConfig { c, bias, tolerance, passes, .. } = *config;
    if !(c.is_finite() && c > 0. && bias.is_finite() && tolerance > 0. && passes > 0) {
        return Err(Error::Config(format!("svm: {config:?} makes no sense")));
    }
    let refuse = |what: String| Err(Error::Input(format!("svm: {what}")));
    let Some(size) = rows.first().map(|row| row.as_ref().len()) else {
        return refuse("no rows".into());
    };
    if labels.len() != rows.len() {
        return refuse(format!("{} labels of {} rows", labels.len(), rows.len()));
    }
    for (i, row) in rows.iter().map(AsRef::as_ref).enumerate() {
        if row.len() != size || row.iter().any(|x| !x.is_finite()) {
            return refuse(format!("row {i} is not {size} finite numbers, as the first"));
        }
    }
    if let Some(odd) = labels.iter().find(|label| **label as usize >= classes) {
        return refuse(format!("label {odd} of {classes} classes"));
    }
    if labels.iter().all(|label| *label == labels[0]) {
        return refuse(format!("all rows are of class {}", labels[0]));
    }
    Ok(())
}

fn decision(weights: &[f64], row: &[f32], bias: f64) -> f64 {
    let (own, shift) = weights.split_at(weights.len() - 1);
    assert_eq!(own.len(), row.len(), "a row of the size that it learnt from");
    own.iter().zip(row).map(|(w, x)| w * f64::from(*x)).sum::<f64>() + shift[0] * bias
}

/// The weights, and the passes it took.
fn machine<R: AsRef<[f32]>>(
    rows: &[R],
    is_own: impl Fn(usize) -> bool,
    config: &SvmConfig,
) -> (Vec<f64>, usize) {
    let SvmConfig { c, hinge, bias, tolerance, passes, seed } = *config;
    // The dual's diagonal, and how large a row's share may grow.
    let (diagonal, most) = match hinge {
        Hinge::Linear => (0., c),
        Hinge::Squared => (0.5 / c, f64::INFINITY),
    };
    let norms: Vec<f64> = rows
        .iter()
        .map(|row| row.as_ref().iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() + bias * bias)
        .collect();
    let mut weights = vec![0.; rows[0].as_ref().len() + 1];
    let mut shares = vec![0f64; rows.len()];
    let mut order: Vec<usize> = (0..rows.len()).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for pass in 1..=passes {
        for i in (1..order.len()).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        let (mut highest, mut lowest) = (f64::NEG_INFINITY, f64::INFINITY);
        for &i in &order {
            let (row, sign) = (rows[i].as_ref(), if is_own(i) { 1. } else { -1. });
            let gradient = sign * decision(&weights, row, bias) - 1. + diagonal * shares[i];
            // What of it does not point out of the range of shares.
            let projected = match shares[i] {
                share if share <= 0. => gradient.min(0.),
                share if share >= most => gradient.max(0.),
                _ => gradient,
            };
            (highest, lowest) = (highest.max(projected), lowest.min(projected));
            if projected == 0. {
                continue;
            }
            let share = (shares[i] - gradient / (norms[i] + diagonal)).clamp(0., most);
            let step = sign * (share - shares[i]);
            shares[i] = share;
            for (w, x) in weights.iter_mut().zip(row) {
                *w += step * f64::from(*x);
            }
            weights[row.len()] += step * bias;
        }
        if highest - lowest <= tolerance {
            return (weights, pass);
        }
    }
    (weights, passes)
}

#[cfg(test)]
mod tests;
