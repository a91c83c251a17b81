//! DropConnect, a fully connected layer that loses weights while it trains (Wan et al., ICML 2013).

use candle::{Module, ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;

use crate::linear::classifier_parts;
use crate::{Linear, rng, trace};

/// A fully connected layer each of whose weights is zero with chance `p` while it trains, the rest divided by `1 - p`. All
/// rows of a batch lose the same weights; the bias loses none.
///
/// It trains inside [`rng::train_step`] only, and refuses otherwise: what it drops follows from the seed and number of
/// the step and its own name.
#[derive(Debug, Clone)]
pub struct DropConnect {
    weight: Tensor,
    bias: Tensor,
    /// With all weights.
    whole: Linear,
    p: f32,
    name: String,
}

impl DropConnect {
    /// Wraps a weight `[D_out, D_in]` and a bias `[D_out]`; `p` is in `0..1`, and no other layer of the network is called
    /// `name`.
    pub fn new(weight: Tensor, bias: Tensor, p: f32, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        if !(0. ..1.).contains(&p) {
            bail!("drop connect `{name}`: expected a chance of at least 0 and less than 1, got {p}")
        }
        let whole = Linear::new(weight.clone(), Some(bias.clone()));
        Ok(Self { weight, bias, whole, p, name })
    }
}

impl ModuleT for DropConnect {
    /// `[N, D_in]` to `[N, D_out]`.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        if !train || self.p == 0. || trace::recording() {
            return self.whole.forward(xs);
        }
        let mask = rng::mask(&self.name, self.p, &self.weight)?;
        Linear::new((&self.weight * mask)?, Some(self.bias.clone())).forward(xs)
    }
}

/// A [`DropConnect`] that gives logits, at `vb`: tensors `weight` `[num_classes, d_in]` and `bias`, at first as those of
/// [`classifier`](crate::classifier).
pub fn drop_connect(
    d_in: usize,
    num_classes: usize,
    p: f32,
    vb: VarBuilder,
) -> Result<DropConnect> {
    let name = vb.prefix();
    let (weight, bias) = classifier_parts(d_in, num_classes, vb)?;
    DropConnect::new(weight, bias, p, name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{DType, Device};

    #[test]
    fn training_drops_weights_for_all_rows_alike_and_evaluation_none() -> Result<()> {
        let weight = Tensor::ones((1000, 40), DType::F32, &Device::Cpu)?;
        let bias = Tensor::full(0.5f32, 1000, &Device::Cpu)?;
        let layer = DropConnect::new(weight, bias, 0.25, "fc")?;
        let xs = Tensor::ones((2, 40), DType::F32, &Device::Cpu)?;
        assert!(
            layer.forward_t(&xs, false)?.to_vec2::<f32>()?.iter().flatten().all(|y| *y == 40.5)
        );
        assert!(layer.forward_t(&xs, true).is_err_and(|error| error.to_string().contains("fc")));
        let train = |seed, step| -> Result<Vec<Vec<f32>>> {
            rng::train_step(seed, step, || layer.forward_t(&xs, true))?.to_vec2()
        };
        let ys = train(1, 0)?;
        assert_eq!(ys[0], ys[1]);
        // 40 weights, each of them kept with a chance of 3 in 4 and then 4/3: the mean is theirs, the bias stays. The mean of
        // 1000 has a deviation of sqrt(40 / 3 / 1000) = 0.115.
        let mean = ys[0].iter().sum::<f32>() / 1000.;
        assert!((mean - 40.5).abs() < 0.5, "{mean}");
        assert!(ys[0].iter().any(|y| *y != ys[0][0]));
        assert_eq!(ys, train(1, 0)?);
        assert!(ys != train(2, 0)? && ys != train(1, 1)?);
        Ok(())
    }
}
