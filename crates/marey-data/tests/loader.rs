//! The loader: the same batches from any number of threads and any start, and errors with names.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use candle::{Device, Tensor};
use marey_clip::{Clip, ClipSampler, Window, random_crop};
use marey_data::{
    Batch, Dataset, Error, Loader, LoaderConfig, Marionettes, MarionettesConfig, Result, Shard,
    Subset,
};

fn marionettes() -> Arc<dyn Dataset> {
    let config = MarionettesConfig { width: 16, height: 16, train: 22, ..Default::default() };
    Arc::new(Marionettes::new(config, Subset::Train).unwrap())
}

fn config() -> LoaderConfig {
    let sampler = ClipSampler::Random(Window { length: 4, stride: 3 });
    LoaderConfig { batch: 4, sampler, seed: 5, threads: 2, ..Default::default() }
}

fn loader(config: LoaderConfig) -> Loader {
    Loader::new(marionettes(), config, |clip, rng| random_crop(&clip, 12, 12, rng)).unwrap()
}

fn values(batch: &Batch) -> Vec<f32> {
    batch.clips.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn batches_are_the_same_from_any_number_of_threads() {
    let run = |threads, queue| -> Vec<Batch> {
        let loader = loader(LoaderConfig { threads, queue, ..config() });
        loader.batches_from(0).unwrap().take(12).map(Result::unwrap).collect()
    };
    let one = run(1, 1);
    assert_eq!(one[0].clips.dims(), [4, 3, 4, 12, 12]);
    for other in [run(2, 1), run(5, 3)] {
        for (a, b) in one.iter().zip(&other) {
            assert_eq!(a.indices, b.indices);
            assert_eq!(values(a), values(b));
        }
    }
}

#[test]
fn any_step_can_be_the_first() {
    let loader = loader(config());
    let all: Vec<_> = loader.batches_from(0).unwrap().take(13).map(Result::unwrap).collect();
    for step in [1, 4, 5, 7, 12] {
        let batch = loader.batches_from(step as u64).unwrap().next().unwrap().unwrap();
        assert_eq!(batch.indices, all[step].indices);
        assert_eq!(values(&batch), values(&all[step]));
    }
    assert_eq!(loader.steps_per_epoch(), 5);
    let second: Vec<_> = loader.epoch(1).unwrap().map(|b| b.unwrap().indices).collect();
    let from: Vec<_> = all[5..10].iter().map(|b| b.indices.clone()).collect();
    assert_eq!(second, from);
}

#[test]
fn an_epoch_takes_each_video_once_in_an_order_of_its_own() {
    let loader = loader(LoaderConfig { drop_last: false, ..config() });
    let epoch =
        |e| -> Vec<usize> { loader.epoch(e).unwrap().flat_map(|b| b.unwrap().indices).collect() };
    let (first, second) = (epoch(0), epoch(1));
    assert_ne!(first, second);
    for mut order in [first, second] {
        order.sort_unstable();
        assert_eq!(order, (0..22).collect::<Vec<_>>());
    }
    let sizes: Vec<_> = loader.epoch(0).unwrap().map(|b| b.unwrap().indices.len()).collect();
    assert_eq!(sizes, [4, 4, 4, 4, 4, 2]);
}

#[test]
fn without_shuffling_the_order_is_the_dataset_s_but_the_clips_differ_by_epoch() {
    let loader = loader(LoaderConfig { shuffle: false, ..config() });
    let batch = |e| loader.epoch(e).unwrap().next().unwrap().unwrap();
    let (first, second) = (batch(0), batch(1));
    assert_eq!(first.indices, [0, 1, 2, 3]);
    assert_eq!(first.labels.to_vec1::<u32>().unwrap(), [0, 1, 2, 3]);
    assert_eq!(first.indices, second.indices);
    assert_ne!(values(&first), values(&second));
}

#[test]
fn shards_side_by_side_are_the_batches_of_one() {
    // 22 videos: batches of 5 leave 2, of 7 leave 1.
    for (batch, world, drop_last) in [(4, 2, true), (5, 3, true), (5, 2, false), (7, 1, false)] {
        let config = LoaderConfig { batch, drop_last, ..config() };
        for from in [0, 3, 4, 7] {
            let take = |shard| -> Vec<Batch> {
                let loader = loader(LoaderConfig { shard, ..config });
                loader.batches_from(from).unwrap().take(8).map(Result::unwrap).collect()
            };
            let whole = take(Shard::default());
            let parts: Vec<_> = (0..world).map(|rank| take(Shard { rank, world })).collect();
            for (step, whole) in whole.iter().enumerate() {
                let parts = parts.iter().map(|part| &part[step]);
                let indices: Vec<_> = parts.clone().map(|part| part.indices.clone()).collect();
                assert_eq!(indices.concat(), whole.indices, "{batch} {world} {from} {step}");
                assert_eq!(parts.map(values).collect::<Vec<_>>().concat(), values(whole));
            }
        }
        let epoch = |shard| loader(LoaderConfig { shard, ..config }).epoch(1).unwrap();
        let sizes = (0..world).map(|rank| {
            epoch(Shard { rank, world }).map(|batch| batch.unwrap().indices.len()).sum::<usize>()
        });
        let whole: usize = epoch(Shard::default()).map(|batch| batch.unwrap().indices.len()).sum();
        assert_eq!(whole, sizes.sum::<usize>());
    }
}

#[test]
fn videos_come_with_all_their_clips_and_views() {
    let data = marionettes();
    let loader = Loader::new(data.clone(), config(), |clip, _| Ok(clip)).unwrap();
    let sampler = ClipSampler::Uniform(Window { length: 4, stride: 1 }, 3);
    let videos: Vec<_> = loader.videos(sampler).unwrap().map(Result::unwrap).collect();
    assert_eq!(videos.len(), 22);
    for (i, video) in videos.iter().enumerate() {
        assert_eq!((video.index, video.label), (i, data.label(i)));
        assert_eq!(video.clips.dims(), [3, 3, 4, 16, 16]);
    }
    let last = videos[6].clips.get(2).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let n = data.num_frames(6).unwrap();
    let wanted = data.frames(6, &[n - 4, n - 3, n - 2, n - 1]).unwrap().into_tensor();
    assert_eq!(last, wanted.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    let ten = |clip: Clip| marey_clip::ten_crop(&clip, 8, 8);
    let video = loader.videos_from(0, sampler, ten).unwrap().next().unwrap().unwrap();
    assert_eq!(video.clips.dims(), [30, 3, 4, 8, 8]);
}

/// Nine videos of which one cannot be read and one panics.
struct Broken(Vec<String>);

impl Dataset for Broken {
    fn len(&self) -> usize {
        9
    }
    fn classes(&self) -> &[String] {
        &self.0
    }
    fn label(&self, _: usize) -> u32 {
        0
    }
    fn name(&self, index: usize) -> String {
        format!("video-{index}")
    }
    fn num_frames(&self, _: usize) -> Result<usize> {
        Ok(20)
    }
    fn frames(&self, index: usize, which: &[usize]) -> Result<Clip> {
        assert!(index != 4, "out of luck");
        if index == 7 {
            return Err(Error::Config("torn".into()));
        }
        std::thread::sleep(Duration::from_millis(2));
        let zeros = Tensor::zeros((3, which.len(), 2, 2), candle::DType::F32, &Device::Cpu)?;
        Ok(Clip::new(zeros)?)
    }
}

#[test]
fn errors_and_panics_name_the_video_and_the_next_batch_is_whole() {
    let config = LoaderConfig { batch: 3, shuffle: false, ..config() };
    let loader = Loader::new(Arc::new(Broken(vec!["any".into()])), config, |c, _| Ok(c)).unwrap();
    let batches: Vec<_> = loader.batches_from(0).unwrap().take(4).collect();
    assert_eq!(batches[0].as_ref().unwrap().indices, [0, 1, 2]);
    let text = batches[1].as_ref().unwrap_err().to_string();
    assert!(text.contains("video-4") && text.contains("out of luck"), "{text}");
    let text = batches[2].as_ref().unwrap_err().to_string();
    assert!(text.contains("video-7") && text.contains("torn"), "{text}");
    assert_eq!(batches[3].as_ref().unwrap().indices, [0, 1, 2]);
    let failed: Vec<_> = loader
        .videos(ClipSampler::Center(Window { length: 2, stride: 1 }))
        .unwrap()
        .enumerate()
        .filter_map(|(i, video)| video.is_err().then_some(i))
        .collect();
    assert_eq!(failed, [4, 7]);
}

#[test]
fn dropping_the_batches_stops_the_threads() {
    let data: Arc<dyn Dataset> = Arc::new(Broken(vec!["any".into()]));
    let loader = Loader::new(data.clone(), config(), |c, _| Ok(c)).unwrap();
    let mut batches = loader.batches_from(0).unwrap();
    batches.next();
    let begun = Instant::now();
    drop(batches);
    drop(loader);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(Arc::strong_count(&data), 1);
}

#[test]
fn settings_that_make_no_batch_are_errors() {
    let several = ClipSampler::Uniform(Window { length: 1, stride: 1 }, 2);
    for config in [
        LoaderConfig { batch: 0, ..config() },
        LoaderConfig { threads: 0, ..config() },
        LoaderConfig { queue: 0, ..config() },
        LoaderConfig { batch: 23, ..config() },
        LoaderConfig { sampler: several, ..config() },
        LoaderConfig { shard: Shard { rank: 2, world: 2 }, ..config() },
        LoaderConfig { shard: Shard { rank: 0, world: 0 }, ..config() },
        LoaderConfig { shard: Shard { rank: 0, world: 5 }, ..config() },
        // The last of 22 videos in batches of 4 are 2.
        LoaderConfig { shard: Shard { rank: 0, world: 3 }, drop_last: false, ..config() },
    ] {
        assert!(Loader::new(marionettes(), config, |c, _| Ok(c)).is_err(), "{config:?}");
    }
}

#[test]
fn many_clips_of_a_video_are_what_each_is_alone() {
    let data = marionettes();
    let loader = Loader::new(data.clone(), config(), |clip, _| Ok(clip)).unwrap();
    // 100 clips of 8 frames are read in groups of 32.
    let sampler = ClipSampler::Uniform(Window { length: 8, stride: 1 }, 100);
    let video = loader.videos(sampler).unwrap().next().unwrap().unwrap();
    let frames = data.num_frames(0).unwrap();
    let mut rng = marey_layers::rng::stream(0, "unused", 0);
    let wanted = sampler.sample(frames, &mut rng).unwrap();
    let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for k in [0, 31, 32, 63, 64, 99] {
        let alone = data.frames(0, &wanted[k]).unwrap();
        assert_eq!(flat(&video.clips.get(k).unwrap()), flat(alone.tensor()));
    }
}
