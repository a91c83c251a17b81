//! Small videos become folders, whole or not at all.

use std::fs;
use std::path::PathBuf;

use marey_flow::{FlowImages, Grey, Preset, warped_flow};

use super::*;

/// A pattern that moves by a pixel along x from frame to frame.
fn y4m_of(frames: usize, [width, height]: [usize; 2]) -> Vec<u8> {
    let mut bytes = format!("YUV4MPEG2 W{width} H{height} F25:1 Cmono\n").into_bytes();
    let grey =
        |x: f32, y: f32| 128. + 60. * (0.7 * x + 0.3 * y).sin() + 50. * (0.4 * y - 0.5 * x).cos();
    for t in 0..frames {
        bytes.extend(b"FRAME\n");
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        bytes.extend(pixels.map(|(x, y)| grey((x + 40 - t) as f32, y as f32) as u8));
    }
    bytes
}

fn y4m(frames: usize) -> Vec<u8> {
    y4m_of(frames, [32, 24])
}

struct Setting {
    dir: tempfile::TempDir,
    video: PathBuf,
    folder: PathBuf,
}

fn setting(frames: usize) -> Setting {
    let dir = tempfile::tempdir().unwrap();
    let (video, folder) = (dir.path().join("v.y4m"), dir.path().join("out/class/v"));
    fs::write(&video, y4m(frames)).unwrap();
    Setting { dir, video, folder }
}

impl Setting {
    fn run(&self, config: ExtractConfig, redo: bool) -> Result<Outcome> {
        let go_on = &mut |_| ControlFlow::Continue(());
        Extraction::new(config)?.run(&self.video, &self.folder, redo, go_on)
    }

    fn made(&self, config: ExtractConfig) -> Manifest {
        match self.run(config, false).unwrap() {
            Outcome::Made(manifest) => manifest,
            other => panic!("{other:?}"),
        }
    }

    /// Names beside the folder, hidden ones too.
    fn beside(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.dir.path().join("out/class")) else { return vec![] };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

fn fast() -> ExtractConfig {
    ExtractConfig { tvl1: Preset::Fast.config(), ..Default::default() }
}

#[test]
fn a_video_becomes_as_many_images_of_each_kind_as_it_has_frames() {
    let setting = setting(6);
    let manifest = setting.made(fast());
    let numbers = 1..=6;
    let mut wanted: Vec<String> = ["flow_x", "flow_y", "img"]
        .iter()
        .flat_map(|name| numbers.clone().map(move |n| format!("{name}_{n:05}.jpg")))
        .collect();
    wanted.push("manifest.json".into());
    let entries = fs::read_dir(&setting.folder).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, wanted);
    assert_eq!(setting.beside(), ["v"]);
    assert_eq!((manifest.frames, manifest.width, manifest.height), (6, 32, 24));
    assert_eq!(Manifest::read(&setting.folder).unwrap().unwrap(), manifest);
    assert_eq!(manifest.preset.as_deref(), Some("fast"));
    let source = &manifest.source;
    assert_eq!((source.frames, &*source.kind), (6, "YUV4MPEG2"));
    assert_eq!(source.digest, Digest::of(&setting.video).unwrap());
    assert_eq!(manifest.files, Digest::of(&setting.folder).unwrap());
    let read = |name: &str| fs::read(setting.folder.join(name)).unwrap();
    assert_eq!(read("flow_x_00005.jpg"), read("flow_x_00006.jpg"));
    assert_ne!(read("img_00005.jpg"), read("img_00006.jpg"));
}

#[test]
fn images_are_the_frames_and_the_flow_between_them() {
    let setting = setting(4);
    for (config, near) in [
        (ExtractConfig { quality: 100, ..fast() }, 0.3),
        (ExtractConfig { quality: 100, range: Range::Own, ..fast() }, 0.1),
    ] {
        let manifest = match setting.run(config, true).unwrap() {
            Outcome::Made(manifest) => manifest,
            other => panic!("{other:?}"),
        };
        let mut source = marey_video::open(&setting.video, &Options::default()).unwrap();
        let frames = source.all().unwrap();
        let grey = |frame: &Frame| Grey::from_rgb_bytes(32, 24, &frame.data).unwrap();
        let flows = FlowImages::open(&setting.folder).unwrap();
        assert_eq!(flows.len(), 4);
        for n in 0..4 {
            let image = image::open(setting.folder.join(format!("img_{:05}.jpg", n + 1))).unwrap();
            let off = image.into_rgb8().into_raw().into_iter().zip(&frames[n].data);
            assert!(off.map(|(a, b)| a.abs_diff(*b)).max().unwrap() < 10);
            // Pair by pair; the last one twice.
            let from = n.min(2);
            let want =
                TvL1::preset(Preset::Fast).field(&grey(&frames[from]), &grey(&frames[from + 1]));
            let got = flows.field(n, manifest.rules(n).unwrap()).unwrap();
            let off = got.end_point_error(&want.unwrap()).unwrap().unwrap();
            assert!(off < near, "{config:?}: field {n} is {off} px off");
        }
        assert_eq!(
            manifest.ranges.map(|ranges| ranges.len()),
            (config.range == Range::Own).then_some(4)
        );
    }
}

#[test]
fn many_pieces_make_the_images_of_one_piece() {
    let setting = setting(9);
    let mut digests = Vec::new();
    // Pieces of 3, 7 and 9 frames.
    for threads in [1, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        digests.push(pool.install(|| setting.made(fast())).files);
        fs::remove_dir_all(&setting.folder).unwrap();
    }
    assert!(digests[0] == digests[1] && digests[0] == digests[2], "{digests:?}");
}

