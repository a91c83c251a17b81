//! Batches of clips, made ahead of time on other threads.

use std::sync::Arc;

use candle::Tensor;
use marey_clip::{Clip, ClipSampler, Short, Window, resize, stack};
use marey_layers::rng::{ChaCha8Rng, stream};
use rand::Rng;

use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::modality::Modality;
use crate::ordered::{Ordered, message};
use crate::shard::Shard;
use crate::skipped::{Record, Skipped};
use crate::timings::{Clock, Timings};
use crate::videos::{Video, Videos};

mod batches;

pub use batches::Batches;

/// How videos become batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoaderConfig {
    /// Videos in a batch, its other shards' included.
    pub batch: usize,
    /// The part of each batch that is made here, where several processes train together. Together they
    /// make the batches of one that makes all, of the same `batch`.
    pub shard: Shard,
    /// Which frames of a video; it must give one clip.
    pub sampler: ClipSampler,
    /// What to do with videos that are too short for it.
    pub short: Short,
    /// From which the order of the videos, their frames and their transforms follow.
    pub seed: u64,
    /// Whether the order is another in each epoch, not that of the dataset.
    pub shuffle: bool,
    /// Whether an epoch leaves out the videos that do not fill its last batch.
    pub drop_last: bool,
    /// Whether videos that cannot be decoded are left out, and their batches smaller, instead of an error.
    pub skip_broken: bool,
    /// Threads that make clips, at least 1.
    pub threads: usize,
    /// Batches that are made ahead, at least 1.
    pub queue: usize,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        Self {
            batch: 16,
            shard: Shard::default(),
            sampler: ClipSampler::Random(Window { length: 16, stride: 2 }),
            short: Short::Loop,
            seed: 0,
            shuffle: true,
            drop_last: true,
            skip_broken: false,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            queue: 2,
        }
    }
}

/// Clips of several videos.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `[N, C, T, H, W]`.
    pub clips: Tensor,
    /// The classes, `[N]`, `u32`.
    pub labels: Tensor,
    /// The numbers of the videos in the dataset.
    pub indices: Vec<usize>,
}

/// The most frames of a video, in full size, that are held for several clips.
const AT_ONCE: usize = 256;

/// What is done to a clip, with a generator that is the same whatever thread does it.
type Transform = dyn Fn(Clip, &mut ChaCha8Rng) -> candle::Result<Clip> + Send + Sync;

/// Makes batches of a dataset, the same ones whatever the number of threads.
///
/// Everything that is drawn at random for a video follows from the seed, the epoch and the
/// number of the video: a run that starts at any step gets what it would have got there.
#[derive(Clone)]
pub struct Loader {
    dataset: Arc<dyn Dataset>,
    config: LoaderConfig,
    transform: Arc<Transform>,
    modality: Modality,
    skipped: Record,
    clock: Clock,
}

impl Loader {
    /// Over `dataset`; `transform` makes clips of one size of its frames.
    ///
    /// # Errors
    ///
    /// If a number of `config` that must be positive is zero, `config.sampler` can give more
    /// than one clip, the dataset has not enough videos for a batch, or a batch has not one for each shard.
    pub fn new(
        dataset: Arc<dyn Dataset>,
        config: LoaderConfig,
        transform: impl Fn(Clip, &mut ChaCha8Rng) -> candle::Result<Clip> + Send + Sync + 'static,
    ) -> Result<Self> {
        let LoaderConfig { batch, threads, queue, sampler, drop_last, .. } = config;
        if batch == 0 || threads == 0 || queue == 0 {
            return Err(Error::Config(format!(
                "loader: positive numbers wanted, got batch {batch}, threads {threads}, queue {queue}"
            )));
        }
        if matches!(sampler, ClipSampler::Uniform(_, 2..) | ClipSampler::Dense { .. }) {
            return Err(Error::Config(format!(
                "loader: a batch takes one clip of a video, {sampler:?} gives several"
            )));
        }
        let len = dataset.len();
        if len < if drop_last { batch } else { 1 } {
            return Err(Error::Config(format!("loader: {len} videos make no batch of {batch}")));
        }
        let Shard { rank, world } = config.shard;
        let last = match len % batch {
            rest if rest > 0 && !drop_last => rest,
            _ => batch,
        };
        if rank >= world || last < world {
            return Err(Error::Config(format!(
                "loader: {:?} of batches of {batch}, the last of {last}; wanted a rank below the world, and a video for each",
                config.shard
            )));
        }
        let transform = Arc::new(transform);
        let (skipped, clock) = (Record::default(), Clock::default());
        Ok(Self { dataset, config, transform, modality: Modality::Rgb, skipped, clock })
    }

    /// With transforms that are given the [`frames`](Modality::frames) of `modality` in place of those of the sampler; where it
    /// has flow and so has the dataset ([`Dataset::flow`]), that flow, `[2, T, H, W]`, or `[5, T, H, W]` behind the frames of the
    /// sampler, at their size.
    pub fn with_modality(self, modality: Modality) -> Self {
        Self { modality, ..self }
    }

    /// The dataset.
    pub fn dataset(&self) -> &Arc<dyn Dataset> {
        &self.dataset
    }

    /// With [`skip_broken`](LoaderConfig::skip_broken), the videos that were left out so far, each once, by their number. Those of
    /// batches that were not handed out yet are not among them.
    pub fn skipped(&self) -> Vec<Skipped> {
        self.skipped.all()
    }

    /// What its threads have spent their time on so far.
    pub fn timings(&self) -> Timings {
        self.clock.timings()
    }

