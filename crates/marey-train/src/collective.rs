//! What processes that train one network together say to each other.

use std::fmt::Debug;
use std::sync::Arc;

use candle::{DType, Device, Tensor};
use candle_nn::VarMap;

use crate::checkpoint;
use crate::error::{Error, Result};
use crate::state::TrainState;

#[cfg(feature = "mpi")]
mod mpi;
#[cfg(feature = "nccl")]
mod nccl;

#[cfg(feature = "mpi")]
pub use self::mpi::Mpi;
#[cfg(feature = "nccl")]
pub use self::nccl::Nccl;

/// A group of processes ("ranks") that run the same program and call the same of these functions in the same order.
///
/// What a call leaves in its argument is the same bits on every rank, and the same from run to run of as many ranks.
pub trait Collective: Debug + Send + Sync {
    /// The number of this process, from 0.
    fn rank(&self) -> usize;

    /// How many processes there are, from 1.
    fn world(&self) -> usize;

    /// Replaces each number by its sum over all ranks, which give as many numbers.
    fn all_reduce_sum(&self, values: &mut [f32]) -> Result<()>;

    /// [`all_reduce_sum`](Self::all_reduce_sum) in f64.
    fn all_reduce_sum_f64(&self, values: &mut [f64]) -> Result<()>;

    /// Replaces the bytes by those of rank `root`, which are as many.
    fn broadcast(&self, bytes: &mut [u8], root: usize) -> Result<()>;

    /// Returns once every rank has come here.
    fn barrier(&self) -> Result<()>;

    /// Ends all other ranks, and this one too where ranks end together, with exit status `code`.
    ///
    /// A rank that cannot go on says why and calls this: the others would wait for it without end.
    fn abort(&self, code: i32);
}

/// A process by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Solo;

impl Collective for Solo {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        1
    }

    fn all_reduce_sum(&self, _: &mut [f32]) -> Result<()> {
        Ok(())
    }

    fn all_reduce_sum_f64(&self, _: &mut [f64]) -> Result<()> {
        Ok(())
    }

    fn broadcast(&self, _: &mut [u8], _: usize) -> Result<()> {
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        Ok(())
    }

    fn abort(&self, _: i32) {}
}

/// The processes that this one was started with: those of MPI where the feature `mpi` is on, itself alone otherwise.
///
/// It is called once in a process.
pub fn here() -> Result<Arc<dyn Collective>> {
    #[cfg(feature = "mpi")]
    return Ok(Arc::new(Mpi::start()?));
    #[cfg(not(feature = "mpi"))]
    return Ok(Arc::new(Solo));
}

/// Returns `result` where it is good on every rank. A rank whose own is an error gets that, the others
/// [`Error::OtherRanks`].
pub fn agree<T>(collective: &dyn Collective, result: Result<T>) -> Result<T> {
    let mut failed = [f64::from(u8::from(result.is_err()))];
    collective.all_reduce_sum_f64(&mut failed)?;
    match result {
        Ok(_) if failed != [0.] => Err(Error::OtherRanks { failed: failed[0] as usize }),
        result => result,
    }
}

/// Gives every rank the variables and the state of rank 0, so that it alone needs to read a checkpoint.
///
/// # Errors
///
/// On every rank, if one of them has another fingerprint or other variables than rank 0, or rank 0 a number that is
/// not finite.
pub fn share(collective: &dyn Collective, vars: &VarMap, state: &mut TrainState) -> Result<()> {
    if collective.world() == 1 {
        return Ok(());
    }
    let first = collective.rank() == 0;
    let encoded = if first { checkpoint::encode(vars, state) } else { Ok(Vec::new()) };
    let mut bytes = agree(collective, encoded)?;
    let mut len = (bytes.len() as u64).to_le_bytes();
    collective.broadcast(&mut len, 0)?;
    bytes.resize(u64::from_le_bytes(len) as usize, 0);
    collective.broadcast(&mut bytes, 0)?;
    let restored = match first {
        true => Ok(()),
        false => checkpoint::Checkpoint::decode("rank 0", &bytes)
            .and_then(|sent| sent.restore(vars, &state.fingerprint))
            .map(|sent| *state = sent),
    };
    agree(collective, restored)
}

/// Numbers of gradients that travel at once: 4 MiB.
const BUCKET: usize = 1 << 20;

/// Sums tensors over all ranks, in f64 those of f64, in f32 all others.
///
/// Tensors that follow each other travel together, up to [`BUCKET`] numbers and one tensor more.
pub(crate) fn all_reduce(collective: &dyn Collective, tensors: Vec<&mut Tensor>) -> Result<()> {
    let mut tensors = tensors.into_iter().peekable();
    while let Some(first) = tensors.next() {
        let (dtype, mut len) = (first.dtype(), first.elem_count());
        let mut bucket = vec![first];
        while let Some(next) = tensors.next_if(|next| len < BUCKET && next.dtype() == dtype) {
            len += next.elem_count();
            bucket.push(next);
        }
        let flat = bucket.iter().map(|tensor| tensor.flatten_all()?.to_device(&Device::Cpu));
        let flat = Tensor::cat(&flat.collect::<candle::Result<Vec<_>>>()?, 0)?;
        let sums = if dtype == DType::F64 {
            let mut values = flat.to_vec1()?;
            collective.all_reduce_sum_f64(&mut values)?;
            Tensor::from_vec(values, len, &Device::Cpu)?
        } else {
            let mut values = flat.to_dtype(DType::F32)?.to_vec1()?;
            collective.all_reduce_sum(&mut values)?;
            Tensor::from_vec(values, len, &Device::Cpu)?.to_dtype(dtype)?
        };
        let mut from = 0;
        for tensor in bucket {
            let sum = sums.narrow(0, from, tensor.elem_count())?.reshape(tensor.shape())?;
            from += tensor.elem_count();
            *tensor = sum.to_device(tensor.device())?;
        }
    }
    Ok(())
}
