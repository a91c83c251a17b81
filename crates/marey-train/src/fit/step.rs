//! One step of training.

use std::time::Instant;

use candle::{DType, Tensor};
use marey_layers::rng::train_step;
use marey_layers::{with_norms, with_precision, with_recomputation};

use super::{FitConfig, Run};
use crate::curve::Point;
use crate::error::{Error, Result};
use crate::gradients::{Gradients, Measured};

/// The bit of a step's number from which the number of a batch's part stands.
const PART: u32 = 40;

/// Clips and their labels.
type Clips = (Tensor, Tensor);

impl Run<'_, '_> {
    /// This rank's batch and its share of the step's clips; none where a rank has run out of batches.
    pub(super) fn fetched(&self, batch: Result<Option<Clips>>) -> Result<Option<(Clips, f64)>> {
        let max = self.config.max_clips.unwrap_or(usize::MAX);
        let checked = batch.and_then(|batch| {
            let Some((xs, labels)) = &batch else { return Ok((batch, None)) };
            check_batch(self.state.step, xs, labels)?;
            let clips = xs.dim(0)?;
            Ok((batch, Some([clips, clips.div_ceil(max)])))
        });
        let (batch, sizes) = self.ranks.agree(checked)?;
        Ok(batch.zip(self.ranks.share(sizes, self.config)?))
    }

    /// Computes and takes the step that the state stands before.
    pub(super) fn step(&mut self, batch: Clips, share: f64, wait: f64) -> Result<Point> {
        let (step, started) = (self.state.step, Instant::now());
        let (norms, config) = (self.ranks.norms(self.config), self.config);
        let gradients = || with_recomputation(config.recompute, || self.gradients(&batch, share));
        let (mut grads, loss, accuracy) =
            with_norms(norms, || with_precision(config.precision, gradients))?;
        let (loss, accuracy) = self.ranks.sum(&mut grads, loss, accuracy)?;

        let rate = self.config.optimizer.rate() * self.config.schedule.factor(step);
        let rate = self.verdict.as_ref().map_or(rate, |verdict| rate * verdict.factor);
        let Measured { norm, parameters, not_finite } = self.optimizer.measure(&grads)?;
        if !loss.is_finite() || !norm.is_finite() {
            return Err(Error::Diverged { step, loss, rate, parameter: not_finite });
        }
        if parameters == 0 {
            return Err(Error::Config("the loss gives no trained variable a gradient".into()));
        }
        if let Some(max) = self.config.clip_grad_value {
            grads.clip_values(max)?;
        }
        // As torch.nn.utils.clip_grad_norm_.
        let scale = self.config.clip_grad_norm.map_or(1., |max| (max / (norm + 1e-6)).min(1.));
        self.optimizer.step(&grads, rate, scale)?;
        if let Some(ema) = &mut self.ema {
            ema.update(&self.optimizer)?;
        }
        self.ranks.share_statistics(self.vars, self.config)?;
        let seconds = started.elapsed().as_secs_f64();
        Ok(Point { loss, accuracy, rate, gradient_norm: norm, seconds, wait })
    }

    /// What a batch that is `of_step` of the step's clips adds to its gradients, its loss and, where
    /// it is measured, its accuracy.
    fn gradients(
        &self,
        (xs, labels): &Clips,
        of_step: f64,
    ) -> Result<(Gradients, f32, Option<f32>)> {
        let (step, FitConfig { seed, objective, max_clips, .. }) = (self.state.step, self.config);
        let seed = self.ranks.seed(*seed);
        let batch = objective.batch(xs, labels, seed, step)?;
        let mut sum = (Gradients::default(), 0., None);
        let parts = batch.parts(max_clips.unwrap_or(usize::MAX))?;
        for (place, (part, share)) in parts.iter().enumerate() {
            let share = share * of_step;
            // The first part draws what the whole batch would.
            let draws = step | (place as u64) << PART;
            let (loss, accuracy) = train_step(seed, draws, || -> Result<_> {
                let (loss, free) = objective.loss(self.network, part)?;
                let loss = (loss * share)?;
                sum.0.add(self.optimizer.gradients(&marey_layers::backward(&loss)?))?;
                let accuracy = match free {
                    Some(accuracy) => Some(accuracy),
                    None => objective.accuracy(self.network, part, step)?,
                };
                Ok((loss.to_dtype(DType::F32)?.to_scalar::<f32>()?, accuracy))
            })?;
            sum.1 += loss;
            sum.2 = accuracy.map(|accuracy| sum.2.unwrap_or(0.) + accuracy * share as f32);
        }
        Ok(sum)
    }
}

fn check_batch(step: u64, xs: &Tensor, labels: &Tensor) -> Result<()> {
    let clips = xs.dims().first().copied().unwrap_or(0);
    if clips == 0 || labels.dims() != [clips] || labels.dtype() != DType::U32 {
        let cause = format!(
            "clips of shape {:?} and labels of shape {:?}, {:?}; wanted [N, ..] and [N], U32, N from 1",
            xs.dims(),
            labels.dims(),
            labels.dtype()
        );
        return Err(Error::Batch { step, cause });
    }
    Ok(())
}
