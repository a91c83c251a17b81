//! Learning rates over time.

use crate::error::{Error, Result};

/// The learning rate of each step, as a share of the full rate.
///
/// A function of the step alone, so that a resumed run needs no state for it.
///
/// ```
/// use marey_train::{Schedule, Warmup};
/// let schedule = Schedule::step(0.1, [10]).with_warmup(Warmup { steps: 4, start: 0.5 });
/// assert_eq!([0, 2, 4, 10].map(|step| schedule.factor(step)), [0.5, 0.75, 1., 0.1]);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Schedule {
    /// How the rate falls.
    pub decay: Decay,
    /// How it rises before. None by default.
    pub warmup: Warmup,
}

/// How the learning rate falls.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Decay {
    /// It does not.
    #[default]
    Constant,
    /// By a factor at given steps.
    Step {
        /// What the rate is multiplied by, above 0.
        factor: f64,
        /// The steps that are the first with the new rate, ascending, counted from the start of
        /// the run.
        steps: Vec<u64>,
    },
    /// Along half a cosine, from the end of the warm-up to 0 at `total`.
    Cosine {
        /// The number of steps of the run, warm-up included.
        total: u64,
    },
    /// By a power of the share of steps that are left, from the end of the warm-up to 0 at `total`.
    Polynomial {
        /// The number of steps of the run, warm-up included.
        total: u64,
        /// The power, above 0; 1 is a straight line.
        power: f64,
    },
    /// By the same factor at every step, counted from the start of the run.
    Exponential {
        /// What each step multiplies the rate by, above 0.
        factor: f64,
    },
}

/// A linear rise of the learning rate at the start of a run.
///
/// Step `s < steps` multiplies the rate by `start + (1 - start) * s / steps`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warmup {
    /// Steps before the full rate.
    pub steps: u64,
    /// The share of the full rate at step 0, in `[0, 1]`.
    pub start: f64,
}

impl Default for Warmup {
    fn default() -> Self {
        Self { steps: 0, start: 1. }
    }
}

impl Schedule {
    /// The full rate throughout.
    pub fn constant() -> Self {
        Self::default()
    }

    /// The rate times `factor` at each of `steps`.
    pub fn step(factor: f64, steps: impl Into<Vec<u64>>) -> Self {
        Self { decay: Decay::Step { factor, steps: steps.into() }, ..Self::default() }
    }

    /// To 0 along half a cosine over `total` steps.
    pub fn cosine(total: u64) -> Self {
        Self { decay: Decay::Cosine { total }, ..Self::default() }
    }

    /// To 0 over `total` steps, by a power of the share that is left, as `PolynomialLR` of torch.
    pub fn polynomial(total: u64, power: f64) -> Self {
        Self { decay: Decay::Polynomial { total, power }, ..Self::default() }
    }

    /// The rate times `factor` after every step, as `ExponentialLR` of torch.
    pub fn exponential(factor: f64) -> Self {
        Self { decay: Decay::Exponential { factor }, ..Self::default() }
    }

    /// The same after a linear rise.
    pub fn with_warmup(self, warmup: Warmup) -> Self {
        Self { warmup, ..self }
    }

    /// The share of the full rate at `step`, counted from 0.
    pub fn factor(&self, step: u64) -> f64 {
        let Warmup { steps: warm, start } = self.warmup;
        let decay = match &self.decay {
            Decay::Constant => 1.,
            Decay::Step { factor, steps } => {
                steps.iter().take_while(|&&at| at <= step).fold(1., |rate, _| rate * factor)
            }
            Decay::Cosine { total } | Decay::Polynomial { total, .. } if step >= *total => 0.,
            Decay::Cosine { total } => {
                0.5 * (1. + (std::f64::consts::PI * self.done(step, *total)).cos())
            }
            Decay::Polynomial { total, power } => (1. - self.done(step, *total)).powf(*power),
            Decay::Exponential { factor } => factor.powf(step as f64),
        };
        if step < warm { decay * (start + (1. - start) * step as f64 / warm as f64) } else { decay }
    }

