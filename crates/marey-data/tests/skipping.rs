//! Broken videos are left out and named, the same ones from any number of threads and any start.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::sync::Arc;

use candle::{DType, Device, Tensor};
use marey_clip::{Clip, ClipSampler, Window};
use marey_data::{Batch, Dataset, Error, Loader, LoaderConfig, Result, Skipped};

/// Videos of which some are broken, and clips whose value is the number of the video.
struct Partly {
    len: usize,
    broken: fn(usize) -> bool,
    /// Whether that is the video's own fault.
    damage: bool,
}

impl Dataset for Partly {
    fn len(&self) -> usize {
        self.len
    }
    fn classes(&self) -> &[String] {
        &[]
    }
    fn label(&self, index: usize) -> u32 {
        index as u32
    }
    fn name(&self, index: usize) -> String {
        format!("video-{index}")
    }
    fn num_frames(&self, _: usize) -> Result<usize> {
        Ok(20)
    }
    fn frames(&self, index: usize, which: &[usize]) -> Result<Clip> {
        if (self.broken)(index) {
            let cause = format!("{index}.avi: torn");
            return Err(if self.damage {
                Error::Unreadable { cause }
            } else {
                Error::Config(cause)
            });
        }
        let values = Tensor::full(index as f32, (3, which.len(), 2, 2), &Device::Cpu)?;
        Ok(Clip::new(values.to_dtype(DType::F32)?)?)
    }
}

fn loader(len: usize, broken: fn(usize) -> bool, damage: bool, config: LoaderConfig) -> Loader {
    Loader::new(Arc::new(Partly { len, broken, damage }), config, |clip, _| Ok(clip)).unwrap()
}

fn config(threads: usize) -> LoaderConfig {
    let sampler = ClipSampler::Random(Window { length: 2, stride: 1 });
    LoaderConfig {
        batch: 3,
        sampler,
        shuffle: false,
        skip_broken: true,
        threads,
        ..Default::default()
    }
}

fn indices(batch: Result<Batch>) -> Vec<usize> {
    let batch = batch.unwrap();
    let labels = batch.labels.to_vec1::<u32>().unwrap();
    let clips = batch.clips.mean((1, 2, 3, 4)).unwrap().to_vec1::<f32>().unwrap();
    for (i, index) in batch.indices.iter().enumerate() {
        assert_eq!((labels[i] as usize, clips[i] as usize), (*index, *index));
    }
    batch.indices
}

#[test]
fn a_batch_has_the_videos_that_can_be_read_and_the_others_are_named_once() {
    for threads in [1, 4] {
        let loader = loader(9, |i| i == 4 || i == 6 || i == 7, true, config(threads));
        let mut batches = loader.batches_from(0).unwrap();
        assert_eq!(indices(batches.next().unwrap()), [0, 1, 2]);
        assert_eq!(loader.skipped(), []);
        let rest: Vec<_> = batches.take(5).map(indices).collect();
        assert_eq!(rest, [vec![3, 5], vec![8], vec![0, 1, 2], vec![3, 5], vec![8]]);
        let named = |index: usize| Skipped {
            index,
            name: format!("video-{index}"),
            cause: format!("{index}.avi: torn"),
        };
        assert_eq!(loader.skipped(), [4, 6, 7].map(named));
        let sampler = ClipSampler::Center(Window { length: 2, stride: 1 });
        let videos: Vec<_> =
            loader.videos(sampler).unwrap().map(|video| video.unwrap().index).collect();
        assert_eq!(videos, [0, 1, 2, 3, 5, 8]);
        assert_eq!(loader.skipped().len(), 3);
    }
}

#[test]
fn a_batch_without_videos_is_the_next_one_whatever_step_is_the_first() {
    let loader = loader(12, |i| (3..9).contains(&i), true, config(2));
    let (a, b) = (vec![0, 1, 2], vec![9, 10, 11]);
    let all = [&a, &b, &b, &b, &a, &b, &b, &b];
    for step in 0..5 {
        let batches = loader.batches_from(step as u64).unwrap();
        let got: Vec<_> = batches.take(3).map(indices).collect();
        assert_eq!(got.iter().collect::<Vec<_>>(), all[step..step + 3], "step {step}");
    }
    assert_eq!(
        loader.epoch(1).unwrap().map(indices).collect::<Vec<_>>(),
        [a, b.clone(), b.clone(), b]
    );
}

#[test]
fn an_epoch_ends_early_without_its_last_and_is_an_error_without_any() {
    let last = loader(6, |i| i > 2, true, config(2));
    assert_eq!(last.epoch(0).unwrap().map(indices).collect::<Vec<_>>(), [[0, 1, 2]]);
    let none = loader(6, |_| true, true, config(2));
    for mut batches in [none.epoch(0).unwrap(), none.batches_from(1).unwrap()] {
        let error = batches.next().unwrap().unwrap_err().to_string();
        assert!(error.contains("no video of an epoch can be read: 0.avi: torn"), "{error}");
    }
}

#[test]
fn what_is_not_the_videos_fault_stays_an_error_and_so_does_all_where_nothing_is_skipped() {
    let strict = LoaderConfig { skip_broken: false, ..config(2) };
    for loader in [loader(9, |i| i == 4, false, config(2)), loader(9, |i| i == 4, true, strict)] {
        let second = loader.batches_from(1).unwrap().next().unwrap();
        let error = second.unwrap_err().to_string();
        assert!(error.contains("video-4") && error.contains("4.avi: torn"), "{error}");
        assert_eq!(loader.skipped(), []);
    }
}

#[test]
fn timings_tell_how_many_clips_were_made() {
    let loader = loader(9, |i| i == 4, true, config(2));
    assert_eq!(loader.timings().clips, 0);
    assert_eq!(loader.epoch(0).unwrap().count(), 3);
    let timings = loader.timings();
    assert_eq!(timings.clips, 8);
    assert!(timings.read.as_nanos() > 0 && timings.transform.as_nanos() > 0);
}
