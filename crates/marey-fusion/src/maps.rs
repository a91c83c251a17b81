//! Fusion inside a network: the maps of two streams into one.
//!
//! Reference: Feichtenhofer, Pinz and Zisserman, "Convolutional Two-Stream Network Fusion for Video Action Recognition",
//! CVPR 2016, section 3.1, <https://arxiv.org/abs/1604.06573>.

use candle::{ModuleT, Result, Tensor, bail};
use candle_nn::{VarBuilder, init};
use marey_layers::{Conv3d, Conv3dConfig, Unit, add, patterned};

/// What becomes of two maps `[N, C, T, H, W]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// Their sum, `[N, C, T, H, W]`.
    Sum,
    /// The larger of each two values, `[N, C, T, H, W]`.
    Max,
    /// Their channels in turns, `[N, 2 C, T, H, W]`: the first of the one, the first of the other, the second of the one.
    Concat,
    /// A convolution over the channels in turns, `[N, C, T, H, W]`, with a kernel of odd sizes `[t, h, w]`. It begins as the sum,
    /// spread over a larger kernel as a Gaussian of deviation 1 that adds up to 1.
    Conv([usize; 3]),
    /// A 1 x 1 x 1 convolution of the sum, `[N, C, T, H, W]`, which begins as the sum: half of the parameters of [`Self::Conv`], and
    /// those that the paper's table 1 counts.
    ConvOfSum,
    /// The products of all channels of the one with all of the other, summed over time and space, `[N, C C]`.
    Bilinear,
}

impl Operator {
    /// Channels of what comes out, of maps of `c` channels.
    pub fn c_out(self, c: usize) -> usize {
        match self {
            Self::Sum | Self::Max | Self::Conv(_) | Self::ConvOfSum => c,
            Self::Concat => 2 * c,
            Self::Bilinear => c * c,
        }
    }
}

/// The fusion of two maps.
#[derive(Debug, Clone)]
pub struct Fusion {
    operator: Operator,
    conv: Option<Unit>,
}

/// The fusion of maps of `c` channels at `vb`: of convolutions tensors `weight` and `bias`, of others none.
pub fn fusion(operator: Operator, c: usize, vb: VarBuilder) -> Result<Fusion> {
    let (c_in, kernel) = match operator {
        Operator::Conv(kernel) => (2 * c, kernel),
        Operator::ConvOfSum => (c, [1; 3]),
        _ => return Ok(Fusion { operator, conv: None }),
    };
    if kernel.iter().any(|size| size % 2 == 0) {
        bail!("fusion: expected a kernel of odd sizes, got {kernel:?}")
    }
    let [kt, kh, kw] = kernel;
    let weight = patterned((c, c_in, kt, kh, kw), "weight", sum, &vb)?;
    let bias = vb.get_with_hints(c, "bias", init::ZERO)?;
    let config = Conv3dConfig { padding: kernel.map(|size| size / 2).into(), ..Default::default() };
    Ok(Fusion { operator, conv: Some(Conv3d::new(weight, Some(bias), config).into()) })
}

/// A kernel `[C, C_in, kT, kH, kW]` that adds the `C_in / C` channels that belong to each.
fn sum(dims: &[usize]) -> Vec<f32> {
    let &[c, c_in, kt, kh, kw] = dims else { return Vec::new() };
    let square = |i: usize, size: usize| (i as f64 - (size / 2) as f64).powi(2);
    let mut taps = Vec::with_capacity(kt * kh * kw);
    for t in 0..kt {
        for h in 0..kh {
            taps.extend(
                (0..kw).map(|w| (-(square(t, kt) + square(h, kh) + square(w, kw)) / 2.).exp()),
            );
        }
    }
    let total: f64 = taps.iter().sum();
    let mut kernel = vec![0.; c * c_in * taps.len()];
    for (filter, kernel) in kernel.chunks_mut(c_in * taps.len()).enumerate() {
        let own = c_in / c * taps.len();
        for (i, value) in kernel[filter * own..(filter + 1) * own].iter_mut().enumerate() {
            *value = (taps[i % taps.len()] / total) as f32;
        }
    }
    kernel
}

