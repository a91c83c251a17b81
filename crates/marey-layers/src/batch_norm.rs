//! Batch normalisation over any number of axes, with running statistics (Ioffe and Szegedy 2015).

use candle::{ModuleT, Result, Tensor, Var, bail};
use candle_nn::{VarBuilder, init};
use marey_kernels::norm;

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
        Ok(Self { weight, bias, running_mean, running_var, config })
    }

    /// Normalises by the running statistics.
    fn eval(&self, xs: &Tensor) -> Result<Tensor> {
        let deviation = (self.running_var.as_detached_tensor() + self.config.eps)?.sqrt()?;
        let scale = (&self.weight / deviation)?;
        let shift = (&self.bias - (self.running_mean.as_detached_tensor() * &scale)?)?;
        if ops::takes(xs) {
            return xs.contiguous()?.apply_op3(
                &scale.contiguous()?,
                &shift.contiguous()?,
                ops::affine::Affine,
            );
        }
        let over = channels_over(xs);
        xs.broadcast_mul(&scale.reshape(over.as_slice())?)?
            .broadcast_add(&shift.reshape(over.as_slice())?)
    }

    /// Normalises by the batch's statistics, and moves the running ones towards them.
    fn train(&self, xs: &Tensor) -> Result<Tensor> {
        let dims @ [n, c, p] = ops::planes(xs)?;
        if n * p < 2 {
            bail!(
                "batch norm: one value a channel has no variance to train with, got {:?}",
                xs.dims()
            )
        }
        if ops::takes(xs) {
            let (mean, variance) = ops::with_cells(xs, |xs| norm::statistics(xs, dims))?;
            let tensor = |values: &[f32]| Tensor::new(values, xs.device());
            self.update(&tensor(&mean)?, &tensor(&variance)?, n * p)?;
            let inverse =
                variance.iter().map(|v| (1. / (f64::from(*v) + self.config.eps).sqrt()) as f32);
            let normalise = ops::batch_norm::Normalise { mean, inverse: inverse.collect() };
            return xs.contiguous()?.apply_op3(
                &self.weight.contiguous()?,
                &self.bias.contiguous()?,
                normalise,
            );
        }
        let rows = xs.transpose(0, 1)?.contiguous()?.reshape((c, n * p))?;
        let mean = rows.mean(1)?;
        let variance = rows.broadcast_sub(&mean.unsqueeze(1)?)?.sqr()?.mean(1)?;
        self.update(&mean.detach(), &variance.detach(), n * p)?;
        let over = channels_over(xs);
        let scale = (&self.weight / (variance + self.config.eps)?.sqrt()?)?;
        let centred = xs.broadcast_sub(&mean.reshape(over.as_slice())?)?;
        let ys = centred.broadcast_mul(&scale.reshape(over.as_slice())?)?;
        ys.broadcast_add(&self.bias.reshape(over.as_slice())?)
    }

    /// The running variance takes the unbiased variance of the `count` values, as in PyTorch.
    fn update(&self, mean: &Tensor, variance: &Tensor, count: usize) -> Result<()> {
        let momentum = self.config.momentum;
        let unbiased = (variance * (count as f64 / (count - 1) as f64))?;
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
        match () {
            () if trace::recording() => Ok(xs.clone()),
            () if train => self.train(xs),
            () => self.eval(xs),
        }
    }
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
