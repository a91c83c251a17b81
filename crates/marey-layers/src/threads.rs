//! Where a pass runs.

/// Runs `f` on a thread of rayon's pool.
///
/// A pass through a network is many short parallel loops. From a thread of the pool each begins at once; from any other
/// it is handed over first, and the thread then sleeps until it is done: a tenth of the time of a network of small
/// layers. Scopes such as [`with_precision`](crate::with_precision) belong inside of `f`. It must not wait for another
/// thread that uses the pool too.
pub fn in_pool<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    rayon::scope(|_| f())
}
