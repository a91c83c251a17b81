//! Prepared videos, as folders and as shards, give the frames of their JPEGs, and are not made twice.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use candle::Tensor;
use marey_data::extract::{Digest, Outcome, Size};
use marey_data::shards::{Item, Shard, Shards, shard_name, write_shard};
use marey_data::{Dataset, Error, PrepareConfig, Result, Subset, prepare};
use marey_video::Options;

/// A grey video of 16 x 12 pixels, smooth along x and y.
fn y4m(video: usize, frames: usize) -> Vec<u8> {
    let mut bytes = b"YUV4MPEG2 W16 H12 F25:1 Cmono\n".to_vec();
    for t in 0..frames {
        bytes.extend(b"FRAME\n");
        bytes.extend(
            (0..16 * 12).map(|i| (40 + 5 * (i % 16) + 3 * (i / 16) + 20 * video + t) as u8),
        );
    }
    bytes
}

fn values(clip: &Tensor) -> Vec<f32> {
    clip.flatten_all().unwrap().to_vec1().unwrap()
}

/// Three videos, the second of which is none; `CLASS/VIDEO` in the order of the list.
fn items(root: &Path) -> Vec<Item> {
    let item = |(number, class): (usize, &str)| {
        let (key, video) = (format!("{class}/{number}"), root.join(format!("{number}.y4m")));
        let bytes = if number == 1 { b"text".to_vec() } else { y4m(number, 3 + number) };
        fs::write(&video, bytes).unwrap();
        Item { video, key, label: u32::from(class == "run"), class: class.into() }
    };
    [(0, "run"), (1, "jump"), (2, "jump")].map(item).into()
}

fn shard(
    root: &Path,
    items: &[Item],
    config: &PrepareConfig,
    redo: bool,
) -> Result<Outcome<Shard>> {
    let path = root.join("out").join(shard_name(Subset::Train, 0));
    let go_on = |_| ControlFlow::Continue(());
    write_shard(&path, items, 1, config, &Options::default(), (2, redo), go_on)
}

#[test]
fn shards_and_folders_have_the_same_frames_which_are_those_of_their_jpegs() {
    let dir = tempfile::tempdir().unwrap();
    let (root, options) = (dir.path(), Options::default());
    let items = items(root);
    fs::create_dir(root.join("out")).unwrap();
    fs::write(root.join("out/classes.txt"), "jump\nrun\n").unwrap();
    let config = PrepareConfig { size: Size::Exact(20, 16), quality: 90 };
    let Outcome::Made(made) = shard(root, &items, &config, false).unwrap() else { panic!() };
    assert!(made.broken.len() == 1 && made.broken[0].cause.contains("not a video"), "{made:?}");
    let shards = Shards::open(&root.join("out"), Subset::Train, options.clone()).unwrap();
    assert_eq!((shards.len(), shards.classes()), (2, &["jump".to_string(), "run".into()][..]));
    assert_eq!((shards.label(0), shards.label(1)), (1, 0));
    for (index, item) in [&items[0], &items[2]].into_iter().enumerate() {
        let folder = root.join("folders").join(&item.key);
        let made = prepare(&item.video, &folder, &config, &options, false).unwrap();
        let Outcome::Made(frames) = made else { panic!("{made:?}") };
        assert_eq!((frames.frames, frames.width, frames.height), (3 + 2 * index, 20, 16));
        assert_eq!(frames.files, Digest::of(&folder).unwrap());
        assert_eq!(
            frames.source,
            Shard::read(&root.join("out/train-00000.json")).unwrap().unwrap().videos[index].source
        );
        let mut video = marey_video::open(&folder, &options).unwrap();
        assert_eq!(
            (shards.name(index), shards.num_frames(index).unwrap()),
            (item.key.clone(), frames.frames)
        );
        for t in [frames.frames - 1, 0] {
            let wanted = video.frames(&[t]).unwrap();
            let clip = shards.frames(index, &[t]).unwrap();
            assert_eq!(clip.to_rgb8().unwrap(), [wanted[0].data.clone()]);
            // And near the video itself, resized by the definition.
            let original = marey_video::open(&item.video, &options).unwrap().frames(&[t]).unwrap();
            let clip =
                marey_clip::Clip::from_rgb8(&[&original[0].data], 16, 12, &candle::Device::Cpu);
            let sized = marey_clip::resize(&clip.unwrap(), 16, 20).unwrap();
            let off = values(sized.tensor())
                .iter()
                .zip(values(shards.frames(index, &[t]).unwrap().tensor()))
                .map(|(a, b)| (a - b).abs())
                .fold(0., f32::max);
            assert!(off < 4. / 255., "{off}");
        }
    }
    assert!(shards.frames(0, &[3]).is_err());
    // It is a tar file that others can read: member by member.
    let mut tar = tar::Archive::new(fs::File::open(root.join("out/train-00000.tar")).unwrap());
    let names: Vec<String> = tar
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect();
    assert_eq!(
        names[..5],
        [
            "run/0/img_00001.jpg",
            "run/0/img_00002.jpg",
            "run/0/img_00003.jpg",
            "run/0.cls",
            "run/0.json"
        ]
    );
    assert_eq!(names.len(), 3 + 5 + 2 * 2);
}

