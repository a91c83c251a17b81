//! Training and evaluation from outside the crate, in one binary.

// clippy's leave for tests does not reach the functions they share.
#![allow(clippy::unwrap_used)]

mod checkpoint;
mod evaluate;
mod fit;
mod kill;
#[cfg(feature = "mpi")]
mod mpi;
mod optimizer;
mod parts;
mod precise;
mod ranks;
mod resume;
mod scopes;
mod threads;
mod tiny;
mod watch;
