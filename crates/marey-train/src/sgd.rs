//! Stochastic gradient descent with momentum, which candle-nn's `SGD` lacks.

use std::collections::BTreeMap;

use candle::backprop::GradStore;
use candle::{DType, Device, Tensor, Var};
use candle_nn::VarMap;

use crate::error::{Error, Result};
use crate::parameters::{Factors, Parameters, is_statistic};
use crate::update::Update;
use crate::vars::{sorted, sum_of_squares};

/// Settings of [`Sgd`].
#[derive(Debug, Clone)]
pub struct SgdConfig {
    /// The full learning rate.
    pub rate: f64,
    /// The share of the last velocity that is kept, in `[0, 1)`.
    pub momentum: f64,
    /// Whether to look one step ahead along the velocity (Nesterov). Needs momentum.
    pub nesterov: bool,
    /// The pull of each weight towards 0, as a share of the weight.
    pub weight_decay: f64,
    /// What some parameters do differently.
    pub parameters: Parameters,
}

impl Default for SgdConfig {
    fn default() -> Self {
        Self {
            rate: 0.01,
            momentum: 0.9,
            nesterov: false,
            weight_decay: 0.,
            parameters: Parameters::default(),
        }
    }
}

impl SgdConfig {
    pub(crate) fn check(&self) -> Result<()> {
        let share = |x: f64| x.is_finite() && x >= 0.;
        if !share(self.rate) || !share(self.weight_decay) || !(0. ..1.).contains(&self.momentum) {
            return Err(Error::Config(format!(
                "sgd: met rate {}, weight decay {}, momentum {}; wanted numbers from 0, the momentum below 1",
                self.rate, self.weight_decay, self.momentum
            )));
        }
        if self.nesterov && self.momentum == 0. {
            return Err(Error::Config("sgd: nesterov without momentum".into()));
        }
        Ok(())
    }
}

/// SGD as `torch.optim.SGD` with dampening 0: `v = momentum * v + (g + decay * w)`,
/// `w -= rate * v`, and with Nesterov `w -= rate * (g + decay * w + momentum * v)`.
///
/// Floating-point variables are trained in the order of their names, except a batch norm's
/// running statistics. A parameter that got no gradient keeps its value, undecayed.
#[derive(Debug)]
pub struct Sgd {
    config: SgdConfig,
    parameters: Vec<Parameter>,
}

#[derive(Debug)]
struct Parameter {
    name: String,
    var: Var,
    factors: Factors,
    velocity: Option<Velocity>,
}

#[derive(Debug)]
enum Velocity {
    Slice(Vec<f32>),
    Tensor(Tensor),
}

/// The gradients of a step, before it is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Gradients {
    /// The Euclidean norm of all gradients together.
    pub norm: f64,
    /// How many parameters have one.
    pub parameters: usize,
    /// The first parameter, by name, with an infinite or undefined gradient.
    pub not_finite: Option<String>,
}

impl Sgd {
    /// An optimizer of the variables that are in `vars` now.
    pub fn new(vars: &VarMap, config: SgdConfig) -> Result<Self> {
        config.check()?;
        let mut parameters = Vec::new();
        for (name, var) in sorted(vars) {
            if !var.dtype().is_float() || is_statistic(&name) {
                continue;
            }
            let factors = config.parameters.factors(&name, var.dims());
            if !(factors.rate.is_finite() && factors.rate >= 0. && factors.decay.is_finite()) {
                return Err(Error::Config(format!("sgd: `{name}` is given {factors:?}")));
            }
            if factors.rate > 0. {
                parameters.push(Parameter { name, var, factors, velocity: None });
            }
        }
        Ok(Self { config, parameters })
    }

    /// Measures `grads` over the parameters that are trained.
    pub fn measure(&self, grads: &GradStore) -> Result<Gradients> {
        let mut sum = 0.;
        let mut found = Gradients { norm: 0., parameters: 0, not_finite: None };
        for Parameter { name, var, .. } in &self.parameters {
            let Some(grad) = grads.get(var) else { continue };
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
    pub fn step(&mut self, grads: &GradStore, rate: f64, scale: f64) -> Result<()> {
        let SgdConfig { momentum, nesterov, weight_decay, .. } = self.config;
        for Parameter { var, factors, velocity, .. } in &mut self.parameters {
            let Some(grad) = grads.get(var) else { continue };
            let rate = rate * factors.rate;
            let decay = weight_decay * factors.decay;
            let update = Update { rate, momentum, nesterov, decay, scale };
            if var.device().is_cpu() && var.dtype() == DType::F32 {
                if momentum != 0. && velocity.is_none() {
                    *velocity = Some(Velocity::Slice(vec![0.; var.elem_count()]));
                }
                match velocity {
                    Some(Velocity::Slice(velocity)) => update.slices(var, grad, velocity)?,
                    _ => update.slices(var, grad, &mut [])?,
                }
            } else {
                let last = match velocity {
                    Some(Velocity::Tensor(last)) => Some(&*last),
                    _ => None,
                };
                *velocity = update.tensors(var, grad, last)?.map(Velocity::Tensor);
            }
        }
        Ok(())
    }

    /// A copy of the velocities on the CPU, by the parameter's name. A parameter that never got a
    /// gradient has none, and without momentum no parameter has.
    pub fn velocities(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut velocities = BTreeMap::new();
        for Parameter { name, var, velocity, .. } in &self.parameters {
            let tensor = match velocity {
                Some(Velocity::Slice(xs)) => Tensor::from_slice(xs, var.shape(), &Device::Cpu)?,
                Some(Velocity::Tensor(tensor)) => tensor.to_device(&Device::Cpu)?,
                None => continue,
            };
            velocities.insert(name.clone(), tensor);
        }
        Ok(velocities)
    }

    /// Goes on from [`Sgd::velocities`] of the same network; refuses those of another.
    pub fn set_velocities(&mut self, velocities: &BTreeMap<String, Tensor>) -> Result<()> {
        let mut left: Vec<&str> = velocities.keys().map(String::as_str).collect();
        for Parameter { name, var, velocity, .. } in &mut self.parameters {
            let Some(tensor) = velocities.get(name) else {
                *velocity = None;
                continue;
            };
            left.retain(|other| other != name);
            if tensor.shape() != var.shape() || tensor.dtype() != var.dtype() {
                return Err(Error::Config(format!(
                    "sgd: the velocity of `{name}` is {:?} of {:?}, its parameter {:?} of {:?}",
                    tensor.dims(),
                    tensor.dtype(),
                    var.dims(),
                    var.dtype()
                )));
            }
            *velocity = Some(if var.device().is_cpu() && var.dtype() == DType::F32 {
                Velocity::Slice(tensor.flatten_all()?.to_vec1()?)
            } else {
                Velocity::Tensor(tensor.to_device(var.device())?)
            });
        }
        match left.first() {
            Some(name) => Err(Error::Config(format!(
                "sgd: a velocity of `{name}`, which is not trained here ({} such)",
                left.len()
            ))),
            None => Ok(()),
        }
    }
}
