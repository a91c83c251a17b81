//! What moves the parameters of a network, and what it remembers of each.

use std::collections::BTreeMap;

use candle::backprop::GradStore;
use candle::{DType, Device, Tensor, Var};
use candle_nn::VarMap;

use crate::adamw::AdamWConfig;
use crate::error::{Error, Result};
use crate::gradients::{Gradients, Measured};
use crate::parameters::{Factors, Parameters, is_statistic};
use crate::sgd::SgdConfig;
use crate::update::{Rule, Step, in_place};
use crate::vars::{sorted, sum_of_squares};

/// Which optimizer, and its settings.
///
/// ```
/// use marey_train::{AdamWConfig, FitConfig};
/// let adamw = AdamWConfig { rate: 3e-4, ..AdamWConfig::default() };
/// let config = FitConfig { optimizer: adamw.into(), ..FitConfig::default() };
/// assert_eq!(config.optimizer.rate(), 3e-4);
/// ```
#[derive(Debug, Clone)]
pub enum OptimizerConfig {
    /// Stochastic gradient descent with momentum.
    Sgd(SgdConfig),
    /// Adam with decoupled weight decay.
    AdamW(AdamWConfig),
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        SgdConfig::default().into()
    }
}

impl From<SgdConfig> for OptimizerConfig {
    fn from(config: SgdConfig) -> Self {
        Self::Sgd(config)
    }
}

impl From<AdamWConfig> for OptimizerConfig {
    fn from(config: AdamWConfig) -> Self {
        Self::AdamW(config)
    }
}

impl OptimizerConfig {
    /// The full learning rate.
    pub fn rate(&self) -> f64 {
        match self {
            Self::Sgd(config) => config.rate,
            Self::AdamW(config) => config.rate,
        }
    }

    fn weight_decay(&self) -> f64 {
        match self {
            Self::Sgd(config) => config.weight_decay,
            Self::AdamW(config) => config.weight_decay,
        }
    }

    fn parameters(&self) -> &Parameters {
        match self {
            Self::Sgd(config) => &config.parameters,
            Self::AdamW(config) => &config.parameters,
        }
    }

    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Sgd(config) => config.check(),
            Self::AdamW(config) => config.check(),
        }
    }

    fn rule(&self) -> &dyn Rule {
        match self {
            Self::Sgd(config) => config,
            Self::AdamW(config) => config,
        }
    }
}

/// The kind of state that counts a parameter's steps.
const COUNT: &str = "step";

/// Moves the floating-point variables of a network in the order of their names, except a batch
/// norm's running statistics. A parameter that got no gradient keeps its value, undecayed.
#[derive(Debug)]
pub struct Optimizer {
    config: OptimizerConfig,
    parameters: Vec<Parameter>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    var: Var,
    factors: Factors,
    /// Steps taken; what is remembered is there from the first.
    count: u64,
    memory: Memory,
}

/// One entry for each of [`Rule::kinds`].
#[derive(Debug)]
enum Memory {
    /// For f32 on the CPU.
    Slices(Vec<Vec<f32>>),
    Tensors(Vec<Tensor>),
}

impl Optimizer {
    /// An optimizer of the variables that are in `vars` now.
    pub fn new(vars: &VarMap, config: impl Into<OptimizerConfig>) -> Result<Self> {
        let config = config.into();
        config.check()?;
        let mut trained = sorted(vars);
        trained.retain(|(name, var)| var.dtype().is_float() && !is_statistic(name));
        let names: Vec<_> = trained.iter().map(|(name, _)| name.as_str()).collect();
        config.parameters().check(&names)?;
        let mut parameters = Vec::new();
        for (name, var) in trained {
            let factors = config.parameters().factors(&name, var.dims());
            if !(factors.rate.is_finite() && factors.rate >= 0. && factors.decay.is_finite()) {
                return Err(Error::Config(format!("optimizer: `{name}` is given {factors:?}")));
            }
            if factors.rate > 0. {
                let memory = Memory::new(&var, config.rule().kinds().len())?;
                parameters.push(Parameter { name, var, factors, count: 0, memory });
            }
        }
        Ok(Self { config, parameters })
    }

