//! Where the time of a loader's threads goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What the threads of a loader have spent on its clips so far, added over the threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timings {
    /// Clips that were made.
    pub clips: u64,
    /// Time in which frames were decoded and became floats.
    pub read: Duration,
    /// Time in which clips were transformed: resized, cropped, normalised.
    pub transform: Duration,
}

/// [`Timings`] that threads add to.
#[derive(Clone, Default)]
pub(crate) struct Clock(Arc<[AtomicU64; 3]>);

impl Clock {
    pub(crate) fn read<T>(&self, f: impl FnOnce() -> T) -> T {
        self.timed(1, f)
    }

    pub(crate) fn transform<T>(&self, f: impl FnOnce() -> T) -> T {
        self.0[0].fetch_add(1, Ordering::Relaxed);
        self.timed(2, f)
    }

    pub(crate) fn timings(&self) -> Timings {
        let [clips, read, transform] = self.0.each_ref().map(|n| n.load(Ordering::Relaxed));
        let [read, transform] = [read, transform].map(Duration::from_nanos);
        Timings { clips, read, transform }
    }

    fn timed<T>(&self, what: usize, f: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = f();
        // Of a run of centuries it would be wrong.
        let nanoseconds = u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.0[what].fetch_add(nanoseconds, Ordering::Relaxed);
        result
    }
}
