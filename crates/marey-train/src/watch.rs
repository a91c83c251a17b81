//! A value that is watched while a network trains, and what follows from it.

use candle::{Device, Result as CandleResult, Tensor};

use crate::error::{Error, Result};

/// How often a value is watched, and what follows from it.
///
/// The value is the mean loss of the steps since the last one, or what
/// [`fit_watched`](crate::fit_watched) is told to compute. All that follows is a function of the
/// values so far, and they are saved: a resumed run knows them.
#[derive(Debug, Clone, PartialEq)]
pub struct WatchConfig {
    /// Steps between two values, from 1.
    pub every: u64,
    /// Which values are better.
    pub better: Better,
    /// Whether the learning rate falls where the value does not improve.
    pub plateau: Option<Plateau>,
    /// The run ends after so many values, from 1, none of which was better than the best before.
    pub patience: Option<u64>,
    /// Whether the step with the best value is kept as a checkpoint,
    /// [`BEST`](crate::checkpoint::BEST), beside the last ones.
    pub keep_best: bool,
}

impl Default for WatchConfig {
    /// Nothing follows from the loss of every 100 steps.
    fn default() -> Self {
        let better = Better::default();
        Self { every: 100, better, plateau: None, patience: None, keep_best: false }
    }
}

/// Which values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Better {
    /// Lower ones: a loss.
    #[default]
    Lower,
    /// Higher ones: an accuracy.
    Higher,
}

/// How the learning rate falls where a value does not improve, as `ReduceLROnPlateau` of torch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plateau {
    /// What the rate is multiplied by, in `(0, 1)`.
    pub factor: f64,
    /// How many values in a row may be no better; the next one makes the rate fall.
    pub patience: u64,
    /// By which share of the best value one must be better than it to count.
    pub threshold: f64,
    /// How many values after a fall do not count.
    pub cooldown: u64,
    /// The share of the rate that it does not fall below, in `[0, 1]`.
    pub lowest: f64,
}

impl Default for Plateau {
    /// As torch.
    fn default() -> Self {
        Self { factor: 0.1, patience: 10, threshold: 1e-4, cooldown: 0, lowest: 0. }
    }
}

impl WatchConfig {
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |cause: String| Err(Error::Config(format!("watch: {cause}")));
        if self.every == 0 || self.patience == Some(0) {
            return refuse("met 0 steps or 0 values, wanted at least 1".into());
        }
        let Some(Plateau { factor, threshold, lowest, .. }) = self.plateau else { return Ok(()) };
        let falls = factor > 0. && factor < 1.;
        if falls && (0. ..1.).contains(&threshold) && (0. ..=1.).contains(&lowest) {
            return Ok(());
        }
        refuse(format!(
            "met factor {factor}, threshold {threshold}, lowest {lowest}; wanted (0, 1), [0, 1) and [0, 1]"
        ))
    }

    /// Whether `value` is better than the best so far by more than a share of it.
    fn is_better(&self, value: f64, best: Option<f64>, share: f64) -> bool {
        best.is_none_or(|best| match self.better {
            Better::Lower => value < best * (1. - share),
            Better::Higher => value > best * (1. + share),
        })
    }
}

/// The values that were watched, each with the steps done by then.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Watched(pub(crate) Vec<(u64, f64)>);

impl Watched {
    pub(crate) fn push(&mut self, step: u64, value: f64) {
        self.0.push((step, value));
    }

    /// As `[values, 2]` of f64: steps and value.
    pub(crate) fn to_tensor(&self) -> CandleResult<Tensor> {
        let rows: Vec<f64> =
            self.0.iter().flat_map(|&(step, value)| [step as f64, value]).collect();
        Tensor::from_vec(rows, (self.0.len(), 2), &Device::Cpu)
    }

    pub(crate) fn from_tensor(tensor: &Tensor) -> CandleResult<Self> {
        let rows = tensor.to_vec2::<f64>()?;
        let pair = |row: &Vec<f64>| match row[..] {
            [step, value] => Ok((step as u64, value)),
            _ => candle::bail!("watched values of shape {:?}, wanted [values, 2]", tensor.dims()),
        };
        rows.iter().map(pair).collect::<CandleResult<_>>().map(Self)
    }
}

/// What follows from the values so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// Multiplies the learning rate.
    pub(crate) factor: f64,
    /// Values since the best.
    pub(crate) stale: u64,
    best: Option<f64>,
    /// What the plateau compares with, which differs from the best by its threshold.
    mark: Option<f64>,
    bad: u64,
    cooldown: u64,
}

