//! Ranks that are threads of one process.

use std::fmt::Debug;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use marey_train::{Collective, Error, Result};

/// A rank that is a thread.
#[derive(Debug)]
pub(crate) struct Threads {
    rank: usize,
    world: usize,
    group: Arc<(Mutex<Group>, Condvar)>,
}

#[derive(Debug, Default)]
struct Group {
    /// What each rank brought, of those that are there.
    brought: Vec<Option<Vec<f64>>>,
    /// What all brought, until each has it, and how many times that was so.
    all: Vec<Vec<f64>>,
    rounds: u64,
    aborted: bool,
}

/// Runs `rank` on `world` threads, and returns what each returned.
pub(crate) fn ranks<T: Send>(
    world: usize,
    rank: impl Fn(Arc<dyn Collective>) -> T + Sync,
) -> Vec<T> {
    let group = Group { brought: vec![None; world], ..Group::default() };
    let group = Arc::new((Mutex::new(group), Condvar::new()));
    std::thread::scope(|scope| {
        let (run, group) = (&rank, &group);
        let threads: Vec<_> = (0..world)
            .map(|rank| {
                let group = group.clone();
                scope.spawn(move || run(Arc::new(Threads { rank, world, group })))
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

impl Threads {
    /// What all ranks bring, in their order.
    fn exchange(&self, own: Vec<f64>) -> Result<Vec<Vec<f64>>> {
        let (group, came) = &*self.group;
        let mut group = group.lock().unwrap();
        let round = group.rounds;
        group.brought[self.rank] = Some(own);
        if group.brought.iter().all(Option::is_some) {
            group.all = group.brought.iter_mut().filter_map(Option::take).collect();
            group.rounds += 1;
            came.notify_all();
        }
        let waits = |group: &mut Group| group.rounds == round && !group.aborted;
        let (group, late) = came.wait_timeout_while(group, Duration::from_secs(60), waits).unwrap();
        assert!(!late.timed_out(), "rank {} waits for others that never come", self.rank);
        if group.aborted {
            let cause = "another rank has ended the run".into();
            return Err(Error::Collective { action: "exchange numbers", cause });
        }
        // The next round cannot end before this rank comes to it.
        Ok(group.all.clone())
    }
}

impl Collective for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.world
    }

    fn all_reduce_sum(&self, values: &mut [f32]) -> Result<()> {
        let all = self.exchange(values.iter().map(|x| f64::from(*x)).collect())?;
        for (i, value) in values.iter_mut().enumerate() {
            *value = all.iter().map(|values| values[i] as f32).sum();
        }
        Ok(())
    }

    fn all_reduce_sum_f64(&self, values: &mut [f64]) -> Result<()> {
        let all = self.exchange(values.to_vec())?;
        for (i, value) in values.iter_mut().enumerate() {
            *value = all.iter().map(|values| values[i]).sum();
        }
        Ok(())
    }

    fn broadcast(&self, bytes: &mut [u8], root: usize) -> Result<()> {
        let all = self.exchange(bytes.iter().map(|x| f64::from(*x)).collect())?;
        bytes.iter_mut().zip(&all[root]).for_each(|(byte, x)| *byte = *x as u8);
        Ok(())
    }

    fn barrier(&self) -> Result<()> {
        self.exchange(Vec::new()).map(drop)
    }

    fn abort(&self, _: i32) {
        self.group.0.lock().unwrap().aborted = true;
        self.group.1.notify_all();
    }
}
