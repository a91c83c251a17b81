//! UCF101: the real lists, the layouts, and what is missing.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use std::fs;
use std::path::Path;

use common::data;
use marey_data::layouts::find;
use marey_data::{Dataset, Error, Listed, Subset};
use marey_video::Options;

fn open(root: &Path) -> Result<Listed, Error> {
    marey_data::open("ucf101", root, Subset::Train, 1, Options::default())
}

#[test]
fn the_real_lists_have_the_published_counts() {
    let Some(data) = data() else { return };
    let lists = data.join("splits/ucf101");
    for (number, train, test) in [(1, 9537, 3783), (2, 9586, 3734), (3, 9624, 3696)] {
        let read = |subset| find("ucf101").unwrap().list(&lists, subset, number).unwrap();
        let (train_split, test_split) = (read(Subset::Train), read(Subset::Test));
        assert_eq!((train_split.entries.len(), test_split.entries.len()), (train, test));
        assert_eq!(train_split.classes.len(), 101);
        let trained: std::collections::HashSet<_> =
            train_split.entries.iter().map(|e| &e.paths).collect();
        assert!(test_split.entries.iter().all(|e| !trained.contains(&e.paths)));
        assert!((0..101).all(|k| test_split.entries.iter().any(|e| e.labels == [k])));
    }
}

/// A root with two lists, in `lists`, and one of the real videos, in `videos`.
fn root(data: &Path, lists: &str, videos: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let (lists, videos) = (dir.path().join(lists), dir.path().join(videos));
    fs::create_dir_all(&lists).unwrap();
    fs::create_dir_all(videos.join("BaseballPitch")).unwrap();
    let name = "v_BaseballPitch_g01_c01.avi";
    fs::write(lists.join("classInd.txt"), "1 Archery\r\n2 BaseballPitch\r\n").unwrap();
    fs::write(lists.join("trainlist01.txt"), format!("BaseballPitch/{name} 2\r\n")).unwrap();
    fs::copy(data.join("videos/ucf101").join(name), videos.join("BaseballPitch").join(name))
        .unwrap();
    dir
}

#[test]
fn both_layouts_give_the_video() {
    let Some(data) = data() else { return };
    for (lists, videos) in [("ucfTrainTestlist", "UCF-101"), ("", "")] {
        let root = root(&data, lists, videos);
        let ucf = open(root.path()).unwrap();
        assert_eq!((ucf.len(), ucf.label(0), &*ucf.classes()[1]), (1, 1, "BaseballPitch"));
        let frames = match ucf.num_frames(0) {
            Err(Error::Video(marey_video::Error::UnsupportedCodec { hint, .. })) => {
                println!("skipped: {hint}");
                return;
            }
            frames => frames.unwrap(),
        };
        assert!(frames > 30, "{frames}");
        let clip = ucf.frames(0, &[0, frames - 1, 0]).unwrap();
        assert_eq!(clip.tensor().dims(), [3, 3, 240, 320]);
        let at = |t| {
            clip.tensor().narrow(1, t, 1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        assert!(at(0) == at(2) && at(0) != at(1));
        assert!(ucf.frames(0, &[frames]).is_err());
    }
}

#[test]
fn an_unreadable_video_is_an_error() {
    let Some(data) = data() else { return };
    let root = root(&data, "", "");
    let video = root.path().join("BaseballPitch/v_BaseballPitch_g01_c01.avi");
    fs::write(&video, "no video").unwrap();
    let ucf = open(root.path()).unwrap();
    assert!(matches!(ucf.num_frames(0), Err(Error::Video(_))));
    assert!(matches!(ucf.frames(0, &[0]), Err(Error::Video(_))));
}

#[test]
fn what_is_missing_is_named_with_every_place_it_may_be() {
    let dir = tempfile::tempdir().unwrap();
    let message = |root: &Path| match open(root).err() {
        Some(error @ Error::NotFound { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let gone = dir.path().join("gone");
    assert!(message(&gone).contains(gone.to_str().unwrap()));
    let text = message(dir.path());
    for place in ["ucfTrainTestlist/classInd.txt", "ucfTrainTestlist/trainlist01.txt"] {
        assert!(text.contains(dir.path().join(place).to_str().unwrap()), "{text}");
    }
    let lists = dir.path().join("ucfTrainTestlist");
    fs::create_dir(&lists).unwrap();
    fs::write(lists.join("classInd.txt"), "1 Archery\n").unwrap();
    fs::write(lists.join("trainlist01.txt"), "Archery/a.avi 1\nArchery/b.avi 1\n").unwrap();
    let text = message(dir.path());
    assert!(text.contains(dir.path().join("UCF-101/Archery").to_str().unwrap()), "{text}");
    fs::create_dir_all(dir.path().join("UCF-101/Archery")).unwrap();
    fs::write(dir.path().join("UCF-101/Archery/a.avi"), "").unwrap();
    let text = message(dir.path());
    assert!(text.contains("1 of the 2 videos") && text.contains("Archery/b.avi"), "{text}");
    let fourth = find("ucf101").unwrap().list(dir.path(), Subset::Train, 4).unwrap_err();
    assert_eq!(fourth.to_string(), "UCF101 has splits 1 to 3, not 4");
}
