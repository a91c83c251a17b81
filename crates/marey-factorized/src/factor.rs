//! Taking a trained 3D kernel apart into space and time.
//!
//! A kernel of one channel by one channel is a matrix of times by places, `t x (h w)`. If its rank is one it is a kernel over space
//! and then one over time, a Kronecker product, which is what F_ST-CN asks of all kernels (Sun et al., ICCV 2015, section
//! 3.1): `h w + t` numbers in place of `h w t`. Else it is a sum of such pairs, as many as its rank; the first `r` of them by
//! singular values are the closest kernel of rank `r` (Eckart and Young 1936).

use candle::{DType, Device, Result, Tensor, bail};
use marey_layers::{Conv3d, Conv3dConfig, Padding};

mod jacobi;

use jacobi::{Term, terms};

/// The singular values of a kernel of one channel by one channel, the largest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Spectrum(pub Vec<f64>);

impl Spectrum {
    /// How many of them are more than `tolerance` times the largest: the pairs it takes. 0 of a kernel of zeros.
    pub fn rank(&self, tolerance: f64) -> usize {
        let largest = self.0.first().copied().unwrap_or_default();
        self.0.iter().filter(|value| **value > tolerance * largest && **value > 0.).count()
    }

    /// The share of the sum of squares that the first `rank` pairs have, in `0..=1`; 1 of a kernel of zeros.
    pub fn share(&self, rank: usize) -> f64 {
        let squares = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
        let all = squares(&self.0);
        if all == 0. { 1. } else { squares(&self.0[..rank.min(self.0.len())]) / all }
    }
}

/// The spectrum of each of the `O I` kernels of a weight `[O, I, t, h, w]`, those of the first channel out first.
pub fn spectra(weight: &Tensor) -> Result<Vec<Spectrum>> {
    let spectrum = |terms: Vec<Term>| Spectrum(terms.iter().map(|term| term.value).collect());
    Ok(slices(weight)?.into_iter().map(|slice| spectrum(terms(slice))).collect())
}

/// Pairs of kernels over space and over time, whose products add up to the kernels of a weight.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// `[O, I, rank, h, w]`.
    pub space: Tensor,
    /// `[O, I, rank, t]`.
    pub time: Tensor,
}

/// The closest sum of `rank` pairs to each kernel of a weight `[O, I, t, h, w]`: the weight itself where `rank` is that of its
/// kernels, at most `min(t, h w)`. Both kernels of a pair have the same norm, and the largest number over time is positive.
pub fn factor(weight: &Tensor, rank: usize) -> Result<Pairs> {
    let (o, i, t, h, w) = weight.dims5()?;
    if rank == 0 || rank > t.min(h * w) {
        bail!("factor: expected a rank of 1 to {}, got {rank}", t.min(h * w))
    }
    let (mut space, mut time) = (Vec::new(), Vec::new());
    for slice in slices(weight)? {
        for Term { value, left, right } in terms(slice).into_iter().take(rank) {
            let first =
                left.iter().copied().fold(0f64, |a, b| if b.abs() > a.abs() { b } else { a });
            let root = value.sqrt() * if first < 0. { -1. } else { 1. };
            time.extend(left.iter().map(|x| (x * root) as f32));
            space.extend(right.iter().map(|x| (x * root) as f32));
        }
    }
    Ok(Pairs {
        space: Tensor::from_vec(space, (o, i, rank, h, w), &Device::Cpu)?,
        time: Tensor::from_vec(time, (o, i, rank, t), &Device::Cpu)?,
    })
}

impl Pairs {
    /// The weight that the pairs make, `[O, I, t, h, w]`.
    pub fn weight(&self) -> Result<Tensor> {
        kronecker(&self.space, &self.time)?.sum(2)
    }

    /// The pairs as two convolutions, one after the other: `1 x h x w`, then `t x 1 x 1`, of the stride and padding of the
    /// kernel they were made of. Together they give what a convolution by [`Self::weight`] does, by more work: between them are `I O
    /// rank` channels.
    pub fn convs(&self, config: Conv3dConfig) -> Result<[Conv3d; 2]> {
        let (o, i, rank, h, w) = self.space.dims5()?;
        let t = self.time.dim(3)?;
        let Conv3dConfig { stride: [st, sh, sw], padding: Padding::Both([pt, ph, pw]), groups: 1 } =
            config
        else {
            bail!("factor: expected one group, padded alike at both ends, got {config:?}")
        };
        // Of each channel in: all pairs of all channels out.
        let space =
            self.space.transpose(0, 1)?.contiguous()?.reshape((i * o * rank, 1, 1, h, w))?;
        let over = Conv3dConfig { stride: [1, sh, sw], padding: [0, ph, pw].into(), groups: i };
        // Each channel out sees its own of them.
        let own = Tensor::eye(o, DType::F32, &Device::Cpu)?.reshape((o, 1, o, 1, 1))?;
        let time = self.time.transpose(0, 1)?.contiguous()?.reshape((1, i, o, rank, t))?;
        let time = time.broadcast_mul(&own)?.reshape((o, i * o * rank, t, 1, 1))?;
        let along = Conv3dConfig { stride: [st, 1, 1], padding: [pt, 0, 0].into(), groups: 1 };
        Ok([Conv3d::new(space, None, over), Conv3d::new(time, None, along)])
    }
}

