//! Frame numbers by hand.

use super::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn sample(sampler: ClipSampler, frames: usize) -> Vec<Vec<usize>> {
    let clips = sampler.sample(frames, &mut ChaCha8Rng::seed_from_u64(3)).unwrap();
    assert_eq!(clips.len(), sampler.clips(frames));
    clips
}

fn starts(sampler: ClipSampler, frames: usize) -> Vec<usize> {
    sample(sampler, frames).iter().map(|clip| clip[0]).collect()
}

const W: fn(usize, usize) -> Window = |length, stride| Window { length, stride };

#[test]
fn a_short_video_is_played_again_or_stands_still() {
    let sampler = ClipSampler::Center(W(5, 1));
    assert_eq!(sample(sampler, 3), [[0, 1, 2, 0, 1]]);
    let still = sampler.sample_short(3, Short::RepeatLast, &mut ChaCha8Rng::seed_from_u64(0));
    assert_eq!(still.unwrap(), [[0, 1, 2, 2, 2]]);
}

#[test]
fn center_lies_in_the_middle() {
    assert_eq!(sample(ClipSampler::Center(W(2, 3)), 8), [[2, 5]]);
    assert_eq!(starts(ClipSampler::Uniform(W(1, 1), 1), 9), [4]);
}

#[test]
fn uniform_reaches_both_ends_symmetrically() {
    assert_eq!(sample(ClipSampler::Uniform(W(2, 1), 3), 10), [[0, 1], [4, 5], [8, 9]]);
    // floor(9 j / 3) would be the same; floor(10 j / 3) = 0 3 6 10 is not symmetric.
    assert_eq!(starts(ClipSampler::Uniform(W(1, 1), 4), 11), [0, 3, 7, 10]);
}

#[test]
fn uniform_and_center_are_symmetric_under_time_reversal() {
    for frames in 20..60 {
        for clips in 1..12 {
            for window in [W(1, 1), W(4, 1), W(5, 3)] {
                let slack = frames - ((window.length - 1) * window.stride + 1);
                if clips % 2 == 1 && slack % 2 == 1 {
                    continue;
                }
                let there = sample(ClipSampler::Uniform(window, clips), frames);
                for (a, b) in there.iter().zip(there.iter().rev()) {
                    let mirrored: Vec<_> = b.iter().rev().map(|i| frames - 1 - i).collect();
                    assert_eq!(*a, mirrored, "{frames} frames, {clips} clips of {window:?}");
                }
            }
        }
    }
}

#[test]
fn dense_as_c3d_has_16_frames_every_8_and_ends_with_the_last_frame() {
    let c3d = ClipSampler::Dense { window: W(16, 1), step: 8 };
    assert_eq!(starts(c3d, 16), [0]);
    assert_eq!(starts(c3d, 32), [0, 8, 16]);
    assert_eq!(starts(c3d, 35), [0, 8, 16, 19]);
    assert_eq!(sample(c3d, 35)[3], (19..35).collect::<Vec<_>>());
    assert_eq!(sample(c3d, 10)[0], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5]);
    assert_eq!(starts(ClipSampler::Dense { window: W(2, 2), step: 5 }, 7), [0, 4]);
}

#[test]
fn segments_as_tsn_takes_their_middles() {
    let tsn = |segments, length| ClipSampler::Segments { segments, length, random: false };
    // tsn-pytorch: tick = (30 - 1 + 1) / 3 = 10; int(tick / 2 + tick i).
    assert_eq!(sample(tsn(3, 1), 30), [[5, 15, 25]]);
    // tick = (31 - 5 + 1) / 3 = 9; 4.5, 13.5, 22.5; five frames from each.
    let flow = [4, 5, 6, 7, 8, 13, 14, 15, 16, 17, 22, 23, 24, 25, 26];
    assert_eq!(sample(tsn(3, 5), 31), [flow]);
    assert_eq!(sample(tsn(3, 1), 2), [[0, 1, 1]]);
}

#[test]
fn segments_at_random_stay_in_their_parts_and_reach_all_of_them() {
    let tsn = ClipSampler::Segments { segments: 3, length: 1, random: true };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut seen = [false; 10];
    for _ in 0..200 {
        let clip = tsn.sample(10, &mut rng).unwrap().remove(0);
        // Parts of 10 starts: 0..3, 3..6, 6..10.
        assert!(clip[0] < 3 && (3..6).contains(&clip[1]) && (6..10).contains(&clip[2]));
        clip.iter().for_each(|&i| seen[i] = true);
    }
    assert_eq!(seen, [true; 10]);
    assert_eq!(tsn.sample(2, &mut rng).unwrap()[0].len(), 3);
}

#[test]
fn random_reaches_every_start() {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut seen = [false; 4];
    for _ in 0..100 {
        let clip = ClipSampler::Random(W(3, 2)).sample(8, &mut rng).unwrap().remove(0);
        assert_eq!(clip, [clip[0], clip[0] + 2, clip[0] + 4]);
        seen[clip[0]] = true;
    }
    assert_eq!(seen, [true; 4]);
}

#[test]
fn all_is_every_frame() {
    assert_eq!(sample(ClipSampler::All, 4), [[0, 1, 2, 3]]);
}

#[test]
fn zeros_are_errors() {
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    assert!(ClipSampler::All.sample(0, &mut rng).is_err());
    for sampler in [
        ClipSampler::Random(W(0, 1)),
        ClipSampler::Center(W(1, 0)),
        ClipSampler::Uniform(W(1, 1), 0),
        ClipSampler::Dense { window: W(1, 1), step: 0 },
        ClipSampler::Segments { segments: 0, length: 1, random: false },
    ] {
        assert!(sampler.sample(5, &mut rng).is_err(), "{sampler:?}");
    }
}

#[test]
fn random_strides_reach_both_ends_and_fit_the_video() {
    let sampler = ClipSampler::RandomStride { length: 4, from: 2, to: 5 };
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut strides = |frames: usize| {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let clip = sampler.sample(frames, &mut rng).unwrap().remove(0);
            assert!(clip.iter().all(|i| *i < frames) && clip.len() == 4);
            seen.insert((clip[1] + frames - clip[0]) % frames);
        }
        Vec::from_iter(seen)
    };
    assert_eq!(strides(40), [2, 3, 4, 5]);
    // Four frames 3 apart take 10.
    assert_eq!(strides(12), [2, 3]);
    assert_eq!(strides(5), [2]);
}
