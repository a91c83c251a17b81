//! Running averages of the weights.

use std::collections::BTreeMap;

use candle::{Tensor, Var};
use candle_nn::VarMap;

use crate::error::{Error, Result};
use crate::optimizer::Optimizer;
use crate::state::TrainState;
use crate::vars::sorted;

/// The exponential moving averages of the parameters that are trained, as `AveragedModel` of
/// torch with `get_ema_multi_avg_fn`: the weights after the first step, and after each that
/// follows `average += (1 - decay) * (weight - average)`.
#[derive(Debug)]
pub(crate) struct Ema {
    decay: f64,
    averages: BTreeMap<String, Tensor>,
}

impl Ema {
    /// The averages of a run that stands at `state`, if `decay` asks for any. Refuses a state of a
    /// run that averaged other parameters, or none.
    pub(crate) fn new(
        decay: Option<f64>,
        state: &TrainState,
        optimizer: &Optimizer,
    ) -> Result<Option<Self>> {
        if let Some(decay) = decay.filter(|decay| !(0. ..1.).contains(decay)) {
            return Err(Error::Config(format!("ema: met a decay of {decay}, wanted [0, 1)")));
        }
        let averages = state.averages.clone();
        let wanted =
            if decay.is_some() && state.step > 0 { optimizer.parameters().count() } else { 0 };
        let found = optimizer.parameters().filter(|(name, var)| {
            averages.get(*name).is_some_and(|x| x.dims() == var.dims() && x.dtype() == var.dtype())
        });
        if averages.len() != wanted || found.count() != wanted {
            return Err(Error::Config(format!(
                "ema: the run so far averaged {} tensors, which are not the {wanted} wanted now",
                averages.len()
            )));
        }
        Ok(decay.map(|decay| Self { decay, averages }))
    }

    /// Takes the weights after a step into the averages.
    pub(crate) fn update(&mut self, optimizer: &Optimizer) -> Result<()> {
        for (name, var) in optimizer.parameters() {
            let weight = var.as_detached_tensor();
            let next = match self.averages.get(name) {
                None => weight.copy()?,
                Some(last) => {
                    let last = last.to_device(var.device())?;
                    (&last + ((weight - &last)? * (1. - self.decay))?)?
                }
            };
            self.averages.insert(name.to_string(), next);
        }
        Ok(())
    }

    /// By name, where they were computed.
    pub(crate) fn averages(&self) -> &BTreeMap<String, Tensor> {
        &self.averages
    }
}

/// Calls `f` while `vars` hold the averages of [`FitConfig::ema`](crate::FitConfig::ema), and puts
/// their own numbers back. What is not averaged (frozen parameters, the running statistics of
/// batch norms) is left as it is.
///
/// # Errors
///
/// The state has no averages, or one that is not of a variable of `vars`.
pub fn with_averages<T>(
    vars: &VarMap,
    state: &TrainState,
    f: impl FnOnce() -> Result<T>,
) -> Result<T> {
    exchanged(vars, averages_of(state)?, f)
}

/// Puts the averages of [`FitConfig::ema`](crate::FitConfig::ema) in the place of the weights they are of, and leaves them there.
///
/// # Errors
///
/// As [`with_averages`].
pub fn put_averages(vars: &VarMap, state: &TrainState) -> Result<()> {
    for (var, average) in pairs(vars, averages_of(state)?)? {
        var.set(&average.to_device(var.device())?)?;
    }
    Ok(())
}

fn averages_of(state: &TrainState) -> Result<&BTreeMap<String, Tensor>> {
    if state.averages.is_empty() {
        return Err(Error::Config("ema: the run has no averages of its weights".into()));
    }
    Ok(&state.averages)
}

/// Each variable that there is a tensor of, with it.
fn pairs<'t>(
    vars: &VarMap,
    tensors: &'t BTreeMap<String, Tensor>,
) -> Result<Vec<(Var, &'t Tensor)>> {
    let mut vars: BTreeMap<String, Var> = sorted(vars).into_iter().collect();
    let pair = |(name, tensor)| match vars.remove(name) {
        Some(var) => Ok((var, tensor)),
        None => Err(Error::Config(format!("ema: `{name}` is not a variable here"))),
    };
    tensors.iter().map(pair).collect()
}

