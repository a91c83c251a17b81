//! Processes of an MPI job, each with a GPU of its own.

use std::sync::{Mutex, PoisonError};

use cudarc::driver::CudaContext;
use cudarc::nccl::{Comm, Id, ReduceOp};

use super::{Collective, Mpi, agree};
use crate::error::{Error, Result};

/// The processes of an MPI job whose sums of f32 are NCCL's; all else goes through MPI.
///
/// Numbers are copied from the host to the GPU and back. The order of a sum is NCCL's: the same on every rank, and from
/// run to run on the same machines; not that of [`Mpi`].
#[derive(Debug)]
pub struct Nccl {
    /// Dropped ahead of what it was made by.
    comm: Mutex<Owned>,
    mpi: Mpi,
}

#[derive(Debug)]
struct Owned(Comm);

// SAFETY: a communicator may be used by any thread, by one at a time: it is behind a mutex.
unsafe impl Send for Owned {}

impl Nccl {
    /// Joins those of `mpi` on the GPU number `device` of this machine, of which each rank has one for itself.
    ///
    /// # Errors
    ///
    /// On every rank, if one has no such GPU, or CUDA or NCCL is not installed or refuses.
    pub fn start(mpi: Mpi, device: usize) -> Result<Self> {
        // What cannot be loaded is a panic of cudarc's.
        let found = std::panic::catch_unwind(|| {
            let context = CudaContext::new(device).map_err(refused("start CUDA"))?;
            let id = match mpi.rank() {
                0 => Id::new().map_err(refused("start NCCL"))?,
                _ => Id::uninit([0; 128]),
            };
            Ok((context, id))
        });
        let missing = |_| Err(refused("start NCCL")("CUDA or NCCL is not installed"));
        let (context, id) = agree(&mpi, found.unwrap_or_else(missing))?;
        let mut bytes = id.internal().map(|byte| byte as u8);
        mpi.broadcast(&mut bytes, 0)?;
        let id = Id::uninit(bytes.map(|byte| byte as _));
        let joined = Comm::from_rank(context.default_stream(), mpi.rank(), mpi.world(), id);
        let comm = agree(&mpi, joined.map_err(refused("start NCCL")))?;
        Ok(Self { mpi, comm: Mutex::new(Owned(comm)) })
    }
}

/// An error of CUDA or NCCL, of whatever type.
fn refused<E: std::fmt::Debug>(action: &'static str) -> impl FnOnce(E) -> Error {
    move |cause| Error::Collective { action, cause: format!("{cause:?}") }
}

impl Collective for Nccl {
    fn rank(&self) -> usize {
        self.mpi.rank()
    }

    fn world(&self) -> usize {
        self.mpi.world()
    }

    fn all_reduce_sum(&self, values: &mut [f32]) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        let comm = self.comm.lock().unwrap_or_else(PoisonError::into_inner);
        let stream = comm.0.stream();
        let mut there = stream.clone_htod(&*values).map_err(refused("copy numbers to the GPU"))?;
        comm.0
            .all_reduce_in_place(&mut there, &ReduceOp::Sum)
            .map_err(refused("add numbers up"))?;
        stream.memcpy_dtoh(&there, values).map_err(refused("copy sums from the GPU"))?;
        stream.synchronize().map_err(refused("copy sums from the GPU"))
    }

    fn all_reduce_sum_f64(&self, values: &mut [f64]) -> Result<()> {
        self.mpi.all_reduce_sum_f64(values)
    }

    fn broadcast(&self, bytes: &mut [u8], root: usize) -> Result<()> {
        self.mpi.broadcast(bytes, root)
    }

    fn barrier(&self) -> Result<()> {
        self.mpi.barrier()
    }

    fn abort(&self, code: i32) {
        self.mpi.abort(code);
    }
}
