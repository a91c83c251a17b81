//! One parameter's step, in one pass over its numbers.

use std::cell::RefCell;

use candle::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

use crate::vars::CHUNK;

/// What one step does to one parameter, the learning rate and all factors multiplied in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update {
    pub(crate) rate: f64,
    pub(crate) momentum: f64,
    pub(crate) nesterov: bool,
    pub(crate) decay: f64,
    /// Multiplies the gradient (clipping).
    pub(crate) scale: f64,
}

impl Update {
    /// By candle's operations, on any device. No velocity is one of 0; none is kept without
    /// momentum.
    pub(crate) fn tensors(
        self,
        var: &Var,
        grad: &Tensor,
        velocity: Option<&Tensor>,
    ) -> Result<Option<Tensor>> {
        let mut grad = if self.scale == 1. { grad.clone() } else { (grad * self.scale)? };
        if self.decay != 0. {
            grad = (grad + (var.as_tensor() * self.decay)?)?;
        }
        let next = match velocity {
            Some(velocity) => ((velocity * self.momentum)? + &grad)?,
            None => grad.clone(),
        };
        let step = if self.nesterov { (grad + (&next * self.momentum)?)? } else { next.clone() };
        var.set(&(var.as_tensor() - (step * self.rate)?)?.detach())?;
        Ok((self.momentum != 0.).then(|| next.detach()))
    }

    /// In place, for f32 on the CPU. `velocity` is empty without momentum.
    pub(crate) fn slices(self, var: &Var, grad: &Tensor, velocity: &mut [f32]) -> Result<()> {
        let op = InPlace { update: self, velocity: RefCell::new(velocity) };
        var.as_tensor().inplace_op2(&grad.contiguous()?, &op)
    }

    fn plain(self, ws: &mut [f32], gs: &[f32]) {
        let (rate, decay, scale) = (self.rate as f32, self.decay as f32, self.scale as f32);
        ws.iter_mut().zip(gs).for_each(|(w, &g)| *w -= rate * (g * scale + decay * *w));
    }

    fn momentum(self, ws: &mut [f32], gs: &[f32], vs: &mut [f32]) {
        let (rate, momentum) = (self.rate as f32, self.momentum as f32);
        let (decay, scale) = (self.decay as f32, self.scale as f32);
        let all = ws.iter_mut().zip(gs).zip(vs);
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
}

struct InPlace<'a> {
    update: Update,
    velocity: RefCell<&'a mut [f32]>,
}

impl InplaceOp2 for InPlace<'_> {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn cpu_fwd(
        &self,
        weights: &mut CpuStorage,
        weights_layout: &Layout,
        grads: &CpuStorage,
        grads_layout: &Layout,
    ) -> Result<()> {
        let (CpuStorage::F32(weights), CpuStorage::F32(grads)) = (weights, grads) else {
            bail!("sgd: wants a parameter and a gradient of f32");
        };
        let (Some((w0, w1)), Some((g0, g1))) =
            (weights_layout.contiguous_offsets(), grads_layout.contiguous_offsets())
        else {
            bail!("sgd: wants a contiguous parameter and gradient");
        };
        let (weights, grads) = (&mut weights[w0..w1], &grads[g0..g1]);
        let (update, mut velocity) = (self.update, self.velocity.borrow_mut());
        let chunks = weights.par_chunks_mut(CHUNK).zip(grads.par_chunks(CHUNK));
        if update.momentum == 0. {
            chunks.for_each(|(ws, gs)| update.plain(ws, gs));
        } else if velocity.len() == grads.len() {
            let chunks = chunks.zip(velocity.par_chunks_mut(CHUNK));
            chunks.for_each(|((ws, gs), vs)| update.momentum(ws, gs, vs));
        } else {
            bail!("sgd: {} velocities for {} numbers", velocity.len(), grads.len());
        }
        Ok(())
    }
}
