//! Which variables are trained, and what some of them do differently.

use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::patterns::Patterns;

/// How much one parameter takes of the optimizer's settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// Multiplies the learning rate; 0 freezes the parameter.
    pub rate: f64,
    /// Multiplies the weight decay.
    pub decay: f64,
}

impl Factors {
    /// Of a parameter that is not trained.
    pub fn frozen() -> Self {
        Self { rate: 0., ..Self::default() }
    }

    /// Of a parameter that learns `rate` times as fast, and decays as all do.
    pub fn rate(rate: f64) -> Self {
        Self { rate, ..Self::default() }
    }
}

impl Default for Factors {
    fn default() -> Self {
        Self { rate: 1., decay: 1. }
    }
}

type Rule = dyn Fn(&str, &[usize]) -> Factors + Send + Sync;

/// A rule that gives each parameter its [`Factors`], by its name and its dimensions.
///
/// ```
/// use marey_train::{Factors, Parameters};
/// // Caffe's habit: biases learn twice as fast and do not decay.
/// let caffe = Parameters::by(|name, _| match name.ends_with(".bias") {
///     true => Factors { rate: 2., decay: 0. },
///     false => Factors::default(),
/// });
/// assert_eq!(caffe.factors("fc8.bias", &[101]).rate, 2.);
/// ```
#[derive(Clone)]
pub struct Parameters {
    rule: Arc<Rule>,
    /// Those of [`Parameters::groups`].
    patterns: Patterns,
}

impl Parameters {
    /// All parameters alike, as `torch.optim.SGD(model.parameters(), ..)`.
    pub fn alike() -> Self {
        Self::by(|_, _| Factors::default())
    }

    /// Weight decay on matrices and kernels alone: not on biases, nor on the scales and shifts of
    /// batch norms, which all have one dimension.
    pub fn no_decay_on_vectors() -> Self {
        Self::alike().without_decay_on_vectors()
    }

    /// The same, but for weight decay on vectors.
    pub fn without_decay_on_vectors(self) -> Self {
        let rule = self.rule;
        let rule = move |name: &str, dims: &[usize]| {
            let factors = rule(name, dims);
            if dims.len() > 1 { factors } else { Factors { decay: 0., ..factors } }
        };
        Self { rule: Arc::new(rule), patterns: self.patterns }
    }

    /// By [`Patterns`] of names: a parameter takes the factors of the first that matches, and
    /// [`Factors::default`] if none does.
    ///
    /// An optimizer refuses a pattern that no variable's name matches first. Batch norms of frozen
    /// layers go on with their running statistics.
    ///
    /// ```
    /// use marey_train::{Factors, Parameters};
    /// // A new classifier learns ten times as fast, the last block at the usual rate, and all
    /// // before them keeps its weights.
    /// let tuned = Parameters::groups([
    ///     ("fc8.*", Factors::rate(10.)),
    ///     ("fc7.*", Factors::default()),
    ///     ("*", Factors::frozen()),
    /// ]);
    /// assert_eq!(tuned.factors("fc8.bias", &[101]).rate, 10.);
    /// assert_eq!(tuned.factors("conv1.weight", &[96, 3, 7, 7]).rate, 0.);
    /// ```
    pub fn groups<P: Into<String>>(groups: impl IntoIterator<Item = (P, Factors)>) -> Self {
        let (patterns, factors): (Vec<P>, Vec<Factors>) = groups.into_iter().unzip();
        let patterns = Patterns::new(patterns);
        let own = patterns.clone();
        let rule = move |name: &str, _: &[usize]| {
            own.first(name).map_or(Factors::default(), |place| factors[place])
        };
        Self { rule: Arc::new(rule), patterns }
    }

    /// By a rule from name and dimensions.
    pub fn by(rule: impl Fn(&str, &[usize]) -> Factors + Send + Sync + 'static) -> Self {
        Self { rule: Arc::new(rule), patterns: Patterns::default() }
    }

    /// What the rule gives the parameter called `name`.
    pub fn factors(&self, name: &str, dims: &[usize]) -> Factors {
        (self.rule)(name, dims)
    }

    /// Refuses a pattern that is none, or decides for none of the variables called `names`.
    pub(crate) fn check(&self, names: &[&str]) -> Result<()> {
        self.patterns.check(names)
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::alike()
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Parameters(..)")
    }
}

/// Whether `name` is a running statistic of a batch norm: saved with the weights, never trained.
///
/// Of a batch norm that runs with frozen statistics candle computes gradients for them.
pub fn is_statistic(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    matches!(last, "running_mean" | "running_var" | "num_batches_tracked")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_do_not_decay() {
        let parameters = Parameters::no_decay_on_vectors();
        assert_eq!(parameters.factors("conv.weight", &[8, 3, 3, 3, 3]).decay, 1.);
        assert_eq!(parameters.factors("bn.weight", &[8]), Factors { rate: 1., decay: 0. });
    }

    #[test]
    fn the_first_pattern_that_matches_decides() {
        let groups = [("fc8.*", 10.), ("*.bias", 2.), ("conv1.weight", 0.), ("a*a", 3.)];
        let parameters = Parameters::groups(groups.map(|(p, rate)| (p, Factors::rate(rate))));
        let rate = |name: &str| parameters.factors(name, &[1, 1]).rate;
        let names = ["fc8.bias", "fc7.bias", "conv1.weight", "conv1.weight_v", "aa", "a"];
        assert_eq!(names.map(rate), [10., 2., 0., 1., 3., 1.]);
        assert!(parameters.check(&names).is_ok());
        let both = parameters.without_decay_on_vectors();
        assert_eq!(both.factors("fc8.bias", &[5]), Factors { rate: 10., decay: 0. });
        assert_eq!(both.factors("fc8.weight", &[5, 2]), Factors::rate(10.));
        assert!(both.check(&names).is_ok());
    }

    #[test]
    fn statistics_by_their_last_name() {
        assert!(is_statistic("layer1.0.bn1.running_var"));
        assert!(is_statistic("running_mean"));
        assert!(!is_statistic("running_mean.weight"));
    }
}
