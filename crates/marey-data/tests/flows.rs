//! Clips of flow that was extracted before are those of flow found on the fly, up to the bytes and JPEGs between them.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use candle::Tensor;
use marey_clip::{Augment, ClipSampler, Crop, Normalize, Size, View, Window};
use marey_data::extract::{self, ExtractConfig, Extraction};
use marey_data::{
    Dataset, Error, FlowRange, Listed, Loader, LoaderConfig, Modality, Selection, Subset, open,
};
use marey_flow::{Preset, TvL1};
use marey_video::Options;

/// A grey pattern of 32 x 24 pixels that moves by so many pixels along x from frame to frame.
fn y4m(frames: usize, step: f32) -> Vec<u8> {
    let mut bytes = b"YUV4MPEG2 W32 H24 F25:1 Cmono\n".to_vec();
    let grey =
        |x: f32, y: f32| 128. + 60. * (0.5 * x + 0.3 * y).sin() + 50. * (0.4 * y - 0.3 * x).cos();
    for t in 0..frames {
        bytes.extend(b"FRAME\n");
        let pixels = (0..24).flat_map(|y| (0..32).map(move |x| (x, y)));
        bytes.extend(pixels.map(|(x, y)| grey(x as f32 - step * t as f32, y as f32) as u8));
    }
    bytes
}

const VIDEOS: [(&str, usize, f32); 2] = [("left/a.y4m", 7, -1.), ("right/b.1.y4m", 9, 1.)];

fn videos(root: &Path) {
    for (name, frames, step) in VIDEOS {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), y4m(frames, step)).unwrap();
    }
}

/// Extracts the videos below `root` to the folders `names` below `to`.
fn extracted(root: &Path, to: &Path, names: [&str; 2], config: ExtractConfig) {
    let extraction = Extraction::new(config).unwrap();
    for ((video, ..), name) in VIDEOS.into_iter().zip(names) {
        let go_on = &mut |_| ControlFlow::Continue(());
        extraction.run(&root.join(video), &to.join(name), false, go_on).unwrap();
    }
}

fn config() -> ExtractConfig {
    ExtractConfig { tvl1: Preset::Fast.config(), quality: 100, ..Default::default() }
}

fn listed(root: &Path) -> Listed {
    open("classes", root, Subset::Train, 0, Options::default()).unwrap()
}

const NAMES: [&str; 2] = ["left/a", "right/b.1"];
const FLOW: Modality = Modality::Flow(FlowRange::PIXELS);

fn augment() -> Augment {
    let size = Size::ShortSide(24);
    Augment { size, side: 20, crop: Crop::Random, flip: 0.5, ..Augment::none(Normalize::SIGNED) }
}

/// The clips of four epochs, `[8, C, 4, 20, 20]`.
fn clips(dataset: Arc<dyn Dataset>, modality: Modality) -> Tensor {
    let sampler = ClipSampler::Random(Window { length: 4, stride: 2 });
    let config = LoaderConfig { batch: 2, sampler, seed: 3, threads: 2, ..Default::default() };
    let (augment, flow) = (augment(), TvL1::preset(Preset::Fast));
    let loader = Loader::new(dataset, config, move |clip, rng| {
        modality.clip(&clip, &augment.draw(rng), &flow)
    });
    let batches = loader.unwrap().with_modality(modality).batches_from(0).unwrap();
    let clips: Vec<Tensor> = batches.take(4).map(|batch| batch.unwrap().clips).collect();
    Tensor::cat(&clips, 0).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The mean and the largest distance.
fn apart(a: &Tensor, b: &Tensor) -> (f32, f32) {
    assert_eq!(a.dims(), b.dims());
    let off: Vec<f32> = values(a).iter().zip(values(b)).map(|(a, b)| (a - b).abs()).collect();
    (off.iter().sum::<f32>() / off.len() as f32, off.iter().copied().fold(0., f32::max))
}

#[test]
fn clips_of_images_are_those_of_flow_found_on_the_fly() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("videos"), dir.path().join("flow"));
    videos(&root);
    extracted(&root, &out, NAMES, config());
    let with = || Arc::new(listed(&root).with_flow(&out).unwrap());
    // A byte is 20 / 127.5 = 0.157 pixels; rounding to it errs by half of that, and a JPEG of quality 100 by some bytes.
    let (mean, most) = apart(&clips(with(), FLOW), &clips(Arc::new(listed(&root)), FLOW));
    assert!(mean < 0.157 && most < 1., "{mean} on average, {most} at most");
    // Some are mirrored, so both signs are met in both videos; without images it is another dataset.
    assert!(mean > 0.);
    let both = Modality::RgbFlow(FlowRange::PIXELS);
    let (found, fly) = (clips(with(), both), clips(Arc::new(listed(&root)), both));
    assert_eq!(found.dims(), [8, 5, 4, 20, 20]);
    let part = |clips: &Tensor, first, count| clips.narrow(1, first, count).unwrap();
    assert_eq!(apart(&part(&found, 0, 3), &part(&fly, 0, 3)).1, 0.);
    let (mean, most) = apart(&part(&found, 3, 2), &part(&fly, 3, 2));
    assert!(mean < 0.157 && most < 1., "{mean} on average, {most} at most");
    // What reads no flow does not see it, and a part of the videos has that of its own.
    assert_eq!(apart(&clips(with(), Modality::Rgb), &part(&fly, 0, 3)).1, 0.);
    let second = Selection::new(with(), vec![1]).unwrap();
    let [own, all] =
        [second.flow(0, &[2, 8]), with().flow(1, &[2, 8])].map(|f| f.unwrap().unwrap());
    assert_eq!(apart(own.tensor(), all.tensor()).1, 0.);
}