/// The Kronecker products of kernels over space `[.., h, w]` and over time `[.., t]`: `[.., t, h, w]`.
pub fn kronecker(space: &Tensor, time: &Tensor) -> Result<Tensor> {
    if space.rank() < 2 || time.rank() + 1 != space.rank() {
        bail!(
            "kronecker: expected [.., h, w] and [.., t], got {:?} and {:?}",
            space.dims(),
            time.dims()
        )
    }
    let axis = space.rank() - 2;
    space.unsqueeze(axis)?.broadcast_mul(&time.unsqueeze(axis + 1)?.unsqueeze(axis + 2)?)
}

/// The kernels of a weight `[O, I, t, h, w]` as rows, one for each time.
fn slices(weight: &Tensor) -> Result<Vec<Vec<Vec<f64>>>> {
    let (o, i, t, h, w) = weight.dims5()?;
    weight.to_dtype(DType::F64)?.contiguous()?.reshape((o * i, t, h * w))?.to_vec3()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Module;

    fn values(n: usize, step: f64) -> Vec<f32> {
        (0..n).map(|i| (step * (i as f64 + 1.).powi(2)).sin() as f32).collect()
    }

    fn tensor(dims: &[usize], step: f64) -> Result<Tensor> {
        Tensor::from_vec(values(dims.iter().product(), step), dims, &Device::Cpu)
    }

    fn largest(xs: &Tensor) -> Result<f32> {
        xs.abs()?.flatten_all()?.max(0)?.to_scalar::<f32>()
    }

    #[test]
    fn kernels_of_rank_one_come_apart_exactly() -> Result<()> {
        let (space, time) = (tensor(&[3, 2, 5, 5], 0.7)?, tensor(&[3, 2, 3], 1.9)?);
        let weight = kronecker(&space, &time)?;
        // By hand, one number of the product.
        let at = |xs: &Tensor, index: &[usize]| {
            let mut xs = xs.clone();
            for i in index {
                xs = xs.get(*i)?;
            }
            xs.to_scalar::<f32>()
        };
        let want = at(&space, &[2, 1, 3, 4])? * at(&time, &[2, 1, 2])?;
        assert_eq!(at(&weight, &[2, 1, 2, 3, 4])?, want);
        for spectrum in spectra(&weight)? {
            assert_eq!(spectrum.rank(1e-6), 1);
            assert!((spectrum.share(1) - 1.).abs() < 1e-12);
        }
        let pairs = factor(&weight, 1)?;
        assert!(largest(&(pairs.weight()? - &weight)?)? < 1e-6);
        // As F_ST-CN counts: 25 + 3 numbers of 75.
        assert_eq!((pairs.space.elem_count(), pairs.time.elem_count()), (6 * 25, 6 * 3));
        Ok(())
    }

    /// The distance to the closest kernel of a rank is what the other singular values have, by Eckart and Young.
    #[test]
    fn each_pair_more_leaves_the_other_singular_values() -> Result<()> {
        for dims in [[4, 3, 3, 3, 3], [2, 2, 7, 7, 7], [2, 1, 5, 1, 2]] {
            let weight = tensor(&dims, 2.3)?;
            let spectra = spectra(&weight)?;
            for rank in 1..=dims[2].min(dims[3] * dims[4]) {
                let rest = (factor(&weight, rank)?.weight()? - &weight)?.sqr()?;
                let rest = rest.flatten_from(2)?.sum(2)?.flatten_all()?.to_vec1::<f32>()?;
                for (rest, Spectrum(values)) in rest.iter().zip(&spectra) {
                    let want: f64 = values[rank..].iter().map(|value| value * value).sum();
                    assert!(
                        (f64::from(*rest) - want).abs() < 1e-5 * want.max(1.),
                        "{dims:?}, {rank}: {rest}, {want}"
                    );
                }
            }
            assert!(factor(&weight, 0).is_err() && factor(&weight, 8).is_err());
        }
        Ok(())
    }

    #[test]
    fn convolving_by_the_pairs_is_convolving_by_what_they_make() -> Result<()> {
        let xs = tensor(&[2, 3, 7, 9, 8], 0.37)?;
        let config =
            Conv3dConfig { stride: [2, 1, 2], padding: [1, 1, 2].into(), ..Default::default() };
        for rank in 1..=3 {
            let pairs = factor(&tensor(&[4, 3, 3, 3, 5], 2.3)?, rank)?;
            let want = Conv3d::new(pairs.weight()?, None, config).forward(&xs)?;
            let [space, time] = pairs.convs(config)?;
            let got = time.forward(&space.forward(&xs)?)?;
            assert_eq!(got.dims(), want.dims());
            assert!(largest(&(got - &want)?)? < 1e-5 * largest(&want)?);
        }
        let grouped = Conv3dConfig { groups: 3, ..config };
        assert!(factor(&tensor(&[3, 1, 3, 3, 3], 1.)?, 1)?.convs(grouped).is_err());
        Ok(())
    }
}
