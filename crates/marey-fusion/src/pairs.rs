//! The fusion of F_ST-CN: over the crops of a clip pair first, then over the pairs of a video.

use candle::{Result, Tensor};

use crate::{Values, sci};

/// Combines `values` `[N, M, C, K]`, of `M` clip pairs with `C` crops each, into scores `[N, K]`, in f64: within a pair the
/// mean by concentration, then the largest of each class over the pairs.
///
/// Reference: Sun et al., "Human Action Recognition using Factorized Spatio-Temporal Convolutional Networks", ICCV 2015,
/// section 3.4. Errors as [`fuse`](crate::fuse), and for another rank.
pub fn fuse_pairs(values: &Tensor, kind: Values) -> Result<Tensor> {
    values.dims4()?;
    let crops_first = kind.scores(values, "pairs")?.transpose(0, 2)?.contiguous()?;
    // [C, M, N, K] to [M, N, K] to [N, K].
    sci::mean(&crops_first)?.max(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Device;

    #[test]
    fn pairs_by_hand() -> Result<()> {
        // One video of two pairs. Of the first, the second crop has index 0 and so no say; of the second both are alike.
        let values = [[[[0.75f64, 0.25], [0.5, 0.5]], [[0.25, 0.75], [0.25, 0.75]]]];
        let got = fuse_pairs(&Tensor::new(&values, &Device::Cpu)?, Values::Scores)?;
        assert_eq!(got.to_vec2::<f64>()?, [[0.75, 0.75]]);
        Ok(())
    }
}
