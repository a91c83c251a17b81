//! Work on many threads whose results come in order.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::error::{Error, Result};

/// The results of jobs 0, 1, 2, .. in that order; dropping it stops the threads.
pub(crate) struct Ordered<T> {
    shared: Arc<Shared<T>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    /// The next job that no thread has taken.
    next: u64,
    /// The next result to be handed out.
    wanted: u64,
    done: BTreeMap<u64, Result<T>>,
    stop: bool,
}

impl<T: Send + 'static> Ordered<T> {
    /// Runs `work` for jobs `0..jobs` on `threads` threads, which take no job that is `ahead`
    /// or more before the next result to be handed out.
    pub(crate) fn new(
        threads: usize,
        ahead: usize,
        jobs: u64,
        work: impl Fn(u64) -> Result<T> + Send + Sync + 'static,
    ) -> Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State { next: 0, wanted: 0, done: BTreeMap::new(), stop: false }),
            changed: Condvar::new(),
        });
        let work = Arc::new(work);
        let mut ordered = Self { shared, threads: Vec::new() };
        let ahead = ahead.max(1) as u64;
        for i in 0..threads.max(1) {
            let (shared, work) = (ordered.shared.clone(), work.clone());
            let thread = std::thread::Builder::new()
                .name(format!("marey-loader-{i}"))
                .spawn(move || {
                    let _alone = alone();
                    shared.run(ahead, jobs, &*work);
                })
                .map_err(|e| Error::Config(format!("loader: no thread to be had: {e}")))?;
            ordered.threads.push(thread);
        }
        Ok(ordered)
    }

    /// The next result; only to be called while there is one to come.
    pub(crate) fn next(&mut self) -> Result<T> {
        let mut state = self.shared.lock();
        loop {
            let wanted = state.wanted;
            if let Some(result) = state.done.remove(&wanted) {
                state.wanted += 1;
                self.shared.changed.notify_all();
                return result;
            }
            state = self.shared.wait(state);
        }
    }
}

/// Has this thread do by itself what it would have rayon divide: there are as many jobs as threads already, and rayon's own threads
/// may be busy with a network. Where that cannot be had, it is only slower.
fn alone() -> Option<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().ok()
}

impl<T> Shared<T> {
    fn run(&self, ahead: u64, jobs: u64, work: &dyn Fn(u64) -> Result<T>) {
        loop {
            let mut state = self.lock();
            while !state.stop && state.next < jobs && state.next >= state.wanted + ahead {
                state = self.wait(state);
            }
            if state.stop || state.next >= jobs {
                return;
            }
            let job = state.next;
            state.next += 1;
            drop(state);
            let result = catch_unwind(AssertUnwindSafe(|| work(job)))
                .unwrap_or_else(|panic| Err(Error::Panic(message(&*panic))));
            self.lock().done.insert(job, result);
            self.changed.notify_all();
        }
    }

    // A panic is caught before it can reach a lock, and the state is whole at each unlock.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Drop for Ordered<T> {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            // Its panics were caught: there is nothing to hand on.
            let _ = thread.join();
        }
    }
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_string());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, Instant};

    #[test]
    fn results_come_in_order_and_panics_as_errors() {
        let mut ordered = Ordered::new(4, 3, 20, |job| {
            std::thread::sleep(Duration::from_millis((7 * job) % 5));
            assert!(job != 13, "unlucky");
            Ok(job)
        })
        .unwrap();
        for job in 0..20 {
            match ordered.next() {
                Ok(got) => assert_eq!(got, job),
                Err(Error::Panic(text)) => assert_eq!((job, text.as_str()), (13, "unlucky")),
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[test]
    fn what_a_job_would_divide_its_thread_does_alone() {
        use rayon::prelude::*;
        let mut ordered = Ordered::new(2, 2, 8, |_| {
            let own = std::thread::current().id();
            Ok((0..100).into_par_iter().all(|_| std::thread::current().id() == own))
        })
        .unwrap();
        assert!((0..8).all(|_| ordered.next().unwrap()));
    }

    #[test]
    fn threads_stay_within_reach_and_stop_when_dropped() {
        let started = Arc::new(AtomicU64::new(0));
        let count = started.clone();
        let mut ordered = Ordered::new(3, 4, u64::MAX, move |job| {
            count.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
            Ok(job)
        })
        .unwrap();
        assert_eq!(ordered.next().unwrap(), 0);
        std::thread::sleep(Duration::from_millis(60));
        assert_eq!(started.load(Ordering::SeqCst), 5);
        let begun = Instant::now();
        drop(ordered);
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert_eq!(Arc::strong_count(&started), 1);
    }
}
