//! The clips and labels of a step, mixed or taken in parts.

use candle::Tensor;
use marey_layers::rng::stream;
use rand::Rng;

use crate::error::Result;

/// The clips and labels of a step.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) xs: Tensor,
    pub(crate) labels: Tensor,
    /// The labels of the clips that were mixed in, and their share.
    pub(crate) others: Option<(Tensor, f64)>,
}

impl Batch {
    pub(crate) fn new(xs: &Tensor, labels: &Tensor) -> Self {
        Self { xs: xs.clone(), labels: labels.clone(), others: None }
    }

    /// Each clip mixed with the one before it, in a share from Beta(`alpha`, `alpha`) that follows
    /// from seed and step.
    pub(crate) fn mixed(self, alpha: f64, seed: u64, step: u64) -> Result<Self> {
        let share = beta(alpha, &mut stream(seed, "mixup", step));
        let xs = ((&self.xs * (1. - share))? + (self.xs.roll(1, 0)? * share)?)?;
        let others = self.labels.roll(1, 0)?;
        Ok(Self { xs, others: Some((others, share)), ..self })
    }

    /// In as few parts as have at most `max` clips each, their sizes as equal as can be, and what
    /// share of the batch each is.
    pub(crate) fn parts(&self, max: usize) -> Result<Vec<(Self, f64)>> {
        let clips = self.xs.dim(0)?;
        let count = clips.div_ceil(max);
        let part = |i: usize| {
            let (start, end) = (i * clips / count, (i + 1) * clips / count);
            let narrow = |all: &Tensor| all.narrow(0, start, end - start)?.contiguous();
            let others = self.others.as_ref();
            let part = Self {
                xs: narrow(&self.xs)?,
                labels: narrow(&self.labels)?,
                others: others
                    .map(|(all, share)| Ok::<_, candle::Error>((narrow(all)?, *share)))
                    .transpose()?,
            };
            Ok((part, (end - start) as f64 / clips as f64))
        };
        (0..count).map(part).collect()
    }
}

/// A draw from Beta(`alpha`, `alpha`), by the method of Jöhnk: `x / (x + y)` with `x` and `y` the
/// roots of uniform draws, once their sum is at most 1.
///
/// In logarithms, since both may be too small for f64.
fn beta(alpha: f64, rng: &mut impl Rng) -> f64 {
    loop {
        // From 1 minus a draw in [0, 1): never the logarithm of 0.
        let [x, y] = [(); 2].map(|()| (1. - rng.random::<f64>()).ln() / alpha);
        if x.exp() + y.exp() <= 1. {
            return 1. / (1. + (y - x).exp());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Device;

    #[test]
    fn parts_are_the_batch_in_order() {
        let xs = Tensor::arange(0f32, 14., &Device::Cpu).unwrap().reshape((7, 2)).unwrap();
        let labels = Tensor::arange(0u32, 7, &Device::Cpu).unwrap();
        let batch = Batch::new(&xs, &labels).mixed(1., 3, 5).unwrap();
        let parts = batch.parts(3).unwrap();
        let sizes: Vec<_> = parts.iter().map(|(part, _)| part.xs.dim(0).unwrap()).collect();
        assert_eq!(sizes, [2, 2, 3]);
        assert!((parts.iter().map(|(_, share)| share).sum::<f64>() - 1.).abs() < 1e-15);
        let of = |f: &dyn Fn(&Batch) -> Tensor| {
            let all: Vec<_> = parts.iter().map(|(part, _)| f(part)).collect();
            Tensor::cat(&all, 0).unwrap().to_dtype(candle::DType::F32).unwrap()
        };
        assert_eq!(
            of(&|b| b.labels.clone()).to_vec1::<f32>().unwrap(),
            [0., 1., 2., 3., 4., 5., 6.]
        );
        let others = of(&|b| b.others.as_ref().unwrap().0.clone());
        assert_eq!(others.to_vec1::<f32>().unwrap(), [6., 0., 1., 2., 3., 4., 5.]);
        let share = batch.others.unwrap().1 as f32;
        let first = of(&|b| b.xs.clone()).to_vec2::<f32>().unwrap()[1].clone();
        // Row 1 is (2, 3), the one before (0, 1).
        assert!(
            (first[0] - 2. * (1. - share)).abs() < 1e-6 && (first[1] - first[0] - 1.).abs() < 1e-6
        );
    }

    #[test]
    fn a_share_follows_from_seed_and_step() {
        let share = |seed, step| beta(1., &mut stream(seed, "mixup", step));
        assert_eq!(share(3, 5), share(3, 5));
        assert!(share(3, 5) != share(3, 6) && share(3, 5) != share(4, 5));
    }

    #[test]
    fn draws_have_the_moments_of_beta() {
        // The mean is 1/2, the variance 1 / (4 (2 alpha + 1)).
        for alpha in [0.01, 0.2, 1., 4.] {
            let draws: Vec<f64> =
                (0..4000).map(|i| beta(alpha, &mut stream(1, "beta", i))).collect();
            assert!(draws.iter().all(|draw| (0. ..=1.).contains(draw)));
            let mean = draws.iter().sum::<f64>() / 4000.;
            let variance = draws.iter().map(|x| (x - 0.5).powi(2)).sum::<f64>() / 4000.;
            let want = 1. / (4. * (2. * alpha + 1.));
            // Four standard errors of the mean; the squares of what lies in [0, 1] spread less.
            assert!((mean - 0.5).abs() < 4. * (want / 4000.).sqrt(), "{alpha}: {mean}");
            assert!((variance - want).abs() < 0.05 * want + 0.002, "{alpha}: {variance}, {want}");
        }
    }
}