    /// The share of the steps between the warm-up and `total` that are done.
    fn done(&self, step: u64, total: u64) -> f64 {
        let warm = self.warmup.steps;
        step.saturating_sub(warm) as f64 / total.saturating_sub(warm).max(1) as f64
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |cause: String| Err(Error::Config(format!("learning rate schedule: {cause}")));
        let Warmup { steps: warm, start } = self.warmup;
        if !(0. ..=1.).contains(&start) {
            return refuse(format!("the warm-up starts at {start}, outside [0, 1]"));
        }
        match &self.decay {
            Decay::Step { factor: number, .. }
            | Decay::Exponential { factor: number }
            | Decay::Polynomial { power: number, .. }
                if !(number.is_finite() && *number > 0.) =>
            {
                refuse(format!("the factor or power {number} is not above 0"))
            }
            Decay::Step { steps, .. } if !steps.is_sorted() => {
                refuse(format!("the steps {steps:?} are not ascending"))
            }
            Decay::Cosine { total } | Decay::Polynomial { total, .. } if *total <= warm => {
                refuse(format!("the rate is 0 at step {total}, within the warm-up of {warm}"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors<const N: usize>(schedule: &Schedule, steps: [u64; N]) -> [f64; N] {
        steps.map(|step| schedule.factor(step))
    }

    #[test]
    fn constant_and_step_by_hand() {
        assert_eq!(factors(&Schedule::constant(), [0, 1, 1_000_000]), [1.; 3]);
        let step = Schedule::step(0.5, [3, 5, 5]);
        assert_eq!(factors(&step, [0, 2, 3, 4, 5, 9]), [1., 1., 0.5, 0.5, 0.125, 0.125]);
    }

    #[test]
    fn cosine_by_hand() {
        // cos 60 degrees is 1/2, cos 90 is 0, cos 120 is -1/2.
        let got = factors(&Schedule::cosine(12), [0, 4, 6, 8, 12, 13]);
        for (got, want) in got.into_iter().zip([1., 0.75, 0.5, 0.25, 0., 0.]) {
            assert!((got - want).abs() < 1e-15, "{got} is not {want}");
        }
    }

    #[test]
    fn polynomial_and_exponential_as_torch() {
        // PolynomialLR(total_iters=8, power=0.9) and ExponentialLR(0.8) of torch 2.15 at rate 1.
        let polynomial = Schedule::polynomial(8, 0.9);
        let want = [1., 0.8867623542572073, 0.5358867312681466, 0.1538930516681145, 0.];
        for (got, want) in factors(&polynomial, [0, 1, 4, 7, 8]).into_iter().zip(want) {
            assert!((got - want).abs() < 1e-14, "{got} is not {want}");
        }
        let line = Schedule::polynomial(8, 1.).with_warmup(Warmup { steps: 4, start: 0. });
        assert_eq!(factors(&line, [0, 2, 4, 6, 9]), [0., 0.5, 1., 0.5, 0.]);
        let exponential = Schedule::exponential(0.8);
        let want = [1., 0.8, 0.5120000000000001, 0.10737418240000006];
        for (got, want) in factors(&exponential, [0, 1, 3, 10]).into_iter().zip(want) {
            assert!((got - want).abs() < 1e-14, "{got} is not {want}");
        }
    }

    #[test]
    fn warmup_by_hand() {
        let warmup = Warmup { steps: 4, start: 0.2 };
        let got = factors(&Schedule::constant().with_warmup(warmup), [0, 1, 2, 3, 4, 5]);
        for (got, want) in got.into_iter().zip([0.2, 0.4, 0.6, 0.8, 1., 1.]) {
            assert!((got - want).abs() < 1e-15, "{got} is not {want}");
        }
        // The cosine begins where the warm-up ends: its middle is half way from 4 to 16.
        let cosine = Schedule::cosine(16).with_warmup(warmup);
        for (got, want) in factors(&cosine, [0, 4, 10, 16]).into_iter().zip([0.2, 1., 0.5, 0.]) {
            assert!((got - want).abs() < 1e-15, "{got} is not {want}");
        }
        // Steps count from the start of the run, warm-up included.
        let step = Schedule::step(0.1, [2, 6]).with_warmup(Warmup { steps: 4, start: 0. });
        for (got, want) in factors(&step, [1, 2, 4, 6]).into_iter().zip([0.25, 0.05, 0.1, 0.01]) {
            assert!((got - want).abs() < 1e-15, "{got} is not {want}");
        }
    }

    #[test]
    fn senseless_schedules_are_refused() {
        let warmup = |steps, start| Schedule::cosine(8).with_warmup(Warmup { steps, start });
        assert!(warmup(7, 0.).check().is_ok());
        for schedule in [
            warmup(8, 0.),
            warmup(2, -0.1),
            warmup(2, f64::NAN),
            Schedule::step(0., [1]),
            Schedule::step(f64::INFINITY, [1]),
            Schedule::step(0.1, [5, 3]),
            Schedule::exponential(-0.9),
            Schedule::polynomial(0, 1.),
            Schedule::polynomial(9, 0.),
        ] {
            assert!(matches!(schedule.check(), Err(Error::Config(_))), "{schedule:?}");
        }
    }
}
