//! Streams that meet at their last layer: networks that each see a part of the clip, whose scores or logits are averaged.

use candle::{D, ModuleT, Result, Tensor, bail};
use candle_nn::ops::log_softmax;
use marey_layers::Network;

/// What a stream sees of a clip `[N, C, T, H, W]`.
pub type ViewFn = Box<dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync>;

/// A network and what it sees.
pub struct Stream {
    /// Makes the network's clip of the whole one.
    pub view: ViewFn,
    /// From that to logits.
    pub network: Box<dyn Network>,
    /// Its share in what is averaged, next to the others': 1 where all are alike.
    pub weight: f64,
}

/// What is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Average {
    /// Scores. The logits are then the logarithms of the average, whose softmax it is.
    Scores,
    /// Logits.
    Logits,
}

impl Average {
    /// Logits `[N, K]`, each with its weight, to those of their average.
    pub fn of(self, all: &[(Tensor, f64)]) -> Result<Tensor> {
        let total: f64 = all.iter().map(|(_, weight)| weight).sum();
        let shares = all.iter().map(|(logits, weight)| (logits, weight / total));
        match self {
            Self::Logits => sum(shares.map(|(logits, share)| logits * share)),
            Self::Scores => {
                let scores =
                    shares.map(|(logits, share)| log_softmax(logits, D::Minus1)? + share.ln());
                Tensor::stack(&scores.collect::<Result<Vec<_>>>()?, 0)?.log_sum_exp(0)
            }
        }
    }
}

/// Streams, `[N, C, T, H, W]` to logits `[N, K]`.
pub struct Late {
    average: Average,
    streams: Vec<Stream>,
}

impl Late {
    /// Of these streams. There must be some, and their weights be positive.
    pub fn new(average: Average, streams: Vec<Stream>) -> Result<Self> {
        if streams.is_empty()
            || streams.iter().any(|stream| stream.weight.is_nan() || stream.weight <= 0.)
        {
            bail!("late fusion: expected streams of positive weight")
        }
        Ok(Self { average, streams })
    }
}

impl Network for Late {
    /// The features of all streams side by side.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let features = self.streams.iter().map(|Stream { view, network, .. }| {
            network.features_t(&view(xs)?, train)?.contiguous()
        });
        Tensor::cat(&features.collect::<Result<Vec<_>>>()?, 1)
    }

    /// Streams are trained apart: the sum of the loss of each.
    fn loss(&self, xs: &Tensor, labels: &Tensor, train: bool) -> Result<Tensor> {
        let losses = self
            .streams
            .iter()
            .map(|Stream { view, network, .. }| network.loss(&view(xs)?, labels, train));
        sum(losses)
    }
}

impl ModuleT for Late {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let logits = self.streams.iter().map(|Stream { view, network, weight }| {
            Ok((network.forward_t(&view(xs)?, train)?, *weight))
        });
        self.average.of(&logits.collect::<Result<Vec<_>>>()?)
    }
}

fn sum(all: impl IntoIterator<Item = Result<Tensor>>) -> Result<Tensor> {
    let mut all = all.into_iter();
    let Some(first) = all.next() else { bail!("late fusion: nothing to add") };
    all.try_fold(first?, |sum, next| sum + next?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Device;
    use candle_nn::ops::softmax;

    /// Gives its clip's first cells as they are.
    struct Cells;

    impl ModuleT for Cells {
        fn forward_t(&self, xs: &Tensor, _: bool) -> Result<Tensor> {
            xs.flatten_from(1)
        }
    }

    impl Network for Cells {
        fn features_t(&self, xs: &Tensor, _: bool) -> Result<Tensor> {
            xs.flatten_from(1)
        }
    }

    fn late(average: Average) -> Result<Late> {
        let stream = |channel, weight| Stream {
            view: Box::new(move |xs: &Tensor| xs.narrow(1, channel, 1)),
            network: Box::new(Cells),
            weight,
        };
        Late::new(average, vec![stream(0, 1.), stream(1, 3.)])
    }

    #[test]
    fn averages_are_weighted() -> Result<()> {
        // Two streams, of logits (ln 1, ln 3) and (ln 1, ln 1): scores (1/4, 3/4) and (1/2, 1/2).
        let logits =
            Tensor::new(&[[0., 3f64.ln()], [0., 0.]], &Device::Cpu)?.reshape((1, 2, 1, 1, 2))?;
        let scores =
            softmax(&late(Average::Scores)?.forward_t(&logits, false)?, 1)?.to_vec2::<f64>()?;
        assert!((scores[0][1] - (0.75 + 3. * 0.5) / 4.).abs() < 1e-12, "{scores:?}");
        let mean = late(Average::Logits)?.forward_t(&logits, false)?.to_vec2::<f64>()?;
        assert!((mean[0][1] - 3f64.ln() / 4.).abs() < 1e-12, "{mean:?}");
        assert_eq!(late(Average::Logits)?.features_t(&logits, false)?.dims(), [1, 4]);
        assert!(Late::new(Average::Logits, Vec::new()).is_err());
        Ok(())
    }
}