impl Verdict {
    pub(crate) fn of(config: &WatchConfig, watched: &Watched) -> Self {
        let (best, mark) = (None, None);
        let mut verdict = Self { factor: 1., stale: 0, best, mark, bad: 0, cooldown: 0 };
        watched.0.iter().for_each(|&(_, value)| verdict.take(config, value));
        verdict
    }

    pub(crate) fn take(&mut self, config: &WatchConfig, value: f64) {
        if config.is_better(value, self.best, 0.) {
            (self.best, self.stale) = (Some(value), 0);
        } else {
            self.stale += 1;
        }
        let Some(plateau) = config.plateau else { return };
        if config.is_better(value, self.mark, plateau.threshold) {
            (self.mark, self.bad) = (Some(value), 0);
        } else {
            self.bad += 1;
        }
        if self.cooldown > 0 {
            (self.cooldown, self.bad) = (self.cooldown - 1, 0);
        }
        if self.bad > plateau.patience {
            self.factor = (self.factor * plateau.factor).max(plateau.lowest);
            (self.cooldown, self.bad) = (plateau.cooldown, 0);
        }
    }

    /// Whether the run is to end here.
    pub(crate) fn is_over(&self, config: &WatchConfig) -> bool {
        config.patience.is_some_and(|patience| self.stale >= patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: [f64; 18] =
        [3., 2.5, 2.4999, 2.6, 2.6, 2.6, 2., 2.1, 2.2, 2.3, 2.4, 2.5, 1.99999, 2., 2., 2., 2., 2.];

    fn factors(config: &WatchConfig, values: &[f64]) -> Vec<f64> {
        let mut verdict = Verdict::of(config, &Watched::default());
        let take = |value: &f64| {
            verdict.take(config, *value);
            verdict.factor
        };
        values.iter().map(take).collect()
    }

    #[test]
    fn the_rate_falls_as_in_torch() {
        // ReduceLROnPlateau(factor=0.5, patience=1, threshold=1e-2, ..) of torch 2.15 at rate 1; in
        // mode max of 10 minus the values it gives the same rates.
        for (cooldown, lowest, want) in [
            (0, 0., [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7].map(|n| 0.5f64.powi(n))),
            (2, 0., [0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4].map(|n| 0.5f64.powi(n))),
            (
                0,
                0.2,
                [0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]
                    .map(|n| 0.5f64.powi(n).max(0.2)),
            ),
        ] {
            let plateau = Plateau { factor: 0.5, patience: 1, threshold: 1e-2, cooldown, lowest };
            let lower = WatchConfig { plateau: Some(plateau), ..WatchConfig::default() };
            assert_eq!(factors(&lower, &VALUES), want);
            let higher = WatchConfig { better: Better::Higher, ..lower };
            assert_eq!(factors(&higher, &VALUES.map(|value| 10. - value)), want);
        }
    }

    #[test]
    fn values_since_the_best_end_a_run() {
        let config = WatchConfig { patience: Some(3), ..WatchConfig::default() };
        let mut verdict = Verdict::of(&config, &Watched::default());
        let over: Vec<bool> = VALUES[..10]
            .iter()
            .map(|&value| {
                verdict.take(&config, value);
                verdict.is_over(&config)
            })
            .collect();
        // 2.4999 is better than 2.5, so 2.6 thrice is enough; after 2 it begins anew.
        assert_eq!(over, [false, false, false, false, false, true, false, false, false, true]);
        let watched = Watched(VALUES[..10].iter().map(|&value| (1, value)).collect());
        assert_eq!(Verdict::of(&config, &watched), verdict, "from the values alone");
    }

    #[test]
    fn values_survive_being_a_tensor() {
        for watched in [Watched::default(), Watched(vec![(100, 0.1), (200, 1e-300)])] {
            assert_eq!(Watched::from_tensor(&watched.to_tensor().unwrap()).unwrap(), watched);
        }
        let wide = Tensor::zeros((2, 3), candle::DType::F64, &Device::Cpu).unwrap();
        assert!(Watched::from_tensor(&wide).is_err());
    }

    #[test]
    fn senseless_settings_are_refused() {
        let plateau = |factor, threshold, lowest| WatchConfig {
            plateau: Some(Plateau { factor, threshold, lowest, ..Plateau::default() }),
            ..WatchConfig::default()
        };
        assert!(plateau(0.1, 0., 0.).check().is_ok());
        for config in [
            plateau(1., 0., 0.),
            plateau(f64::NAN, 0., 0.),
            plateau(0.1, -1., 0.),
            plateau(0.1, 0., 2.),
            WatchConfig { every: 0, ..WatchConfig::default() },
            WatchConfig { patience: Some(0), ..WatchConfig::default() },
        ] {
            assert!(config.check().is_err(), "{config:?}");
        }
    }
}
