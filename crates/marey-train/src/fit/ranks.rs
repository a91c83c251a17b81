//! What the ranks of a run tell each other from step to step.

use std::sync::Arc;

use candle::{DType, Device, Tensor};
use candle_nn::VarMap;
use marey_layers::rng::fnv1a;
use marey_layers::{Norms, Reduce, Statistics};

use super::FitConfig;
use crate::collective::{self, Collective, Solo, agree};
use crate::error::{Error, Result};
use crate::gradients::Gradients;
use crate::parameters::is_statistic;
use crate::state::TrainState;
use crate::vars::sorted;

/// The ranks of a run: one that is alone where the run is one process.
pub(super) struct Ranks(Arc<dyn Collective>);

impl Ranks {
    /// Those of a run that stands at `state`, each with the variables and the state of rank 0 from now on.
    pub(super) fn new(config: &FitConfig, vars: &VarMap, state: &mut TrainState) -> Result<Self> {
        let ranks = Self(config.collective.clone().unwrap_or_else(|| Arc::new(Solo)));
        let (rank, own, first) = (ranks.0.rank(), state.step, ranks.of_first(state.step as f64)?);
        ranks.agree(if own as f64 == first {
            Ok(())
        } else {
            Err(Error::Config(format!(
                "rank {rank} stands at step {own}, rank 0 at step {first}: `share` the state before batches are made"
            )))
        })?;
        collective::share(&*ranks.0, vars, state)?;
        Ok(ranks)
    }

    /// Whether this is the rank that writes files.
    pub(super) fn is_first(&self) -> bool {
        self.0.rank() == 0
    }

    /// What layers of this rank draw by: `seed` itself on rank 0.
    pub(super) fn seed(&self, seed: u64) -> u64 {
        match self.0.rank() {
            0 => seed,
            rank => seed ^ fnv1a(&format!("rank {rank}")),
        }
    }

    /// How batch norms train.
    pub(super) fn norms(&self, config: &FitConfig) -> Norms {
        let reduce = || -> Reduce {
            let collective = self.0.clone();
            Arc::new(move |sums| collective.all_reduce_sum_f64(sums).map_err(candle::Error::wrap))
        };
        let together = config.sync_norms && self.0.world() > 1;
        Norms { statistics: config.norms, momentum: None, reduce: together.then(reduce) }
    }

    /// [`agree`] of these ranks.
    pub(super) fn agree<T>(&self, result: Result<T>) -> Result<T> {
        agree(&*self.0, result)
    }

    /// Whether any rank says so.
    pub(super) fn any(&self, said: bool) -> Result<bool> {
        let mut count = [f64::from(u8::from(said))];
        self.0.all_reduce_sum_f64(&mut count)?;
        Ok(count != [0.])
    }

    /// The value of rank 0.
    pub(super) fn of_first(&self, value: f64) -> Result<f64> {
        let mut bytes = value.to_le_bytes();
        self.0.broadcast(&mut bytes, 0)?;
        Ok(f64::from_le_bytes(bytes))
    }

    /// The share of this rank's batch in the clips of the step; none where a rank has run out of batches.
    ///
    /// `batch` is this rank's clips and how many parts they are taken in.
    pub(super) fn share(
        &self,
        batch: Option<[usize; 2]>,
        config: &FitConfig,
    ) -> Result<Option<f64>> {
        let [clips, parts] = batch.unwrap_or_default().map(|x| x as f64);
        let mut sums = [f64::from(u8::from(batch.is_none())), clips, parts, parts * parts];
        self.0.all_reduce_sum_f64(&mut sums)?;
        let [ended, all, parts, squares] = sums;
        if ended > 0. {
            return Ok(None);
        }
        // The mean of squares is the square of the mean where all are the same.
        if config.sync_norms && squares * self.0.world() as f64 != parts * parts {
            return Err(Error::Config(
                "ranks take their batches in different numbers of parts, which cannot share the statistics of batch norms".into(),
            ));
        }
        Ok(Some(clips / all))
    }

    /// Adds up gradients, losses and accuracies, each of a share of the clips.
    pub(super) fn sum(
        &self,
        grads: &mut Gradients,
        loss: f32,
        accuracy: Option<f32>,
    ) -> Result<(f32, Option<f32>)> {
        if self.0.world() == 1 {
            return Ok((loss, accuracy));
        }
        let there = |there: bool| f64::from(u8::from(there));
        let mut numbers = vec![f64::from(loss), f64::from(accuracy.unwrap_or(0.))];
        numbers.extend(grads.0.iter().map(|grad| there(grad.is_some())));
        self.0.all_reduce_sum_f64(&mut numbers)?;
        let world = self.0.world() as f64;
        if let Some(ranks) = numbers[2..].iter().find(|ranks| ![0., world].contains(ranks)) {
            return Err(Error::Config(format!(
                "a parameter gets a gradient on {ranks} of {world} ranks: do they train one network?"
            )));
        }
        collective::all_reduce(&*self.0, grads.0.iter_mut().flatten().collect())?;
        Ok((numbers[0] as f32, accuracy.map(|_| numbers[1] as f32)))
    }

    /// Gives every rank the running statistics of rank 0, where each has its own.
    pub(super) fn share_statistics(&self, vars: &VarMap, config: &FitConfig) -> Result<()> {
        if self.0.world() == 1 || config.sync_norms || config.norms == Statistics::Frozen {
            return Ok(());
        }
        let mut vars = sorted(vars);
        vars.retain(|(name, _)| is_statistic(name));
        let numbers = vars.iter().map(|(_, var)| {
            var.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()
        });
        let numbers = numbers.collect::<candle::Result<Vec<_>>>()?.concat();
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.0.broadcast(&mut bytes, 0)?;
        let (numbers, _) = bytes.as_chunks();
        let mut numbers = numbers.iter().map(|bytes| f64::from_le_bytes(*bytes));
        for (_, var) in vars {
            let own: Vec<f64> = numbers.by_ref().take(var.elem_count()).collect();
            let own = Tensor::from_vec(own, var.shape(), &Device::Cpu)?;
            var.set(&own.to_dtype(var.dtype())?.to_device(var.device())?)?;
        }
        Ok(())
    }
}
