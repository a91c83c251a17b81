//! One parameter's step, in one pass over its numbers.

use std::cell::RefCell;

use candle::{CpuStorage, InplaceOp2, Layout, Result, Tensor, Var, bail};
use rayon::prelude::*;

use crate::vars::CHUNK;

/// One step of one parameter, its own factors multiplied in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) rate: f64,
    pub(crate) decay: f64,
    /// Multiplies the gradient (clipping).
    pub(crate) scale: f64,
    /// The parameter's steps, this one included.
    pub(crate) count: u64,
}

/// What an optimizer does to a parameter. All that it remembers begins as zeros.
pub(crate) trait Rule: Sync {
    /// What it remembers of each number, by torch's names.
    fn kinds(&self) -> &'static [&'static str];

    /// A step in place, for f32 on the CPU: weights, gradients, and a slice of each kind.
    fn slices(&self, step: Step, ws: &mut [f32], gs: &[f32], state: &mut [&mut [f32]]);

    /// The same by candle's operations, on any device: the new weights and state.
    fn tensors(
        &self,
        step: Step,
        w: &Tensor,
        g: &Tensor,
        state: &[Tensor],
    ) -> Result<(Tensor, Vec<Tensor>)>;
}

/// [`Rule::slices`] of a whole parameter.
pub(crate) fn in_place(
    rule: &dyn Rule,
    step: Step,
    var: &Var,
    grad: &Tensor,
    state: &mut [Vec<f32>],
) -> Result<()> {
    let op = InPlace { rule, step, state: RefCell::new(state) };
    var.as_tensor().inplace_op2(&grad.contiguous()?, &op)
}

struct InPlace<'a> {
    rule: &'a dyn Rule,
    step: Step,
    state: RefCell<&'a mut [Vec<f32>]>,
}

impl InplaceOp2 for InPlace<'_> {
    fn name(&self) -> &'static str {
        "optimizer"
    }

    fn cpu_fwd(
        &self,
        weights: &mut CpuStorage,
        weights_layout: &Layout,
        grads: &CpuStorage,
        grads_layout: &Layout,
    ) -> Result<()> {
        let (CpuStorage::F32(weights), CpuStorage::F32(grads)) = (weights, grads) else {
            bail!("optimizer: wants a parameter and a gradient of f32");
        };
        let (Some((w0, w1)), Some((g0, g1))) =
            (weights_layout.contiguous_offsets(), grads_layout.contiguous_offsets())
        else {
            bail!("optimizer: wants a contiguous parameter and gradient");
        };
        let (weights, grads) = (&mut weights[w0..w1], &grads[g0..g1]);
        let mut state = self.state.borrow_mut();
        if let Some(other) = state.iter().find(|numbers| numbers.len() != grads.len()) {
            bail!("optimizer: remembers {} numbers of {}", other.len(), grads.len());
        }
        let mut state: Vec<_> = state.iter_mut().map(|all| all.chunks_mut(CHUNK)).collect();
        let chunks: Vec<_> = weights
            .chunks_mut(CHUNK)
            .zip(grads.chunks(CHUNK))
            .map(|(ws, gs)| {
                (ws, gs, state.iter_mut().filter_map(Iterator::next).collect::<Vec<_>>())
            })
            .collect();
        let Self { rule, step, .. } = *self;
        chunks
            .into_par_iter()
            .for_each(|(ws, gs, mut state)| rule.slices(step, ws, gs, &mut state));
        Ok(())
    }
}
