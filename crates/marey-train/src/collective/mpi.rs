//! Processes that `mpirun`, or a cluster's launcher, has started.

use std::ops::AddAssign;
use std::sync::{Mutex, MutexGuard};

use mpi::Threading;
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives, Equivalence, Root};

use super::Collective;
use crate::error::{Error, Result};

/// Bytes that are sent at once: MPI counts in C's `int`.
const MOST: usize = 1 << 30;

/// The processes of an MPI job.
///
/// MPI leaves the order of a sum to its library. Here each rank gets its share of the numbers from all ranks, adds
/// them in the order of the ranks and sends the sums to all: as much traffic as a ring's, and an order that is known.
///
/// MPI itself ends the job on its own errors, and so does a panic on a thread that holds this last.
#[derive(Debug)]
pub struct Mpi {
    /// One thread at a time calls MPI.
    universe: Mutex<Whole>,
    rank: usize,
    world: usize,
}

/// [`Universe`] with a name to print.
struct Whole(Universe);

impl std::fmt::Debug for Whole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Universe")
    }
}

impl Mpi {
    /// Joins the job that this process was started in; a process that was started by itself is a job of one.
    ///
    /// # Errors
    ///
    /// The process has joined already, or MPI does not let other threads than the main one call it.
    pub fn start() -> Result<Self> {
        let refuse = |cause: String| Error::Config(format!("mpi: {cause}"));
        let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Serialized)
        else {
            return Err(refuse("this process has joined its job already".into()));
        };
        if threading < Threading::Serialized {
            return Err(refuse(format!(
                "the library lets threads call it as {threading:?}, wanted Serialized"
            )));
        }
        let (rank, world) = (universe.world().rank() as usize, universe.world().size() as usize);
        Ok(Self { universe: Mutex::new(Whole(universe)), rank, world })
    }

    fn with<R>(&self, f: impl FnOnce(SimpleCommunicator) -> R) -> R {
        let universe: MutexGuard<'_, Whole> =
            self.universe.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        f(universe.0.world())
    }

    fn sum<T: Equivalence + Copy + Default + AddAssign>(&self, values: &mut [T]) {
        let share = values.len().div_ceil(self.world);
        if share == 0 || self.world == 1 {
            return;
        }
        let mut all = values.to_vec();
        all.resize(share * self.world, T::default());
        let mut mine = vec![T::default(); all.len()];
        self.with(|world| {
            world.all_to_all_into(&all[..], &mut mine[..]);
            let (sums, others) = mine.split_at_mut(share);
            for other in others.chunks(share) {
                sums.iter_mut().zip(other).for_each(|(sum, x)| *sum += *x);
            }
            world.all_gather_into(&*sums, &mut all[..]);
        });
        values.copy_from_slice(&all[..values.len()]);
    }
}

impl Drop for Mpi {
    fn drop(&mut self) {
        // Taking leave of a job waits for all of its ranks; they would wait for this one.
        if std::thread::panicking() {
            self.abort(101);
        }
    }
}

impl Collective for Mpi {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.world
    }

    fn all_reduce_sum(&self, values: &mut [f32]) -> Result<()> {
        self.sum(values);
        Ok(())
    }

    fn all_reduce_sum_f64(&self, values: &mut [f64]) -> Result<()> {
        self.sum(values);
        Ok(())
    }

    fn broadcast(&self, bytes: &mut [u8], root: usize) -> Result<()> {
        if root >= self.world {
            return Err(Error::Config(format!("mpi: no rank {root} among {}", self.world)));
        }
        self.with(|world| {
            let root = world.process_at_rank(root as i32);
            bytes.chunks_mut(MOST).for_each(|part| root.broadcast_into(part));
        });
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.with(|world| world.barrier());
        Ok(())
    }

    fn abort(&self, code: i32) {
        self.with(|world| world.abort(code))
    }
}
