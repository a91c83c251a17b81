//! Batches, one after the other, from any step on.

use std::sync::{Arc, Mutex, PoisonError};

use candle::{Device, Tensor};
use marey_clip::{Clip, stack};
use marey_layers::rng::stream;

use super::{Batch, Loader};
use crate::error::{Error, Result};
use crate::ordered::Ordered;
use crate::shard::Shard;
use crate::skipped::Record;

/// The batches of a [`Loader`].
pub struct Batches {
    /// Each with the number of its video.
    ordered: Ordered<(usize, Result<(Clip, u32)>)>,
    /// Videos of each epoch that are used, and videos in a batch.
    used: u64,
    batch: u64,
    shard: Shard,
    /// Videos of this epoch that were handed out, by all shards.
    place: u64,
    left: Option<u64>,
    steps_per_epoch: u64,
    /// Where videos are left out, not handed on as errors.
    skipped: Option<Record>,
    /// What stands for so many batches before it that had no video.
    again: Option<(Batch, u64)>,
}

impl Batches {
    pub(super) fn new(loader: &Loader, step: u64, steps: Option<u64>) -> Result<Self> {
        let batch = loader.config.batch as u64;
        let steps_per_epoch = loader.steps_per_epoch();
        let used = (loader.dataset.len() as u64).min(steps_per_epoch * batch);
        let (epoch, place) = (step / steps_per_epoch, step % steps_per_epoch * batch);
        let shard = loader.config.shard;
        // Jobs are this shard's videos, one after the other.
        let own = shard.len(batch);
        let per_epoch = used / batch * own + shard.len(used % batch);
        let first = epoch * per_epoch + place / batch * own;
        let jobs = if steps.is_some() { per_epoch - place / batch * own } else { u64::MAX - first };
        let ahead = loader.config.queue * own as usize;
        let worker = loader.clone();
        // At the end of an epoch threads work on two: both orders are kept.
        let orders: Mutex<Vec<(u64, Arc<[usize]>)>> = Mutex::new(Vec::new());
        let ordered = Ordered::new(loader.config.threads, ahead, jobs, move |job| {
            let (epoch, job) = ((first + job) / per_epoch, (first + job) % per_epoch);
            let start = job / own * batch;
            let place = start + shard.of(batch.min(used - start)).start + job % own;
            let order = {
                let mut orders = orders.lock().unwrap_or_else(PoisonError::into_inner);
                match orders.iter().find(|(e, _)| *e == epoch) {
                    Some((_, order)) => order.clone(),
                    None => {
                        let order = worker.order(epoch);
                        orders.retain(|(e, _)| *e + 1 >= epoch);
                        orders.push((epoch, order.clone()));
                        order
                    }
                }
            };
            let index = order[place as usize];
            let sample = worker.guarded(index, || {
                let mut rng = stream(worker.config.seed, "loader", mix(epoch, index as u64));
                let mut clips = worker.clips(index, worker.config.sampler, &mut rng)?;
                match (clips.pop(), clips.is_empty()) {
                    (Some(clip), true) => Ok((clip, worker.dataset.label(index))),
                    _ => Err(Error::Config("the sampler gave more than one clip".into())),
                }
            });
            Ok((index, sample))
        })?;
        let skipped = loader.config.skip_broken.then(|| loader.skipped.clone());
        Ok(Self {
            ordered,
            used,
            batch,
            shard,
            place,
            left: steps,
            steps_per_epoch,
            skipped,
            again: None,
        })
    }

    /// The next one, or nothing if none of its videos can be read.
    fn next_batch(&mut self) -> Result<Option<Batch>> {
        let count = self.batch.min(self.used - self.place);
        self.place = (self.place + count) % self.used;
        // All of them are taken before an error is handed on, so that the next batch is whole.
        let samples: Vec<_> = (0..self.shard.len(count)).map(|_| self.ordered.next()).collect();
        let (mut clips, mut labels, mut indices) = (vec![], vec![], vec![]);
        for sample in samples {
            let (index, sample) = sample?;
            let sample = match &self.skipped {
                None => Some(sample?),
                Some(skipped) => skipped.pass(index, sample)?,
            };
            let Some((clip, label)) = sample else { continue };
            clips.push(clip);
            labels.push(label);
            indices.push(index);
        }
        if indices.is_empty() {
            return Ok(None);
        }
        let labels = Tensor::from_vec(labels, indices.len(), &Device::Cpu)?;
        Ok(Some(Batch { clips: stack(&clips)?, labels, indices }))
    }
}

impl Iterator for Batches {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((batch, times)) = self.again.take() {
            self.again = (times > 1).then(|| (batch.clone(), times - 1));
            return Some(Ok(batch));
        }
        for empty in 0..self.steps_per_epoch {
            if let Some(left) = &mut self.left {
                *left = left.checked_sub(1)?;
            }
            if let Some(batch) = self.next_batch().transpose() {
                self.again = batch.as_ref().ok().filter(|_| empty > 0).map(|b| (b.clone(), empty));
                return Some(batch);
            }
        }
        let first = self.skipped.as_ref().and_then(|skipped| skipped.all().into_iter().next());
        let cause = first.map_or_else(String::new, |first| first.cause);
        Some(Err(Error::Unreadable { cause: format!("no video of an epoch can be read: {cause}") }))
    }
}

/// One number for an epoch and a video: SplitMix64's finaliser between the two.
fn mix(epoch: u64, index: u64) -> u64 {
    let mut z = epoch.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)).wrapping_add(index)
}
