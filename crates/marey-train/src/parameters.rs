//! Which variables are trained, and what some of them do differently.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

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
    /// Those of [`Parameters::groups`], in their order.
    patterns: Arc<[String]>,
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

    /// By patterns of names with at most one `*`, which stands for any text: a parameter takes the
    /// factors of the first that matches, and [`Factors::default`] if none does.
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
        let (patterns, factors): (Vec<String>, Vec<Factors>) =
            groups.into_iter().map(|(pattern, factors)| (pattern.into(), factors)).unzip();
        let patterns: Arc<[String]> = patterns.into();
        let own = patterns.clone();
        let rule = move |name: &str, _: &[usize]| {
            first_match(&own, name).map_or(Factors::default(), |place| factors[place])
        };
        Self { rule: Arc::new(rule), patterns }
    }

    /// By a rule from name and dimensions.
    pub fn by(rule: impl Fn(&str, &[usize]) -> Factors + Send + Sync + 'static) -> Self {
        Self { rule: Arc::new(rule), patterns: Arc::default() }
    }

    /// What the rule gives the parameter called `name`.
    pub fn factors(&self, name: &str, dims: &[usize]) -> Factors {
        (self.rule)(name, dims)
    }

    /// Refuses a pattern that is none, or decides for none of the variables called `names`.
    pub(crate) fn check(&self, names: &[&str]) -> Result<()> {
        for (place, pattern) in self.patterns.iter().enumerate() {
            if pattern.matches('*').count() > 1 {
                let cause = format!("parameters: `{pattern}` has more than one `*`");
                return Err(Error::Config(cause));
            }
            if !names.iter().any(|name| first_match(&self.patterns, name) == Some(place)) {
                return Err(Error::Config(format!(
                    "parameters: `{pattern}` matches no variable that no pattern before it matches"
                )));
            }
        }
        Ok(())
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

/// The place of the first pattern that matches `name`.
fn first_match(patterns: &[String], name: &str) -> Option<usize> {
    patterns.iter().position(|pattern| match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    })
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
    fn a_pattern_that_decides_nothing_is_named() {
        let check = |patterns: [&str; 2]| {
            let groups = patterns.map(|pattern| (pattern, Factors::frozen()));
            Parameters::groups(groups).check(&["fc.weight", "fc.bias"]).unwrap_err().to_string()
        };
        assert!(check(["fc.*", "fc8.*"]).contains("`fc8.*`"));
        assert!(check(["*", "fc.weight"]).contains("`fc.weight`"));
        assert!(check(["*.*", "fc.weight"]).contains("more than one"));
    }

    #[test]
    fn statistics_by_their_last_name() {
        assert!(is_statistic("layer1.0.bn1.running_var"));
        assert!(is_statistic("running_mean"));
        assert!(!is_statistic("running_mean.weight"));
    }
}
