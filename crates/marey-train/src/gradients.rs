//! The gradients of a step, before it is taken.

use candle::Tensor;

use crate::error::Result;

/// A gradient for each parameter of an [`Optimizer`](crate::Optimizer), where the loss gave one.
#[derive(Debug, Clone, Default)]
pub struct Gradients(pub(crate) Vec<Option<Tensor>>);

/// How large gradients are.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// The Euclidean norm of all gradients together.
    pub norm: f64,
    /// How many parameters have one.
    pub parameters: usize,
    /// The first parameter, by name, with an infinite or undefined gradient.
    pub not_finite: Option<String>,
}

impl Gradients {
    /// Adds those of another part of the batch, from the same optimizer.
    pub fn add(&mut self, other: Self) -> Result<()> {
        if self.0.is_empty() {
            *self = other;
            return Ok(());
        }
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = match (own.take(), other) {
                (Some(a), Some(b)) => Some((a + b)?),
                (a, b) => a.or(b),
            };
        }
        Ok(())
    }

    /// Brings each number into `[-max, max]`, as `torch.nn.utils.clip_grad_value_`.
    pub fn clip_values(&mut self, max: f64) -> Result<()> {
        for grad in self.0.iter_mut().flatten() {
            *grad = grad.clamp(-max, max)?;
        }
        Ok(())
    }
}
