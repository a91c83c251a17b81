//! Batch normalisation over any number of axes, with running statistics (Ioffe and Szegedy 2015).

use candle::{ModuleT, Result, Tensor, Var, bail};
use candle_nn::{VarBuilder, init};
use marey_kernels::Epilogue;
use marey_kernels::norm::{self, Done};

use crate::norms::{self, Norms};
use crate::tape::{self, Input};
use crate::{ops, trace};

/// Settings of a [`BatchNorm`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNormConfig {
    /// Added to the variance.
    pub eps: f64,
    /// Share of the batch's statistics in the running ones, as in PyTorch; Caffe2 and TensorFlow print one minus it.
    pub momentum: f64,
}

impl Default for BatchNormConfig {
    /// PyTorch's: 1e-5 and 0.1.
    fn default() -> Self {
        Self { eps: 1e-5, momentum: 0.1 }
    }
}

/// A batch norm over `[N, C, ..]`, of every channel by itself.
#[derive(Debug, Clone)]
pub struct BatchNorm {
    weight: Tensor,
    bias: Tensor,
    running_mean: Var,
    running_var: Var,
    config: BatchNormConfig,
    fixed: bool,
}

impl BatchNorm {
    /// Wraps scale, shift, running mean and running variance, all `[C]`. The running ones change while it trains.
    pub fn new(
        weight: Tensor,
        bias: Tensor,
        running_mean: &Tensor,
        running_var: &Tensor,
        config: BatchNormConfig,
    ) -> Result<Self> {
        let (running_mean, running_var) =
            (Var::from_tensor(running_mean)?, Var::from_tensor(running_var)?);
        Ok(Self { weight, bias, running_mean, running_var, config, fixed: false })
    }

    /// With statistics that training uses as they are, and leaves so: "partial" batch normalisation (Wang et al. 2016) is
    /// that of all norms of a network but the first. Scale and shift still learn.
    pub fn fixed(self) -> Self {
        Self { fixed: true, ..self }
    }

    /// With a scale and a shift that get no gradient.
    pub fn frozen(self) -> Self {
        Self { weight: self.weight.detach(), bias: self.bias.detach(), ..self }
    }

    /// How it trains; not at all where it takes the running statistics.
    fn training(&self, train: bool) -> Option<Norms> {
        (train && !self.fixed).then(|| norms::training(self.running_mean.id())).flatten()
    }

    /// Scale and shift by the running statistics: `ys = xs * scale + shift`.
    pub(crate) fn folded(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let [weight, bias, mean, variance] =
            [&self.weight, &self.bias, &*self.running_mean, &*self.running_var].map(ops::numbers);
        let (weight, bias, mean, variance) = (weight?, bias?, mean?, variance?);
        let fold = |i: usize| {
            let scale = f64::from(weight[i]) * self.inverse(variance[i]);
            (scale as f32, (f64::from(bias[i]) - f64::from(mean[i]) * scale) as f32)
        };
        Ok((0..weight.len()).map(fold).unzip())
    }

    /// One over the deviation.
    fn inverse(&self, variance: f32) -> f64 {
        1. / (f64::from(variance) + self.config.eps).sqrt()
    }

