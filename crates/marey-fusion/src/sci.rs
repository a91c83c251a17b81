//! Fusion by the sparsity concentration index: the surer of its answer, the more it counts.
//!
//! References: Sun et al., "Human Action Recognition using Factorized Spatio-Temporal Convolutional Networks", ICCV 2015,
//! section 3.4; the index is from Wright et al., "Robust Face Recognition via Sparse Representation", 2009.

use candle::{D, Result, Tensor};

/// How concentrated scores `[.., K]` are: `(K max(p) / sum(p) - 1) / (K - 1)`, 1 where one class has it all and 0 where
/// all are equal, or all 0. `[.., 1]`; of a single class, 1.
pub fn concentration(scores: &Tensor) -> Result<Tensor> {
    let classes = scores.dim(D::Minus1)? as f64;
    let (peak, sum) = (scores.max_keepdim(D::Minus1)?, scores.sum_keepdim(D::Minus1)?);
    if classes == 1. {
        return peak.ones_like();
    }
    // Where all are 0 the peak takes an equal share too.
    let nothing = sum.eq(0.)?.to_dtype(sum.dtype())?;
    let share = ((peak + (&nothing / classes)?)? / (sum + nothing)?)?;
    ((share * classes)? - 1.)? / (classes - 1.)
}

/// The mean of `scores` `[S, .., K]` over the first axis, each weighted by its [`concentration`]: `[.., K]`. Where none is
/// concentrated, the plain mean.
pub(crate) fn mean(scores: &Tensor) -> Result<Tensor> {
    let weights = concentration(scores)?;
    let all_flat = weights.sum_keepdim(0)?.eq(0.)?.to_dtype(weights.dtype())?;
    let weights = weights.broadcast_add(&all_flat)?;
    scores.broadcast_mul(&weights)?.sum(0)?.broadcast_div(&weights.sum(0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Device;

    #[test]
    fn concentration_by_hand() -> Result<()> {
        let scores =
            [[0.25f64, 0.25, 0.25, 0.25], [0., 1., 0., 0.], [0.5, 0.5, 0., 0.], [0., 0., 0., 0.]];
        let got = concentration(&Tensor::new(&scores, &Device::Cpu)?)?.to_vec2::<f64>()?;
        assert_eq!(got, [[0.], [1.], [1. / 3.], [0.]]);
        let of_one = concentration(&Tensor::new(&[[0.3f64]], &Device::Cpu)?)?;
        assert_eq!(of_one.to_vec2::<f64>()?, [[1.]]);
        // Not of their sum, but of their shape.
        let twice = concentration(&Tensor::new(&[[4f64, 4., 0., 0.]], &Device::Cpu)?)?;
        assert_eq!(twice.to_vec2::<f64>()?, [[1. / 3.]]);
        Ok(())
    }

    #[test]
    fn mean_of_flat_scores_is_their_mean() -> Result<()> {
        let scores = Tensor::new(&[[[0.5f64, 0.5]], [[1., 1.]]], &Device::Cpu)?;
        assert_eq!(mean(&scores)?.to_vec2::<f64>()?, [[0.75, 0.75]]);
        Ok(())
    }
}