#[test]
fn names_that_a_plain_header_cannot_hold_have_their_places_too() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut items = items(root);
    items.truncate(1);
    items[0].key = format!("run/{}", "long".repeat(40));
    fs::create_dir(root.join("out")).unwrap();
    fs::write(root.join("out/classes.txt"), "jump\nrun\n").unwrap();
    shard(root, &items, &PrepareConfig::default(), false).unwrap();
    let shards = Shards::open(&root.join("out"), Subset::Train, Options::default()).unwrap();
    assert_eq!(shards.frames(0, &[0, 1, 2]).unwrap().dims(), (3, 3, 12, 16));
}

#[test]
fn what_is_there_is_not_made_again_and_what_differs_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let items = items(root);
    fs::create_dir(root.join("out")).unwrap();
    let config = PrepareConfig::default();
    let Outcome::Made(made) = shard(root, &items, &config, false).unwrap() else { panic!() };
    assert_eq!(shard(root, &items, &config, false).unwrap(), Outcome::There(made.clone()));
    let other = PrepareConfig { quality: 60, ..config };
    let refused = shard(root, &items, &other, false);
    assert!(matches!(refused, Err(Error::Taken { .. })), "{refused:?}");
    assert!(shard(root, &items[1..], &config, false).is_err());
    assert!(matches!(shard(root, &items, &other, true).unwrap(), Outcome::Made(_)));
    // The same again is the same bytes.
    let Outcome::Made(again) = shard(root, &items, &config, true).unwrap() else { panic!() };
    assert_eq!(again, made);
    // A tar file that was cut off is neither taken for whole nor read.
    let tar = root.join("out/train-00000.tar");
    fs::write(root.join("out/classes.txt"), "jump\nrun\n").unwrap();
    fs::File::options().write(true).open(&tar).unwrap().set_len(1000).unwrap();
    assert!(shard(root, &items, &config, false).is_err());
    let error = Shards::open(&root.join("out"), Subset::Train, Options::default()).err().unwrap();
    assert!(
        error.to_string().contains("train-00000.tar: 1000 bytes, and its index says"),
        "{error}"
    );
    for config in [
        PrepareConfig { quality: 0, ..config },
        PrepareConfig { size: Size::ShortSide(0), ..config },
    ] {
        assert!(shard(root, &items, &config, true).is_err());
    }
    let folder = root.join("folder");
    let run = |config, redo| prepare(&items[0].video, &folder, config, &Options::default(), redo);
    assert!(matches!(run(&config, false).unwrap(), Outcome::Made(_)));
    assert!(matches!(run(&config, false).unwrap(), Outcome::There(_)));
    let error = run(&other, false).unwrap_err().to_string();
    assert!(error.ends_with("made otherwise: quality was 95, now 60"), "{error}");
    assert!(matches!(run(&other, true).unwrap(), Outcome::Made(_)));
}

#[test]
fn a_shard_that_is_broken_off_or_cannot_be_decoded_here_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut items = items(root);
    let path = root.join("out").join(shard_name(Subset::Train, 0));
    fs::create_dir(root.join("out")).unwrap();
    let stop = |done| if done < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let (config, options) = (PrepareConfig::default(), Options::default());
    let stopped = write_shard(&path, &items, 1, &config, &options, (2, false), stop);
    assert_eq!(stopped.unwrap(), Outcome::Stopped);
    // An MP4, for which there is no program.
    fs::write(&items[2].video, b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x08moov").unwrap();
    let options = Options { ffmpeg: Some(root.join("none")), ..options };
    let go_on = |_| ControlFlow::Continue(());
    let error = write_shard(&path, &items, 1, &config, &options, (2, false), go_on).unwrap_err();
    assert!(matches!(&error, Error::Video(error) if !error.is_damage()), "{error}");
    items[2].video = root.join("nowhere");
    assert!(write_shard(&path, &items, 1, &config, &options, (2, false), go_on).is_err());
    assert_eq!(fs::read_dir(root.join("out")).unwrap().count(), 0);
}

#[test]
fn shards_that_are_missing_or_of_other_classes_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let items = items(root);
    let out = root.join("out");
    fs::create_dir(&out).unwrap();
    let refused =
        || Shards::open(&out, Subset::Train, Options::default()).err().unwrap().to_string();
    assert!(refused().contains("classes.txt"));
    fs::write(out.join("classes.txt"), "jump\nrun\n").unwrap();
    assert!(refused().contains("train-00000.json"));
    let write = |number: usize, of: usize| {
        let go_on = |_| ControlFlow::Continue(());
        let path = out.join(shard_name(Subset::Train, number));
        let config = PrepareConfig::default();
        write_shard(&path, &items, of, &config, &Options::default(), (1, false), go_on).unwrap();
    };
    write(0, 3);
    write(2, 3);
    assert!(refused().contains("train-00001.json"));
    write(1, 3);
    fs::remove_file(out.join("train-00002.json")).unwrap();
    assert!(refused().contains("train-00002.json"));
    write(2, 3);
    assert_eq!(Shards::open(&out, Subset::Train, Options::default()).unwrap().len(), 6);
    fs::write(out.join("classes.txt"), "jump\n").unwrap();
    assert!(refused().contains("run/0 has no label below 1"));
}
