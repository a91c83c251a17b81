//! What batch norms do while they train.

use std::cell::RefCell;
use std::sync::Arc;

use candle::{CpuStorage, CustomOp1, DType, Device, Layout, Result, Shape, Tensor, TensorId, bail};

/// Adds up numbers over all ranks, in place.
///
/// Every rank calls it equally often with as many numbers, and gets the same sums. Layers hold on to it: gradients are
/// summed by it too.
pub type Reduce = Arc<dyn Fn(&mut [f64]) -> Result<()> + Send + Sync>;

/// Whose mean and variance batch norms take while they train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Statistics {
    /// Those of the batch; the running ones move towards them.
    #[default]
    Batch,
    /// Those of the batch in the first norm that is met, the running ones, left as they are, in all others: partial batch
    /// normalisation (Wang et al. 2016).
    Partial,
    /// The running ones, left as they are, in all.
    Frozen,
}

/// What batch norms do while they train. Those that are [`fixed`](crate::BatchNorm::fixed) are so whatever this says.
#[derive(Clone, Default)]
pub struct Norms {
    /// Whose statistics they take.
    pub statistics: Statistics,
    /// The share of the batch's statistics in the running ones, in place of that of
    /// [`BatchNormConfig`](crate::BatchNormConfig): with `1 / k` in the `k`-th batch the running ones become the mean over
    /// batches; 0 leaves them as they are.
    pub momentum: Option<f64>,
    /// Where it is there, a batch is that of all ranks together ("synchronised" batch norm). The gradients are those of
    /// the sum of all ranks' losses.
    pub reduce: Option<Reduce>,
}

#[derive(Clone)]
pub(crate) struct Scope {
    norms: Norms,
    /// The running mean of the norm that was met first.
    first: Option<TensorId>,
}

thread_local! {
    static SCOPE: RefCell<Option<Scope>> = const { RefCell::new(None) };
}

/// Runs `f` with batch norms that train as `norms` says, as its default otherwise.
///
/// It holds for layers called on this thread. Scopes may be nested; the inner one counts.
pub fn with_norms<T>(norms: Norms, f: impl FnOnce() -> T) -> T {
    within(Scope { norms, first: None }, f)
}

fn within<T>(scope: Scope, f: impl FnOnce() -> T) -> T {
    struct Restore(Option<Scope>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SCOPE.set(self.0.take());
        }
    }
    let _restore = Restore(SCOPE.replace(Some(scope)));
    f()
}

/// The scope that this thread is in.
pub(crate) fn current() -> Scope {
    let default = || Scope { norms: Norms::default(), first: None };
    SCOPE.with_borrow(|scope| scope.clone().unwrap_or_else(default))
}

/// Runs `f` in `scope` once more: with norms that have moved their running statistics already.
pub(crate) fn again<T>(mut scope: Scope, f: impl FnOnce() -> T) -> T {
    scope.norms.momentum = Some(0.);
    within(scope, f)
}

/// How the norm with this running mean trains; not at all where it takes the running statistics.
pub(crate) fn training(running_mean: TensorId) -> Option<Norms> {
    SCOPE.with_borrow_mut(|scope| {
        let Some(Scope { norms, first }) = scope else { return Some(Norms::default()) };
        let trains = match norms.statistics {
            Statistics::Batch => true,
            Statistics::Partial => *first.get_or_insert(running_mean) == running_mean,
            Statistics::Frozen => false,
        };
        trains.then(|| norms.clone())
    })
}

/// Mean and biased variance of the cells of all ranks, and how many of a channel there are, from those of the `count` here.
pub(crate) fn pooled(
    mean: &[f32],
    variance: &[f32],
    count: f64,
    reduce: &Reduce,
) -> Result<(Vec<f32>, Vec<f32>, f64)> {
    let mut sums: Vec<f64> = mean.iter().map(|mean| f64::from(*mean) * count).collect();
    sums.push(count);
    reduce(&mut sums)?;
    let total = sums.pop().unwrap_or(count);
    let means: Vec<f64> = sums.into_iter().map(|sum| sum / total).collect();
    // Of distances to the mean of all, known by now: squares of the cells themselves would lose digits.
    let own = mean.iter().zip(variance).zip(&means);
    let mut squares: Vec<f64> = own
        .map(|((own, variance), mean)| {
            count * (f64::from(*variance) + (f64::from(*own) - mean).powi(2))
        })
        .collect();
    reduce(&mut squares)?;
    let variances = squares.into_iter().map(|sum| (sum / total) as f32).collect();
    Ok((means.into_iter().map(|mean| mean as f32).collect(), variances, total))
}

/// `xs` summed over all ranks, on the graph.
pub(crate) fn summed(xs: &Tensor, reduce: &Reduce) -> Result<Tensor> {
    let numbers = xs.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.contiguous()?;
    let sums = numbers.apply_op1(Summed(reduce.clone()))?;
    sums.to_dtype(xs.dtype())?.to_device(xs.device())
}

/// A sum over all ranks. What one rank puts in reaches the losses of all, so the gradient is a sum over ranks too.
struct Summed(Reduce);

impl CustomOp1 for Summed {
    fn name(&self) -> &'static str {
        "sum over ranks"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("a sum over ranks of a tensor that is not contiguous")
        };
        let mut sums = storage.as_slice::<f64>()?[start..end].to_vec();
        (self.0)(&mut sums)?;
        Ok((CpuStorage::F64(sums), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        let mut sums = gradient.flatten_all()?.to_vec1::<f64>()?;
        (self.0)(&mut sums)?;
        Tensor::from_vec(sums, gradient.shape(), &Device::Cpu).map(Some)
    }
}
