//! Videos that a loader left out because they cannot be decoded.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// A video that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its number in the dataset.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Why.
    pub cause: String,
}

/// The list of them, which a loader and its clones share.
#[derive(Clone, Default)]
pub(crate) struct Record(Arc<Mutex<BTreeMap<usize, Skipped>>>);

impl Record {
    /// Those so far, by their number.
    pub(crate) fn all(&self) -> Vec<Skipped> {
        self.lock().values().cloned().collect()
    }

    /// `sample` of video `index`; nothing of a video that is no good, which is noted once. Any other error stays one: a
    /// program that is missing is no reason to learn from half of the videos.
    pub(crate) fn pass<T>(&self, index: usize, sample: Result<T>) -> Result<Option<T>> {
        match sample {
            Err(Error::Sample { video: name, source }) if source.is_damage() => {
                let cause = source.to_string();
                self.lock().entry(index).or_insert(Skipped { index, name, cause });
                Ok(None)
            }
            sample => sample.map(Some),
        }
    }

    // The map is whole at each unlock.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<usize, Skipped>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
