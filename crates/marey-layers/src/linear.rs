//! The fully connected layer.

use candle::{Module, Result, Tensor};
use candle_nn::{Init, VarBuilder, init};

use crate::trace;

/// candle-nn's [`candle_nn::Linear`], which says what it costs while a network is [traced](crate::trace).
#[derive(Debug, Clone)]
pub struct Linear(candle_nn::Linear);

impl Linear {
    /// Wraps a weight `[D_out, D_in]` and a bias `[D_out]`.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self(candle_nn::Linear::new(weight, bias))
    }
}

impl Module for Linear {
    /// `[N, D_in]` to `[N, D_out]`.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        if !trace::recording() {
            return self.0.forward(xs);
        }
        let (n, _) = xs.dims2()?;
        let (d_out, d_in) = self.0.weight().dims2()?;
        trace::count((n * d_out * d_in) as u64);
        trace::zeros((n, d_out), xs.device())
    }
}

/// A fully connected layer at `vb`: tensors `weight` `[d_out, d_in]` and `bias` `[d_out]`.
pub fn linear(d_in: usize, d_out: usize, vb: VarBuilder) -> Result<Linear> {
    Ok(Linear(candle_nn::linear(d_in, d_out, vb)?))
}

/// The fully connected layer that gives logits: as [`linear`], but its first weights are small, normal with a deviation of
/// 0.01, and its bias is 0, as in torchvision's VGG and video ResNets.
///
/// Training then begins at the loss of a guess. With the larger weights of [`linear`] the first steps do little but undo
/// them, and a deep network without batch norm, such as C3D, may not learn at all after that.
pub fn classifier(d_in: usize, num_classes: usize, vb: VarBuilder) -> Result<Linear> {
    let small = Init::Randn { mean: 0., stdev: 0.01 };
    let weight = vb.get_with_hints((num_classes, d_in), "weight", small)?;
    let bias = vb.get_with_hints(num_classes, "bias", init::ZERO)?;
    Ok(Linear::new(weight, Some(bias)))
}