impl Fusion {
    /// Maps `[N, C, T, H, W]` of two streams into one. Errors where they are not alike.
    pub fn forward_t(&self, a: &Tensor, b: &Tensor, train: bool) -> Result<Tensor> {
        if a.dims() != b.dims() || a.rank() != 5 {
            bail!(
                "fusion: expected two maps [N, C, T, H, W] alike, got {:?} and {:?}",
                a.dims(),
                b.dims()
            )
        }
        let conv = |xs: Tensor| match &self.conv {
            Some(conv) => conv.forward_t(&xs, train),
            None => Ok(xs),
        };
        match self.operator {
            Operator::Sum | Operator::ConvOfSum => conv(add(a, b)?),
            Operator::Max => a.maximum(b),
            Operator::Concat | Operator::Conv(_) => conv(in_turns(a, b)?),
            Operator::Bilinear => {
                let (n, c, _, _, _) = a.dims5()?;
                let [a, b] = [a, b].map(|xs| xs.contiguous()?.flatten_from(2));
                a?.matmul(&b?.transpose(1, 2)?.contiguous()?)?.reshape((n, c * c))
            }
        }
    }
}

fn in_turns(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (n, c, t, h, w) = a.dims5()?;
    Tensor::stack(&[a.contiguous()?, b.contiguous()?], 2)?.reshape((n, 2 * c, t, h, w))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{DType, Device};
    use candle_nn::VarMap;
    use marey_layers::seeded;

    /// Maps of two channels and 1 x 1 x 2 cells.
    fn maps() -> Result<[Tensor; 2]> {
        let a = Tensor::new(&[1f32, 2., 3., 4.], &Device::Cpu)?.reshape((1, 2, 1, 1, 2))?;
        let b = Tensor::new(&[5f32, 0., 1., 10.], &Device::Cpu)?.reshape((1, 2, 1, 1, 2))?;
        Ok([a, b])
    }

    fn fused(operator: Operator) -> Result<Vec<f32>> {
        let vb = seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu);
        let [a, b] = maps()?;
        let ys = fusion(operator, 2, vb)?.forward_t(&a, &b, false)?;
        assert_eq!(ys.dim(1)?, operator.c_out(2));
        ys.flatten_all()?.to_vec1()
    }

    #[test]
    fn operators_are_those_of_the_paper() -> Result<()> {
        assert_eq!(fused(Operator::Sum)?, [6., 2., 4., 14.]);
        assert_eq!(fused(Operator::Max)?, [5., 2., 3., 10.]);
        assert_eq!(fused(Operator::Concat)?, [1., 2., 5., 0., 3., 4., 1., 10.]);
        // Sums over both cells of a_i b_j.
        assert_eq!(fused(Operator::Bilinear)?, [5., 21., 15., 43.]);
        Ok(())
    }

    #[test]
    fn convolutions_begin_as_the_sum() -> Result<()> {
        assert_eq!(fused(Operator::Conv([1; 3]))?, [6., 2., 4., 14.]);
        assert_eq!(fused(Operator::ConvOfSum)?, [6., 2., 4., 14.]);
        // In the middle of maps that are 1 everywhere.
        let ones = Tensor::ones((1, 2, 3, 3, 3), DType::F32, &Device::Cpu)?;
        let vb = seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu);
        let ys = fusion(Operator::Conv([3; 3]), 2, vb.clone())?.forward_t(&ones, &ones, false)?;
        let middle = ys.narrow(2, 1, 1)?.narrow(3, 1, 1)?.narrow(4, 1, 1)?.flatten_all()?;
        assert!(middle.to_vec1::<f32>()?.iter().all(|y| (y - 2.).abs() < 1e-6), "{middle}");
        assert!(fusion(Operator::Conv([2, 1, 1]), 2, vb).is_err());
        Ok(())
    }
}