/// [`with_averages`] of any tensors by name.
pub(crate) fn exchanged<T>(
    vars: &VarMap,
    tensors: &BTreeMap<String, Tensor>,
    f: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let mut own = Vec::new();
    let mut result = Ok(());
    for (var, tensor) in pairs(vars, tensors)? {
        let kept = var.as_detached_tensor().copy()?;
        result = tensor.to_device(var.device()).and_then(|tensor| var.set(&tensor));
        own.push((var, kept));
        if result.is_err() {
            break;
        }
    }
    let result = result.map_err(Error::from).and_then(|()| f());
    for (var, tensor) in own {
        var.set(&tensor)?;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sgd::SgdConfig;
    use candle::Device;

    /// One parameter of one number.
    fn vars() -> (VarMap, Var) {
        let (vars, var) = (VarMap::new(), Var::new(&[0f32], &Device::Cpu).unwrap());
        vars.data().lock().unwrap().insert("w".into(), var.clone());
        (vars, var)
    }

    #[test]
    fn averages_as_torch() {
        // AveragedModel with get_ema_multi_avg_fn(0.9) of torch 2.15, of these weights.
        let (vars, var) = vars();
        let optimizer = Optimizer::new(&vars, SgdConfig::default()).unwrap();
        let mut state = TrainState::new("");
        let mut ema = Ema::new(Some(0.9), &state, &optimizer).unwrap().unwrap();
        for (weight, want) in [(1f32, 1f32), (-2., 0.7), (3., 0.93), (0.5, 0.887)] {
            var.set(&Tensor::new(&[weight], &Device::Cpu).unwrap()).unwrap();
            ema.update(&optimizer).unwrap();
            let got = ema.averages()["w"].to_vec1::<f32>().unwrap()[0];
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
            assert_eq!(var.to_vec1::<f32>().unwrap(), [weight]);
        }
        state.step = 4;
        assert!(Ema::new(Some(0.9), &state, &optimizer).is_err(), "no averages yet");
        state.averages = ema.averages().clone();
        assert!(Ema::new(Some(0.9), &state, &optimizer).unwrap().is_some());
        assert!(Ema::new(None, &state, &optimizer).is_err(), "averages that would be lost");
        assert!(Ema::new(Some(1.), &state, &optimizer).is_err());
    }

    #[test]
    fn weights_come_back_whatever_happens() {
        let (vars, var) = vars();
        let mut state = TrainState::new("");
        assert!(with_averages(&vars, &state, || Ok(())).is_err());
        state.averages.insert("w".into(), Tensor::new(&[5f32], &Device::Cpu).unwrap());
        let inside = with_averages(&vars, &state, || Ok(var.to_vec1::<f32>()?));
        assert_eq!((inside.unwrap(), var.to_vec1::<f32>().unwrap()), (vec![5.], vec![0.]));
        put_averages(&vars, &state).unwrap();
        assert_eq!(var.to_vec1::<f32>().unwrap(), [5.]);
        var.set(&Tensor::new(&[0f32], &Device::Cpu).unwrap()).unwrap();
        let failed = with_averages(&vars, &state, || -> Result<()> { Err(Error::NoVideos) });
        assert!(failed.is_err() && var.to_vec1::<f32>().unwrap() == [0.]);
        state.averages.insert("w".into(), Tensor::new(&[5f32, 6.], &Device::Cpu).unwrap());
        assert!(with_averages(&vars, &state, || Ok(())).is_err());
        assert_eq!(var.to_vec1::<f32>().unwrap(), [0.]);
        state.averages.insert("x".into(), Tensor::new(&[5f32], &Device::Cpu).unwrap());
        assert!(with_averages(&vars, &state, || Ok(())).unwrap_err().to_string().contains("`x`"));
    }
}
