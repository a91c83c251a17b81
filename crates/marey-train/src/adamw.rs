//! Adam with decoupled weight decay.

use candle::Tensor;

use crate::error::{Error, Result};
use crate::parameters::Parameters;
use crate::update::{Rule, Step};

/// AdamW as `torch.optim.AdamW` without `amsgrad`: `w -= rate * decay * w`, then
/// `w -= rate * m / (sqrt(v) + eps)`, where `m` and `v` are the running means of the gradient and
/// of its square, both corrected for their start at 0.
///
/// I. Loshchilov and F. Hutter, Decoupled weight decay regularization, 2019, algorithm 2.
#[derive(Debug, Clone)]
pub struct AdamWConfig {
    /// The full learning rate.
    pub rate: f64,
    /// The shares of the last means that are kept, of the gradient and of its square, in `[0, 1)`.
    pub betas: [f64; 2],
    /// Added to the root of the second mean, above 0.
    pub eps: f64,
    /// The pull of each weight towards 0, as a share of the weight, times the learning rate.
    pub weight_decay: f64,
    /// What some parameters do differently.
    pub parameters: Parameters,
}

impl Default for AdamWConfig {
    /// As torch.
    fn default() -> Self {
        Self {
            rate: 1e-3,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 1e-2,
            parameters: Parameters::default(),
        }
    }
}

impl AdamWConfig {
    pub(crate) fn check(&self) -> Result<()> {
        let Self { rate, betas, eps, weight_decay, .. } = self;
        let share = |x: f64| x.is_finite() && x >= 0.;
        let betas_fit = betas.iter().all(|beta| (0. ..1.).contains(beta));
        let positive = share(*eps) && *eps > 0.;
        if !share(*rate) || !share(*weight_decay) || !betas_fit || !positive {
            return Err(Error::Config(format!(
                "adamw: met rate {rate}, weight decay {weight_decay}, betas {betas:?}, eps {eps}; wanted numbers from 0, the betas below 1, eps above 0"
            )));
        }
        Ok(())
    }

    /// What `m` is multiplied by, and what the root of `v` is divided by.
    fn corrections(&self, step: Step) -> (f64, f64) {
        let [first, second] = self.betas.map(|beta| 1. - beta.powf(step.count as f64));
        (step.rate / first, second.sqrt())
    }
}

impl Rule for AdamWConfig {
    fn kinds(&self) -> &'static [&'static str] {
        &["exp_avg", "exp_avg_sq"]
    }

    fn slices(&self, step: Step, ws: &mut [f32], gs: &[f32], state: &mut [&mut [f32]]) {
        let [ms, vs] = state else { return };
        let (rate, root) = self.corrections(step);
        let (rate, root, scale, eps) =
            (rate as f32, root as f32, step.scale as f32, self.eps as f32);
        let keep = (1. - step.rate * step.decay) as f32;
        let [_, b2] = self.betas.map(|beta| beta as f32);
        let [n1, n2] = self.betas.map(|beta| (1. - beta) as f32);
        let all = ws.iter_mut().zip(gs).zip(ms.iter_mut()).zip(vs.iter_mut());
        all.for_each(|(((w, &g), m), v)| {
            let g = g * scale;
            *m += n1 * (g - *m);
            *v = b2 * *v + n2 * g * g;
            *w = keep * *w - rate * *m / (v.sqrt() / root + eps);
        });
    }

    fn tensors(
        &self,
        step: Step,
        w: &Tensor,
        g: &Tensor,
        state: &[Tensor],
    ) -> candle::Result<(Tensor, Vec<Tensor>)> {
        let [m, v] = state else { candle::bail!("adamw: {} means, wanted 2", state.len()) };
        let (rate, root) = self.corrections(step);
        let g = (g * step.scale)?;
        let m = (m + ((&g - m)? * (1. - self.betas[0]))?)?;
        let v = ((v * self.betas[1])? + (g.sqr()? * (1. - self.betas[1]))?)?;
        let along = (&m / ((v.sqrt()? / root)? + self.eps)?)?;
        let w = ((w * (1. - step.rate * step.decay))? - (along * rate)?)?;
        Ok((w, vec![m, v]))
    }
}
