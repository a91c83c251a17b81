//! Stochastic gradient descent with momentum, which candle-nn's `SGD` lacks.

use candle::Tensor;

use crate::error::{Error, Result};
use crate::parameters::Parameters;
use crate::update::{Rule, Step};

/// SGD as `torch.optim.SGD` with dampening 0: `v = momentum * v + (g + decay * w)`,
/// `w -= rate * v`, and with Nesterov `w -= rate * (g + decay * w + momentum * v)`.
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

impl Rule for SgdConfig {
    fn kinds(&self) -> &'static [&'static str] {
        if self.momentum == 0. { &[] } else { &["velocity"] }
    }

    fn slices(&self, step: Step, ws: &mut [f32], gs: &[f32], state: &mut [&mut [f32]]) {
        let (rate, momentum) = (step.rate as f32, self.momentum as f32);
        let (decay, scale) = (step.decay as f32, step.scale as f32);
        let all = ws.iter_mut().zip(gs);
        let [vs] = state else {
            return all.for_each(|(w, &g)| *w -= rate * (g * scale + decay * *w));
        };
        let all = all.zip(vs.iter_mut());
        // Two loops, not one with a branch: each becomes vector instructions.
        if self.nesterov {
            all.for_each(|((w, &g), v)| {
                let g = g * scale + decay * *w;
                *v = momentum * *v + g;
                *w -= rate * (g + momentum * *v);
            });
        } else {
            all.for_each(|((w, &g), v)| {
                *v = momentum * *v + (g * scale + decay * *w);
                *w -= rate * *v;
            });
        }
    }

    fn tensors(
        &self,
        step: Step,
        w: &Tensor,
        g: &Tensor,
        state: &[Tensor],
    ) -> candle::Result<(Tensor, Vec<Tensor>)> {
        let g = ((g * step.scale)? + (w * step.decay)?)?;
        let [v] = state else {
            return Ok(((w - (g * step.rate)?)?, Vec::new()));
        };
        let v = ((v * self.momentum)? + &g)?;
        let along = if self.nesterov { (g + (&v * self.momentum)?)? } else { v.clone() };
        Ok(((w - (along * step.rate)?)?, vec![v]))
    }
}