    /// The parameters that are trained, by name.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.parameters.iter().map(|parameter| (parameter.name.as_str(), &parameter.var))
    }

    /// The gradients of the parameters that are trained.
    pub fn gradients(&self, all: &GradStore) -> Gradients {
        Gradients(self.parameters.iter().map(|p| all.get(&p.var).cloned()).collect())
    }

    /// Measures gradients over the parameters that are trained.
    pub fn measure(&self, grads: &Gradients) -> Result<Measured> {
        let mut sum = 0.;
        let mut found = Measured { norm: 0., parameters: 0, not_finite: None };
        for (Parameter { name, .. }, grad) in self.parameters.iter().zip(&grads.0) {
            let Some(grad) = grad else { continue };
            let squares = sum_of_squares(grad)?;
            if !squares.is_finite() && found.not_finite.is_none() {
                found.not_finite = Some(name.clone());
            }
            sum += squares;
            found.parameters += 1;
        }
        found.norm = sum.sqrt();
        Ok(found)
    }

    /// Moves each parameter along its gradient times `scale` (1 without clipping), at the learning
    /// rate `rate`.
    pub fn step(&mut self, grads: &Gradients, rate: f64, scale: f64) -> Result<()> {
        let rule = self.config.rule();
        for (parameter, grad) in self.parameters.iter_mut().zip(&grads.0) {
            let Some(grad) = grad else { continue };
            let Parameter { var, factors, count, memory, .. } = parameter;
            *count += 1;
            let rate = rate * factors.rate;
            let decay = self.config.weight_decay() * factors.decay;
            let step = Step { rate, decay, scale, count: *count };
            match memory {
                Memory::Slices(state) => in_place(rule, step, var, grad, state)?,
                Memory::Tensors(state) => {
                    let (w, next) = rule.tensors(step, var.as_tensor(), grad, state)?;
                    var.set(&w.detach())?;
                    *state = next.iter().map(Tensor::detach).collect();
                }
            }
        }
        Ok(())
    }

    /// A copy of all that is remembered, on the CPU, as `KIND/PARAMETER`: `velocity` of SGD with
    /// momentum; `exp_avg`, `exp_avg_sq` and `step` (a scalar, `i64`) of AdamW. Nothing of a
    /// parameter that never got a gradient.
    pub fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        let kinds = self.config.rule().kinds();
        let mut state = BTreeMap::new();
        for Parameter { name, var, count, memory, .. } in &self.parameters {
            if *count == 0 {
                continue;
            }
            for (kind, tensor) in kinds.iter().zip(memory.tensors(var)?) {
                state.insert(format!("{kind}/{name}"), tensor);
            }
            if self.counts() {
                let count = Tensor::new(*count as i64, &Device::Cpu)?;
                state.insert(format!("{COUNT}/{name}"), count);
            }
        }
        Ok(state)
    }

    /// Goes on from [`Optimizer::state`] of the same network and optimizer; refuses another's.
    pub fn set_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let (kinds, counts) = (self.config.rule().kinds(), self.counts());
        let mut left: BTreeMap<&str, &Tensor> =
            state.iter().map(|(key, tensor)| (key.as_str(), tensor)).collect();
        for Parameter { name, var, count, memory, .. } in &mut self.parameters {
            let mut take = |kind: &str| left.remove(format!("{kind}/{name}").as_str());
            let found: Vec<_> = kinds.iter().filter_map(|kind| take(kind)).collect();
            *count = match counts.then(|| take(COUNT)).flatten() {
                Some(saved) => u64::try_from(saved.to_scalar::<i64>()?).unwrap_or(0),
                // Where only the first step matters, one stands for all.
                None => u64::from(!counts && !found.is_empty()),
            };
            if found.is_empty() && *count == 0 {
                *memory = Memory::new(var, kinds.len())?;
            } else if found.len() == kinds.len() && *count > 0 {
                *memory = Memory::from_tensors(name, var, &found)?;
            } else {
                let cause = format!("optimizer: what is remembered of `{name}` is not complete");
                return Err(Error::Config(cause));
            }
        }
        match left.keys().next() {
            None => Ok(()),
            Some(key) => Err(Error::Config(format!(
                "optimizer: `{key}` is of a parameter that is not trained here, or of another optimizer ({} such)",
                left.len()
            ))),
        }
    }

    /// Whether a parameter's step depends on how many there were.
    fn counts(&self) -> bool {
        matches!(self.config, OptimizerConfig::AdamW(_))
    }
}

impl Memory {
    /// Zeros of each of so many kinds.
    fn new(var: &Var, kinds: usize) -> Result<Self> {
        Ok(if in_slices(var) {
            Self::Slices(vec![vec![0.; var.elem_count()]; kinds])
        } else {
            Self::Tensors(vec![var.zeros_like()?; kinds])
        })
    }

    fn from_tensors(name: &str, var: &Var, tensors: &[&Tensor]) -> Result<Self> {
        for tensor in tensors {
            if tensor.shape() != var.shape() || tensor.dtype() != var.dtype() {
                return Err(Error::Config(format!(
                    "optimizer: what is remembered of `{name}` is {:?} of {:?}, its parameter {:?} of {:?}",
                    tensor.dims(),
                    tensor.dtype(),
                    var.dims(),
                    var.dtype()
                )));
            }
        }
        let all = tensors.iter();
        Ok(if in_slices(var) {
            let slices = all.map(|tensor| tensor.flatten_all()?.to_vec1());
            Self::Slices(slices.collect::<candle::Result<_>>()?)
        } else {
            let tensors = all.map(|tensor| tensor.to_device(var.device()));
            Self::Tensors(tensors.collect::<candle::Result<_>>()?)
        })
    }

    fn tensors(&self, var: &Var) -> candle::Result<Vec<Tensor>> {
        match self {
            Self::Slices(all) => {
                let all = all.iter();
                all.map(|xs| Tensor::from_slice(xs, var.shape(), &Device::Cpu)).collect()
            }
            Self::Tensors(all) => all.iter().map(|x| x.to_device(&Device::Cpu)).collect(),
        }
    }
}

fn in_slices(var: &Var) -> bool {
    var.device().is_cpu() && var.dtype() == DType::F32
}