    /// The norm, `+ residual` and a ReLU if asked for: by the kernels, on the graph where there is one.
    pub(crate) fn recorded(
        &self,
        xs: &Tensor,
        residual: Option<&Tensor>,
        relu: bool,
        train: bool,
    ) -> Result<Tensor> {
        let training = self.training(train);
        let (unadded, added, xs) = (xs, residual, Input::of(xs)?);
        let residual = residual.map(Input::of).transpose()?;
        if let (Some(added), true) = (added, residual.as_ref().is_some_and(|r| r.same(&xs))) {
            // One tensor twice: its two gradients are added up one after the other.
            let ys = crate::add(added, &self.recorded(unadded, None, false, train)?)?;
            return if relu { crate::relu(&ys) } else { Ok(ys) };
        }
        let dims = xs.dims().to_vec();
        let c = self.weight.elem_count();
        let mut count = (dims.iter().product::<usize>() / c.max(1)) as f64;
        let weight = ops::numbers(&self.weight)?;
        let (mean, inverse, scale, shift) = if let Some(norms) = &training {
            let (mut mean, mut variance) = xs.with(|xs| norm::statistics(xs, c))?;
            if let Some(reduce) = &norms.reduce {
                (mean, variance, count) = norms::pooled(&mean, &variance, count, reduce)?;
            }
            let tensor = |values: &[f32]| Tensor::new(values, self.weight.device());
            self.update(&tensor(&mean)?, &tensor(&variance)?, count, norms)?;
            let inverse: Vec<f32> = variance.iter().map(|v| self.inverse(*v) as f32).collect();
            let scale: Vec<f32> = weight.iter().zip(&inverse).map(|(w, i)| w * i).collect();
            let moved = ops::numbers(&self.bias)?.into_iter().zip(&scale).zip(&mean);
            let shift = moved.map(|((shift, scale), mean)| shift - mean * scale).collect();
            (mean, inverse, scale, shift)
        } else {
            let (scale, shift) = self.folded()?;
            let variance = ops::numbers(&self.running_var)?;
            let inverse = variance.iter().map(|v| self.inverse(*v) as f32).collect();
            (ops::numbers(&self.running_mean)?, inverse, scale, shift)
        };
        let epilogue = Epilogue { scale: Some(&scale), shift: Some(&shift), residual: None, relu };
        let inputs: Vec<&Input> = [&xs].into_iter().chain(&residual).collect();
        let parameters = [&self.weight, &self.bias];
        let finish = |xs: &[f32], residual: Option<&[f32]>| {
            let epilogue = Epilogue { residual, ..epilogue };
            if relu && tape::is_tracked(&inputs, &parameters) {
                let (ys, gate) = norm::finish_gated(xs, c, &epilogue);
                return (ys, Some(gate));
            }
            (norm::finish(xs, c, &epilogue), None)
        };
        let (ys, gate) = xs.with(|xs| match &residual {
            None => Ok(finish(xs, None)),
            Some(residual) => residual.with(|residual| finish(xs, Some(residual))),
        })??;
        let (input, added) = (xs.clone(), residual.clone());
        let tracked = [self.weight.track_op(), self.bias.track_op()];
        let device = self.weight.device().clone();
        let of_batch = training.is_some();
        let reduce = training.and_then(|norms| norms.reduce);
        let backward = move |_: &Tensor, dys: Vec<f32>| {
            input.with(|xs| {
                let (mean, inverse, scale) = (&mean[..], &inverse[..], &weight[..]);
                let done = Done { xs, gate: gate.as_ref(), mean, inverse, scale };
                let mut dxs = input.gradient();
                let mut added = added.as_ref().and_then(Input::gradient);
                let added = added.as_deref_mut();
                let of_own = of_batch && reduce.is_none();
                let (dscale, dshift) =
                    norm::gradients(&done, dys, of_own, dxs.as_deref_mut(), added);
                if let (Some(reduce), Some(dxs)) = (&reduce, &mut dxs) {
                    dxs.add(&through_statistics(&done, &dscale, &dshift, count, reduce)?);
                }
                let tensor = |values| Tensor::from_vec(values, c, &device);
                Ok([
                    tracked[0].then(|| tensor(dscale)).transpose()?,
                    tracked[1].then(|| tensor(dshift)).transpose()?,
                ])
            })?
        };
        tape::output(ys, dims, &inputs, &parameters, Box::new(backward))
    }

    /// Composed of candle's operations: by the running statistics.
    fn composed_eval(&self, xs: &Tensor) -> Result<Tensor> {
        let deviation = (self.running_var.as_detached_tensor() + self.config.eps)?.sqrt()?;
        let scale = (&self.weight / deviation)?;
        let shift = (&self.bias - (self.running_mean.as_detached_tensor() * &scale)?)?;
        let over = channels_over(xs);
        xs.broadcast_mul(&scale.reshape(over.as_slice())?)?
            .broadcast_add(&shift.reshape(over.as_slice())?)
    }