#[test]
fn images_of_another_size_come_to_the_views_size_with_their_flow_scaled() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("videos"), dir.path().join("flow"));
    videos(&root);
    // Twice as wide and as high: a pixel becomes two.
    let size = extract::Size::Exact(64, 48);
    extracted(&root, &out, NAMES, ExtractConfig { size, ..config() });
    let set = listed(&root).with_flow(&out).unwrap();
    let tvl1 = TvL1::preset(Preset::Fast);
    for modality in [FLOW, Modality::RgbFlow(FlowRange::PIXELS)] {
        let x = if modality == FLOW { 0 } else { 3 };
        for (index, want) in [(0, -1.), (1, 1.)] {
            let flow = set.flow(index, &[1, 2]).unwrap().unwrap();
            assert_eq!(flow.dims(), (2, 2, 48, 64));
            let clip = match x {
                0 => flow,
                _ => {
                    let frames = set.frames(index, &[1, 2]).unwrap();
                    let flow = marey_clip::resize(&flow, 24, 32).unwrap();
                    let both = Tensor::cat(&[frames.tensor(), flow.tensor()], 0).unwrap();
                    marey_clip::Clip::new(both).unwrap()
                }
            };
            let view = |mirrored| View { mirrored, ..augment_view() };
            let mean = |mirrored| {
                let seen = modality.clip(&clip, &view(mirrored), &tvl1).unwrap();
                let x = seen.tensor().narrow(0, x, 1).unwrap();
                x.mean_all().unwrap().to_scalar::<f32>().unwrap()
            };
            assert!((mean(false) - want).abs() < 0.2, "{}", mean(false));
            // The mirrored crop in the middle is of the same pixels, and goes the other way.
            assert!((mean(true) + mean(false)).abs() < 1e-5);
        }
    }
    let found = set.flow(0, &[0]).unwrap().unwrap();
    assert!(Modality::Rgb.clip(&found, &augment_view(), &tvl1).is_err());
}

fn augment_view() -> View {
    let middle = Augment { crop: Crop::Center, flip: 0., ..augment() };
    middle.draw(&mut marey_layers::rng::stream(0, "", 0))
}

#[test]
fn folders_are_named_with_or_without_those_above_and_what_is_amiss_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let (root, out) = (dir.path().join("videos"), dir.path().join("flow"));
    videos(&root);
    let refused = |out: &Path| listed(&root).with_flow(out).map(|_| ()).unwrap_err();
    let error = refused(&out);
    let wanted = |path: &str| out.join(path).display().to_string();
    assert!(matches!(&error, Error::NotFound { .. }), "{error}");
    assert!(error.to_string().contains("the flow images of 2 of 2 videos"), "{error}");
    assert!(error.to_string().ends_with(&wanted("a/manifest.json")), "{error}");
    for names in [["a", "b.1"], ["videos/left/a", "videos/right/b.1"]] {
        extracted(&root, &out, names, config());
        let set = listed(&root).with_flow(&out).unwrap();
        assert_eq!(set.flows().unwrap().settings(), &config());
        assert_eq!(set.flow(1, &[8, 0]).unwrap().unwrap().dims(), (2, 2, 24, 32));
        assert!(set.flow(1, &[9]).is_err());
    }
    // Of one of two.
    fs::remove_dir_all(out.join("a")).unwrap();
    fs::remove_dir_all(out.join("videos/left/a")).unwrap();
    let error = refused(&out).to_string();
    assert!(error.contains("of 1 of 2") && error.ends_with(&wanted("videos/left/a/manifest.json")));
    // By other settings, of some frames, of another video.
    let other = dir.path().join("other");
    let extract = |video: &str, name: &str, config| {
        let go_on = &mut |_| ControlFlow::Continue(());
        let extraction = Extraction::new(config).unwrap();
        extraction.run(&root.join(video), &other.join(name), true, go_on).unwrap();
    };
    extract(VIDEOS[0].0, "a", config());
    extract(VIDEOS[1].0, "b.1", ExtractConfig { quality: 90, ..config() });
    let error = refused(&other).to_string();
    assert!(error.contains("b.1: made by other settings than "), "{error}");
    extract(VIDEOS[0].0, "a", ExtractConfig { every: 2, ..config() });
    assert!(refused(&other).to_string().contains("of one frame in 2; all are wanted"));
    extract(VIDEOS[0].0, "a", config());
    extract(VIDEOS[0].0, "b.1", config());
    let set = listed(&root).with_flow(&other).unwrap();
    let error = set.flow(1, &[0]).unwrap_err().to_string();
    assert!(error.ends_with("7 flow images, of 7 frames, and the video has 9"), "{error}");
    fs::copy(root.join(VIDEOS[0].0), root.join("right/a.y4m")).unwrap();
    let error = refused(&other).to_string();
    assert!(error.contains("the flow images of both "), "{error}");
}
