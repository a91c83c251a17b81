//! The generated benchmark: its rule, and what follows from it.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::HashSet;

use marey_clip::{ClipSampler, Window};
use marey_data::{Dataset, Marionettes, MarionettesConfig, Subset};
use marey_layers::rng::stream;

fn small() -> MarionettesConfig {
    MarionettesConfig { width: 16, height: 12, train: 48, test: 24, ..Default::default() }
}

fn open(subset: Subset) -> Marionettes {
    Marionettes::new(small(), subset).unwrap()
}

/// The bits of some frames, one frame after another.
fn bits(data: &dyn Dataset, index: usize, which: &[usize]) -> Vec<Vec<u32>> {
    let clip = data.frames(index, which).unwrap();
    let frame = |t: usize| {
        let frame = clip.tensor().narrow(1, t, 1).unwrap().flatten_all().unwrap();
        frame.to_vec1::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
    };
    (0..which.len()).map(frame).collect()
}

fn all(data: &dyn Dataset, index: usize) -> Vec<Vec<u32>> {
    bits(data, index, &(0..data.num_frames(index).unwrap()).collect::<Vec<_>>())
}

#[test]
fn lengths_and_labels_are_as_configured() {
    let train = open(Subset::Train);
    assert_eq!((train.len(), train.classes().len()), (48, 12));
    let lengths: HashSet<_> = (0..48).map(|i| train.num_frames(i).unwrap()).collect();
    assert!(lengths.len() > 20 && lengths.iter().all(|n| (40..=120).contains(n)));
    for class in 0..12 {
        assert_eq!((0..48).filter(|i| train.label(*i) == class).count(), 4);
    }
    assert!(train.name(14).contains("train/14") && train.name(14).contains("open arms"));
}

#[test]
fn a_test_video_reversed_is_its_partner_under_the_partner_s_label() {
    let test = open(Subset::Test);
    for i in (0..test.len()).step_by(2) {
        assert_eq!((test.label(i) % 2, test.label(i) + 1), (0, test.label(i + 1)));
        let mut there = all(&test, i);
        there.reverse();
        assert!(there == all(&test, i + 1), "videos {i} and {}", i + 1);
    }
}

#[test]
fn no_video_repeats_within_or_across_the_subsets() {
    let mut seen = HashSet::new();
    let mut lengths = 0;
    for subset in [Subset::Train, Subset::Test] {
        let data = open(subset);
        // Of partners in the test set one is looked at, the other has the same frames.
        for i in (0..data.len()).step_by(if subset == Subset::Test { 2 } else { 1 }) {
            let frames = data.num_frames(i).unwrap();
            for frame in bits(&data, i, &[0, frames / 2, frames - 1]) {
                seen.insert(frame);
                lengths += 1;
            }
        }
    }
    assert_eq!(seen.len(), lengths, "a frame occurs twice");
}

#[test]
fn frames_do_not_depend_on_what_else_is_asked_for() {
    let data = open(Subset::Train);
    for i in 0..12 {
        let whole = all(&data, i);
        let some = bits(&data, i, &[7, 3, 7, 39]);
        assert!(some == [7, 3, 7, 39].map(|t| whole[t].clone()));
    }
}

#[test]
fn most_neighbouring_frames_differ_by_the_figure_alone() {
    let still = MarionettesConfig { camera: 0., distractors: 0, width: 48, height: 48, ..small() };
    let data = Marionettes::new(still, Subset::Train).unwrap();
    for i in 0..24 {
        let frames = all(&data, i);
        let moving = frames.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(moving * 100 >= 70 * (frames.len() - 1), "{}: {moving}", data.name(i));
    }
}

/// The share of the test set on which the mean of `score(frame, class)` over all frames of all
/// clips is highest for the right class. The mean of fixed-point numbers is exact: no order of the
/// frames can change it.
fn accuracy(
    data: &dyn Dataset,
    sampler: ClipSampler,
    score: &dyn Fn(usize, &[u32], u32) -> i64,
) -> f64 {
    let mut right = 0;
    for i in 0..data.len() {
        let clips = sampler.sample(data.num_frames(i).unwrap(), &mut stream(0, "t", 0)).unwrap();
        let frames = bits(data, i, &clips.concat());
        let total = |class: u32| -> i64 { frames.iter().map(|f| score(i, f, class)).sum() };
        let best = (0..12).max_by_key(|class| total(*class)).unwrap();
        right += usize::from(best == data.label(i));
    }
    right as f64 / data.len() as f64
}

fn hash(frame: &[u32], class: u32) -> u64 {
    let mut h = 0xcbf2_9ce4_8422_2325u64 ^ u64::from(class);
    for word in frame {
        h = (h ^ u64::from(*word)).wrapping_mul(0x0100_0000_01b3);
    }
    (h ^ (h >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
}

#[test]
fn scoring_frames_without_their_order_is_right_on_at_most_half() {
    let test = open(Subset::Test);
    let one = Window { length: 1, stride: 1 };
    for sampler in [ClipSampler::All, ClipSampler::Uniform(one, 10), ClipSampler::Uniform(one, 2)] {
        // Any function of a frame.
        let chance = accuracy(&test, sampler, &|_, frame, class| hash(frame, class) as i64);
        assert!(chance <= 0.5, "{chance}");
        // One that is told the motion and guesses the direction from the frame: half, exactly.
        let oracle = |i: usize, frame: &[u32], class: u32| {
            let told = if class / 2 == test.label(i) / 2 { 1 << 40 } else { 0 };
            told + hash(frame, class) as i64
        };
        assert_eq!(accuracy(&test, sampler, &oracle), 0.5);
        // The bound is not one on any scorer: who is told the action is always right.
        let cheat = |i: usize, _: &[u32], class: u32| i64::from(class == test.label(i));
        assert_eq!(accuracy(&test, sampler, &cheat), 1.);
    }
}

#[test]
fn settings_out_of_range_are_errors() {
    for config in [
        MarionettesConfig { width: 0, ..small() },
        MarionettesConfig { height: 1 << 20, ..small() },
        MarionettesConfig { frames: [1, 5], ..small() },
        MarionettesConfig { frames: [50, 40], ..small() },
        MarionettesConfig { test: 7, ..small() },
        MarionettesConfig { camera: f32::NAN, ..small() },
        MarionettesConfig { rest: 0.6, ..small() },
    ] {
        assert!(Marionettes::new(config, Subset::Test).is_err(), "{config:?}");
    }
    let data = open(Subset::Test);
    let frames = data.num_frames(0).unwrap();
    assert!(data.frames(0, &[frames]).is_err() && data.frames(0, &[]).is_err());
}