    /// The same by the batch's statistics, and moves the running ones towards them.
    fn composed_train(&self, xs: &Tensor, norms: &Norms) -> Result<Tensor> {
        let (c, own) = (xs.dim(1)?, xs.elem_count() / xs.dim(1)?.max(1));
        let rows = xs.transpose(0, 1)?.contiguous()?.reshape((c, own))?;
        let mut count = [own as f64];
        norms.reduce.iter().try_for_each(|reduce| reduce(&mut count))?;
        let [count] = count;
        let over_ranks = |mean: Tensor| match &norms.reduce {
            Some(reduce) => norms::summed(&(mean * (own as f64 / count))?, reduce),
            None => Ok(mean),
        };
        let mean = over_ranks(rows.mean(1)?)?;
        let variance = over_ranks(rows.broadcast_sub(&mean.unsqueeze(1)?)?.sqr()?.mean(1)?)?;
        self.update(&mean.detach(), &variance.detach(), count, norms)?;
        let over = channels_over(xs);
        let scale = (&self.weight / (variance + self.config.eps)?.sqrt()?)?;
        let centred = xs.broadcast_sub(&mean.reshape(over.as_slice())?)?;
        let ys = centred.broadcast_mul(&scale.reshape(over.as_slice())?)?;
        ys.broadcast_add(&self.bias.reshape(over.as_slice())?)
    }

    /// The running variance takes the unbiased variance of the `count` values, as in PyTorch.
    fn update(&self, mean: &Tensor, variance: &Tensor, count: f64, norms: &Norms) -> Result<()> {
        if count < 2. {
            bail!("batch norm: {count} values a channel have no variance to train with")
        }
        let momentum = norms.momentum.unwrap_or(self.config.momentum);
        if momentum == 0. {
            return Ok(());
        }
        let unbiased = (variance * (count / (count - 1.)))?;
        for (running, batch) in [(&self.running_mean, mean), (&self.running_var, &unbiased)] {
            let moved = ((running.as_detached_tensor() * (1. - momentum))? + (batch * momentum)?)?;
            running.set(&moved)?;
        }
        Ok(())
    }
}

impl ModuleT for BatchNorm {
    /// `[N, C, ..]` to the same.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let (c, got) = (self.weight.elem_count(), xs.dims());
        if got.len() < 2 || got[1] != c {
            bail!("batch norm: expected [N, {c}, ..], got {got:?}")
        }
        if trace::recording() {
            return Ok(xs.clone());
        }
        if ops::takes(xs) {
            return self.recorded(xs, None, false, train);
        }
        match self.training(train) {
            Some(norms) => self.composed_train(xs, &norms),
            None => self.composed_eval(xs),
        }
    }
}

/// The part of the input's gradient that comes by way of mean and deviation of all ranks' `count` values, from this rank's
/// gradients of scale and shift.
fn through_statistics(
    done: &Done,
    dscale: &[f32],
    dshift: &[f32],
    count: f64,
    reduce: &norms::Reduce,
) -> Result<Vec<f32>> {
    let c = done.mean.len();
    let mut sums: Vec<f64> = dscale.iter().chain(dshift).map(|sum| f64::from(*sum)).collect();
    reduce(&mut sums)?;
    let (dscale, dshift) = sums.split_at(c);
    let of_channel = |i: usize| {
        let [mean, inverse, scale] = [done.mean, done.inverse, done.scale].map(|x| f64::from(x[i]));
        let slope = -dscale[i] * inverse / count;
        let rest = -dshift[i] / count - slope * mean;
        ((slope * scale * inverse) as f32, (rest * scale * inverse) as f32)
    };
    let (scale, shift): (Vec<f32>, Vec<f32>) = (0..c).map(of_channel).unzip();
    let (scale, shift) = (Some(&scale[..]), Some(&shift[..]));
    Ok(norm::finish(done.xs, c, &Epilogue { scale, shift, residual: None, relu: false }))
}

/// `[1, C, 1, ..]`, that a value a channel broadcasts over `xs` by.
fn channels_over(xs: &Tensor) -> Vec<usize> {
    xs.dims().iter().enumerate().map(|(axis, size)| if axis == 1 { *size } else { 1 }).collect()
}

/// A batch norm at `vb`: tensors `weight`, `bias`, `running_mean` and `running_var`, all `[c]`.
pub fn batch_norm(c: usize, config: BatchNormConfig, vb: VarBuilder) -> Result<BatchNorm> {
    BatchNorm::new(
        vb.get_with_hints(c, "weight", init::ONE)?,
        vb.get_with_hints(c, "bias", init::ZERO)?,
        &vb.get_with_hints(c, "running_mean", init::ZERO)?,
        &vb.get_with_hints(c, "running_var", init::ONE)?,
        config,
    )
}
