//! Videos scored by the clips they consist of.

use std::convert::Infallible;

use candle::{Device, Result, Tensor};
use marey_train::{Average, Error, EvaluateConfig, evaluate, metrics};

/// A video whose clips are their own logits `[n, K]`.
fn video<const K: usize>(
    clips: &[[f32; K]],
    label: u32,
) -> std::result::Result<(Tensor, u32), Infallible> {
    let clips = Tensor::from_slice(clips.as_flattened(), (clips.len(), K), &Device::Cpu);
    Ok((clips.unwrap(), label))
}

fn identity(xs: &Tensor) -> Result<Tensor> {
    Ok(xs.clone())
}

#[test]
fn logits_and_softmax_by_hand() {
    // Two clips lean to class 0, one is very sure of class 1: the votes and the sums disagree.
    let videos = || {
        [
            video(&[[1., 0., 0.], [1., 0., 0.], [0., 9., 0.]], 1),
            video(&[[0., 0., 4.]], 2),
            video(&[[3., 3., 0.], [0., 0., 0.]], 1),
        ]
    };
    let logits = EvaluateConfig { average: Average::Logits, max_clips: 2 };
    let got = evaluate(&identity, videos(), &logits).unwrap();
    assert_eq!(got.scores, [vec![2. / 3., 3., 0.], vec![0., 0., 4.], vec![1.5, 1.5, 0.]]);
    assert_eq!(got.labels, [1, 2, 1]);
    // The third video ties, and the lower class wins.
    assert_eq!((got.video.top1, got.video.top5), (2. / 3., 1.));
    assert_eq!(got.video.mean_class, (0.5 + 1.) / 2.);
    assert_eq!(got.video.interval, metrics::wilson(2, 3));
    assert_eq!(got.video.confusion.row(1), [1, 1, 0]);
    // Clips: wrong, wrong, right; right; tie at 0, tie at 0.
    assert_eq!((got.clips, got.clip_top1, got.clip_top5), (6, 2. / 6., 1.));

    let softmax = EvaluateConfig { average: Average::Softmax, max_clips: 8 };
    let got = evaluate(&identity, videos(), &softmax).unwrap();
    let (e, e9) = (1f64.exp(), 9f64.exp());
    let want = [(2. * e / (e + 2.) + 1. / (e9 + 2.)) / 3., (2. / (e + 2.) + e9 / (e9 + 2.)) / 3.];
    for (got, want) in got.scores[0].iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 1e-7, "{got} is not {want}");
    }
    assert_eq!((got.clips, got.clip_top1), (6, 2. / 6.));
}

#[test]
fn a_video_and_its_reverse_have_the_same_scores() {
    let clips: Vec<[f32; 3]> = (0..11)
        .map(|i| [0.37, 1.1, 2.3].map(|k: f32| (k * i as f32 + k).sin() * 10f32.powi(i % 7)))
        .collect();
    let reverse: Vec<_> = clips.iter().rev().copied().collect();
    for average in [Average::Logits, Average::Softmax] {
        for max_clips in [1, 2, 3, 4, 7, 11, 64] {
            let config = EvaluateConfig { average, max_clips };
            let videos = [video(&clips, 0), video(&reverse, 0)];
            let got = evaluate(&identity, videos, &config).unwrap();
            let bits = |row: &Vec<f32>| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&got.scores[0]), bits(&got.scores[1]), "{config:?}");
            assert_eq!(got.clips, 22);
            // Whatever the batches, each clip counts once.
            let all = EvaluateConfig { average, max_clips: 11 };
            assert_eq!(
                evaluate(&identity, [video(&clips, 0)], &all).unwrap().scores[0],
                got.scores[0]
            );
        }
    }
}

#[test]
fn batches_have_one_size_and_no_more_than_asked() {
    for (clips, max_clips, want) in [(10, 4, vec![4, 4, 4]), (10, 8, vec![5, 5]), (3, 8, vec![3])] {
        let sizes = std::sync::Mutex::new(Vec::new());
        let network = |xs: &Tensor| {
            sizes.lock().unwrap().push(xs.dim(0)?);
            Ok(xs.clone())
        };
        let config = EvaluateConfig { max_clips, ..EvaluateConfig::default() };
        let got = evaluate(&network, [video(&vec![[1., 2.]; clips], 1)], &config).unwrap();
        assert_eq!((got.clips, sizes.into_inner().unwrap()), (clips, want));
    }
}

#[test]
fn what_cannot_be_scored_is_an_error() {
    let config = EvaluateConfig::default();
    let good = || video(&[[1., 2.]], 1);
    let no_clips = Ok((Tensor::zeros((0, 2), candle::DType::F32, &Device::Cpu).unwrap(), 0));
    for (bad, cause) in [
        (video(&[[1., 2.]], 2), "label 2"),
        (video(&[[1., 2., 3.]], 0), "3 classes"),
        (video(&[[0., 1.], [1., f32::NAN]], 0), "clip 1"),
        (no_clips, "no clips"),
    ] {
        match evaluate(&identity, [good(), bad], &config) {
            Err(Error::Video { index: 1, cause: got }) => assert!(got.contains(cause), "{got}"),
            other => panic!("{cause}: {other:?}"),
        }
    }
    assert!(matches!(
        evaluate(&identity, [good()].into_iter().take(0), &config),
        Err(Error::NoVideos)
    ));
    let gone = [Err::<(Tensor, u32), _>("gone")];
    assert!(matches!(evaluate(&identity, gone, &config), Err(Error::Data { index: 0, .. })));
    let none = EvaluateConfig { max_clips: 0, ..config };
    assert!(matches!(evaluate(&identity, [good()], &none), Err(Error::Config(_))));
    let rows = |xs: &Tensor| xs.narrow(0, 0, 1);
    assert!(evaluate(&rows, [video(&[[1., 2.], [3., 4.]], 1)], &config).is_err());
}