    /// Batches in an epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        let (len, batch) = (self.dataset.len(), self.config.batch);
        (if self.config.drop_last { len / batch } else { len.div_ceil(batch) }) as u64
    }

    /// The batches from number `step` on, epoch after epoch without end.
    ///
    /// A batch of which a video could not be read is an error; the next one follows it. With
    /// [`skip_broken`](LoaderConfig::skip_broken) it has the others; where there are none, the next batch that has a video stands
    /// in its place as well, so that a step's number still tells its batch, and an epoch without any is an error.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn batches_from(&self, step: u64) -> Result<Batches> {
        Batches::new(self, step, None)
    }

    /// The batches of epoch `epoch`. With [`skip_broken`](LoaderConfig::skip_broken) it ends earlier where nothing of its last
    /// batches can be read.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn epoch(&self, epoch: u64) -> Result<Batches> {
        let steps = self.steps_per_epoch();
        Batches::new(self, epoch * steps, Some(steps))
    }

    /// Every video once, in the order of the dataset, with all clips that `sampler` gives.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn videos(&self, sampler: ClipSampler) -> Result<Videos> {
        self.videos_from(0, sampler, |clip| Ok(vec![clip]))
    }

    /// The videos from number `first` on, as [`videos`](Self::videos), where each clip, once transformed, becomes several
    /// `views`: ten crops, say.
    ///
    /// # Errors
    ///
    /// If no thread can be started.
    pub fn videos_from(
        &self,
        first: usize,
        sampler: ClipSampler,
        views: impl Fn(Clip) -> candle::Result<Vec<Clip>> + Send + Sync + 'static,
    ) -> Result<Videos> {
        let (loader, len) = (self.clone(), self.dataset.len() as u64);
        let first = (first as u64).min(len);
        let jobs = len - first;
        let ordered = Ordered::new(self.config.threads, self.config.queue, jobs, move |job| {
            let index = (first + job) as usize;
            loader.guarded(index, || {
                let mut rng = stream(loader.config.seed, "loader/videos", index as u64);
                let mut clips = Vec::new();
                for clip in loader.clips(index, sampler, &mut rng)? {
                    clips.extend(views(clip)?);
                }
                Ok(Video { clips: stack(&clips)?, label: loader.dataset.label(index), index })
            })
        })?;
        let skipped = self.config.skip_broken.then(|| self.skipped.clone());
        Ok(Videos { ordered, next: first, len, skipped })
    }

    /// The clips of video `index` that `sampler` gives, transformed.
    fn clips(&self, index: usize, sampler: ClipSampler, rng: &mut ChaCha8Rng) -> Result<Vec<Clip>> {
        let frames = self.clock.read(|| self.dataset.num_frames(index))?;
        let wanted = sampler.sample_short(frames, self.config.short, rng)?;
        let mut clips = Vec::with_capacity(wanted.len());
        let mut rest = &wanted[..];
        while !rest.is_empty() {
            // As many clips at once as fit: a decoder passes through the video each time.
            let mut count = 0;
            let fits = |clip: &&Vec<usize>| {
                count += clip.len() * self.modality.parts();
                count <= AT_ONCE
            };
            let (now, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
            rest = later;
            for clip in self.clock.read(|| self.read(index, now, frames))? {
                clips.push(self.clock.transform(|| (self.transform)(clip, rng))?);
            }
        }
        Ok(clips)
    }

    /// What the transform is given of each of the clips `wanted` of video `index`, which has `len` frames.
    fn read(&self, index: usize, wanted: &[Vec<usize>], len: usize) -> Result<Vec<Clip>> {
        let (modality, all) = (self.modality, wanted.concat());
        let flow = if modality.has_flow() { self.dataset.flow(index, &all)? } else { None };
        match flow {
            Some(flow) if modality.has_rgb() => {
                let frames = self.dataset.frames(index, &all)?;
                let (_, _, h, w) = frames.dims();
                let flow = resize(&flow, h, w)?;
                let both = Tensor::cat(&[frames.tensor(), flow.tensor()], 0)?;
                split(&Clip::new(both)?, wanted)
            }
            Some(flow) => split(&flow, wanted),
            None => {
                let frames: Vec<_> = wanted.iter().map(|w| modality.frames(w, len)).collect();
                split(&self.dataset.frames(index, &frames.concat())?, &frames)
            }
        }
    }

    /// Runs `f`; an error or a panic of it is told with the video's name.
    fn guarded<T>(&self, index: usize, f: impl FnOnce() -> Result<T>) -> Result<T> {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(f))
            .unwrap_or_else(|panic| Err(Error::Panic(message(&*panic))))
            .map_err(|source| Error::Sample {
                video: self.dataset.name(index),
                source: Box::new(source),
            })
    }

    /// The order of the videos in `epoch`.
    fn order(&self, epoch: u64) -> Arc<[usize]> {
        let mut order: Arc<[usize]> = (0..self.dataset.len()).collect();
        if self.config.shuffle
            && let Some(order) = Arc::get_mut(&mut order)
        {
            let mut rng = stream(self.config.seed, "loader/order", epoch);
            for i in (1..order.len()).rev() {
                order.swap(i, rng.random_range(0..=i));
            }
        }
        order
    }
}

/// Clips of `all`, one after the other, each as long as one of `wanted`.
fn split(all: &Clip, wanted: &[Vec<usize>]) -> Result<Vec<Clip>> {
    let mut from = 0;
    let part = |wanted: &Vec<usize>| {
        let part = all.tensor().narrow(1, from, wanted.len())?;
        from += wanted.len();
        Ok(Clip::with_channels(part, all.channels())?)
    };
    wanted.iter().map(part).collect()
}