#[test]
fn sizes_strides_and_the_cameras_motion_are_as_asked() {
    let setting = setting(7);
    fs::write(&setting.video, y4m_of(7, [96, 72])).unwrap();
    let warped = Some(Warped { seed: 1 });
    let config = ExtractConfig { warped, every: 3, size: Size::Exact(120, 90), ..fast() };
    let manifest = setting.made(config);
    assert_eq!((manifest.frames, manifest.width, manifest.height), (3, 120, 90));
    assert_eq!((manifest.source.width, manifest.source.height), (96, 72));
    let mut source = marey_video::open(&setting.video, &Options::default()).unwrap();
    let greys = source.frames(&[3, 6]).unwrap().into_iter().map(|frame| {
        let frame = config.size.bring(frame).unwrap();
        Grey::from_rgb_bytes(120, 90, &frame.data).unwrap()
    });
    let greys: Vec<Grey> = greys.collect();
    let tvl1 = TvL1::preset(Preset::Fast);
    let want = warped_flow(&greys[0], &greys[1], 1, |from, to| tvl1.field(from, to)).unwrap();
    let flows = FlowImages::open(&setting.folder).unwrap();
    let got = flows.field(1, manifest.rules(1).unwrap()).unwrap();
    let off = |want| got.end_point_error(want).unwrap().unwrap();
    // All that moves is the camera.
    assert!(want.camera.found() && off(&want.flow) > 1., "{:?}", want.camera);
    assert!(off(&want.warped) < 0.3, "{}", off(&want.warped));
}

#[test]
fn what_is_there_is_not_made_again_and_what_differs_is_refused() {
    let setting = setting(3);
    let manifest = setting.made(fast());
    let written = fs::metadata(setting.folder.join("img_00001.jpg")).unwrap().modified().unwrap();
    for redo in [false, true] {
        assert_eq!(setting.run(fast(), redo).unwrap(), Outcome::There(manifest.clone()));
    }
    let again = fs::metadata(setting.folder.join("img_00001.jpg")).unwrap().modified().unwrap();
    assert_eq!(written, again);
    let other = ExtractConfig { quality: 80, ..fast() };
    let error = setting.run(other, false).unwrap_err();
    assert!(matches!(error, Error::Taken { .. }));
    assert!(
        error.to_string().ends_with("out/class/v: made otherwise: quality was 95, now 80"),
        "{error}"
    );
    assert!(matches!(setting.run(other, true).unwrap(), Outcome::Made(_)));
    fs::write(&setting.video, y4m(4)).unwrap();
    let error = setting.run(other, false).unwrap_err().to_string();
    assert!(error.contains("the video was another one"), "{error}");
    assert_eq!(setting.beside(), ["v"]);
}

#[test]
fn a_folder_that_was_not_made_here_is_left_alone() {
    let setting = setting(3);
    fs::create_dir_all(&setting.folder).unwrap();
    fs::write(setting.folder.join("precious"), "x").unwrap();
    for redo in [false, true] {
        let error = setting.run(fast(), redo).unwrap_err().to_string();
        assert!(error.contains("not made here"), "{error}");
    }
    assert!(setting.folder.join("precious").exists());
    fs::remove_file(setting.folder.join("precious")).unwrap();
    setting.made(fast());
    // A manifest that nobody can read is made anew only if that is asked for.
    fs::write(setting.folder.join(manifest::NAME), "{}").unwrap();
    assert!(matches!(setting.run(fast(), false), Err(Error::Taken { .. })));
    assert!(matches!(setting.run(fast(), true), Ok(Outcome::Made(_))));
}

#[test]
fn broken_videos_and_stopped_ones_leave_nothing() {
    let setting = setting(1);
    let error = setting.run(fast(), false).unwrap_err();
    assert!(matches!(error, Error::TooShort { frames: 1, .. }), "{error}");
    let every = ExtractConfig { every: 5, ..fast() };
    fs::write(&setting.video, y4m(5)).unwrap();
    assert!(matches!(setting.run(every, false), Err(Error::TooShort { frames: 1, .. })));
    // The second image is broken, which shows only when it is decoded.
    let images = setting.dir.path().join("images");
    fs::create_dir(&images).unwrap();
    image::RgbImage::new(32, 24).save(images.join("1.png")).unwrap();
    fs::write(images.join("2.png"), b"\x89PNG\r\n\x1a\nbroken").unwrap();
    let go_on = &mut |_| ControlFlow::Continue(());
    let error = Extraction::new(fast()).unwrap().run(&images, &setting.folder, false, go_on);
    assert!(error.unwrap_err().to_string().contains("2.png"));
    fs::remove_file(&setting.video).unwrap();
    assert!(matches!(setting.run(fast(), false), Err(Error::Video(error)) if error.is_not_found()));
    fs::write(&setting.video, y4m(20)).unwrap();
    let mut seen = Vec::new();
    let stop = &mut |progress: Progress| {
        seen.push(progress);
        if progress.done > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let extraction = Extraction::new(fast()).unwrap();
    let outcome = pool.install(|| extraction.run(&setting.video, &setting.folder, false, stop));
    assert_eq!(outcome.unwrap(), Outcome::Stopped);
    assert_eq!(seen[0], Progress { done: 0, pairs: 19 });
    assert_eq!(seen.last(), Some(&Progress { done: 4, pairs: 19 }));
    assert_eq!(setting.beside(), [""; 0]);
}
