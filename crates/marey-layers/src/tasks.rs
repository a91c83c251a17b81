//! One network with a classifier for each of several tasks, as for several datasets at once.
//!
//! Its logits are those of all tasks, side by side, and a label tells its task by its number. Reference: Simonyan and Zisserman,
//! NIPS 2014, section 4, <https://arxiv.org/abs/1406.2199>.

use candle::{ModuleT, Result, Tensor, bail};

use crate::network::Network;

/// `logits [N, K]` in which all classes but those of each label's own task are out of the question; `tasks` are the numbers of
/// classes, K in all. Their cross-entropy with `labels [N]` (`u32`) is that among the classes of each clip's own task, and the
/// other classifiers get no gradient of the clip.
///
/// Errors if the tasks have not K classes, or a label is none of them.
pub fn own_task(logits: &Tensor, labels: &Tensor, tasks: &[usize]) -> Result<Tensor> {
    let (_, k) = logits.dims2()?;
    if tasks.iter().sum::<usize>() != k {
        bail!("tasks of {tasks:?} classes, and logits of {k}")
    }
    let mut allowed = Vec::with_capacity(logits.elem_count());
    for label in labels.to_vec1::<u32>()? {
        if label as usize >= k {
            bail!("tasks of {tasks:?} classes, and a label {label}")
        }
        let mut first = 0;
        for classes in tasks {
            let own = (first..first + classes).contains(&(label as usize));
            allowed.extend(std::iter::repeat_n(if own { 0f32 } else { -1e9 }, *classes));
            first += classes;
        }
    }
    let allowed = Tensor::from_vec(allowed, logits.shape(), logits.device())?;
    logits + allowed.to_dtype(logits.dtype())?
}

/// A network of several tasks as one of the first: its logits are those of the first `classes`.
pub struct FirstTask<'a> {
    network: &'a dyn Network,
    classes: usize,
}

impl<'a> FirstTask<'a> {
    /// The first `classes` classes of `network`; all of them, if it has no others.
    pub fn new(network: &'a dyn Network, classes: usize) -> Self {
        Self { network, classes }
    }
}

impl ModuleT for FirstTask<'_> {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.network.forward_t(xs, train)?.narrow(1, 0, self.classes)?.contiguous()
    }
}

impl Network for FirstTask<'_> {
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.network.features_t(xs, train)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, Var};
    use candle_nn::loss::cross_entropy;

    #[test]
    fn the_loss_and_its_gradient_are_those_of_each_clips_own_task() -> Result<()> {
        // By hand. Tasks of 2 and 3 classes; the first clip is of the second task, the other of the first.
        // Clip 1: softmax of (ln 1, ln 2, ln 5) = (1, 2, 5) / 8, its class the second: loss ln 4, gradient (1, -6, 5) / 8.
        // Clip 2: softmax of (ln 3, ln 1) = (3, 1) / 4, its class the first: loss ln 4/3, gradient (-1, 1) / 4.
        let [two, three, five] = [2f32, 3., 5.].map(f32::ln);
        let logits = [[9., -4., 0., two, five], [three, 0., 7., 8., -9.]];
        let logits = Var::new(&logits, &Device::Cpu)?;
        let labels = Tensor::new(&[3u32, 0], &Device::Cpu)?;
        let loss = cross_entropy(&own_task(&logits, &labels, &[2, 3])?, &labels)?;
        let want = (4f32.ln() + (4f32 / 3.).ln()) / 2.;
        let got = loss.to_scalar::<f32>()?;
        assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        let gradients = loss.backward()?;
        let got: Vec<Vec<f32>> = gradients.get(&logits).map_or(Ok(vec![]), |g| g.to_vec2())?;
        // A mean of two clips.
        let want = [[0., 0., 0.0625, -0.375, 0.3125], [-0.125, 0.125, 0., 0., 0.]];
        for (got, want) in got.concat().iter().zip(want.concat()) {
            assert!((got - want).abs() < 1e-6, "{got} is not {want}");
        }
        assert_eq!(got.len(), 2);
        Ok(())
    }

    #[test]
    fn tasks_that_are_not_those_of_the_logits_are_refused() -> Result<()> {
        let logits = Tensor::zeros((1, 5), candle::DType::F32, &Device::Cpu)?;
        let label = |label: u32| Tensor::new(&[label], &Device::Cpu);
        assert!(own_task(&logits, &label(4)?, &[2, 3]).is_ok());
        let error = |tasks: &[usize], label| match own_task(&logits, &label, tasks) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(error(&[2, 2], label(0)?).contains("tasks of [2, 2] classes, and logits of 5"));
        assert!(error(&[2, 3], label(5)?).contains("a label 5"));
        Ok(())
    }

    /// Clips are their own logits.
    struct Identity;

    impl ModuleT for Identity {
        fn forward_t(&self, xs: &Tensor, _train: bool) -> Result<Tensor> {
            Ok(xs.clone())
        }
    }

    impl Network for Identity {
        fn features_t(&self, xs: &Tensor, _train: bool) -> Result<Tensor> {
            Ok(xs.clone())
        }
    }

    #[test]
    fn the_first_task_has_its_own_logits_and_the_features_of_all() -> Result<()> {
        let xs = Tensor::new(&[[1f32, 2., 3.], [4., 5., 6.]], &Device::Cpu)?;
        let first = FirstTask::new(&Identity, 2);
        assert_eq!(first.forward_t(&xs, false)?.to_vec2::<f32>()?, [[1., 2.], [4., 5.]]);
        assert_eq!(first.features_t(&xs, false)?.dims(), [2, 3]);
        Ok(())
    }
}
