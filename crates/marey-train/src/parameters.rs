//! Which variables are trained, and what some of them do differently.

use std::fmt;
use std::sync::Arc;

/// How much one parameter takes of the optimizer's settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factors {
    /// Multiplies the learning rate; 0 freezes the parameter.
    pub rate: f64,
    /// Multiplies the weight decay.
    pub decay: f64,
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
pub struct Parameters(Arc<Rule>);

impl Parameters {
    /// All parameters alike, as `torch.optim.SGD(model.parameters(), ..)`.
    pub fn alike() -> Self {
        Self::by(|_, _| Factors::default())
    }

    /// Weight decay on matrices and kernels alone: not on biases, nor on the scales and shifts of
    /// batch norms, which all have one dimension.
    pub fn no_decay_on_vectors() -> Self {
        Self::by(|_, dims| Factors { rate: 1., decay: if dims.len() > 1 { 1. } else { 0. } })
    }

    /// By a rule from name and dimensions.
    pub fn by(rule: impl Fn(&str, &[usize]) -> Factors + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }

    /// What the rule gives the parameter called `name`.
    pub fn factors(&self, name: &str, dims: &[usize]) -> Factors {
        (self.0)(name, dims)
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
    fn statistics_by_their_last_name() {
        assert!(is_statistic("layer1.0.bn1.running_var"));
        assert!(is_statistic("running_mean"));
        assert!(!is_statistic("running_mean.weight"));
    }
}
