//! The check of a dataset finds what was put into it, and nothing else; two streams of it go together.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use marey_clip::{ClipSampler, Window};
use marey_data::{Listed, Loader, LoaderConfig, Subset, check, open};
use marey_video::Options;

/// A grey video of 4 x 2 pixels, each frame of the brightness `first`, `first + 1` and so on.
fn y4m(first: u8, frames: u8) -> Vec<u8> {
    let mut bytes = b"YUV4MPEG2 W4 H2 F25:1 Cmono\n".to_vec();
    for t in 0..frames {
        bytes.extend(b"FRAME\n");
        bytes.extend([first + t; 8]);
    }
    bytes
}

fn write(root: &Path, name: &str, bytes: &[u8]) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn both(name: &str, root: &Path) -> [(Subset, Listed); 2] {
    [Subset::Train, Subset::Test]
        .map(|subset| (subset, open(name, root, subset, 1, Options::default()).unwrap()))
}

#[test]
fn what_is_wrong_is_found_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "classes.txt", b"jump\nrun\nsit\n");
    write(root, "train.txt", b"a 0\nb 0\nc 1\nshort 7 1\ncut 0\n");
    write(root, "test.txt", b"d 1\ne 0\n");
    for (name, first, frames) in [("a", 1, 3), ("b", 2, 9), ("c", 3, 4), ("d", 4, 5)] {
        write(root, name, &y4m(first, frames));
    }
    write(root, "short", &y4m(5, 6));
    write(root, "cut", &y4m(6, 3)[..50]);
    write(root, "e", &y4m(2, 9));
    let mut told = Vec::new();
    let report = check(&both("list", root), 2, |done, all| told.push((done, all))).unwrap();
    assert_eq!(told, (1..=7).map(|done| (done, 7)).collect::<Vec<_>>());

    let [train, test] = &report.parts[..] else { panic!("{report:?}") };
    assert_eq!((train.videos, train.absent, &train.per_class[..]), (5, 0, &[3, 2, 0][..]));
    assert_eq!(
        (test.videos, &test.per_class[..], &test.frames[..]),
        (2, &[1, 1, 0][..], &[5, 9][..])
    );
    assert_eq!(train.frames, [3, 4, 9]);
    assert_eq!(train.sizes, [((4, 2), 3)].into());
    assert_eq!(test.bytes, 2 * 28 + 14 * 14, "28 bytes of head, 6 + 8 of each frame");

    let causes: Vec<_> = report.unreadable.iter().map(|u| (&u.path, &*u.cause)).collect();
    assert_eq!(causes[0], (&root.join("short"), "6 frames, and the list says 7"));
    assert_eq!(causes[1].0, &root.join("cut"));
    assert!(causes.len() == 2 && causes[1].1.contains("truncated"), "{causes:?}");

    let [copies] = &report.copies[..] else { panic!("{report:?}") };
    assert_eq!(copies.files, [(Subset::Train, root.join("b")), (Subset::Test, root.join("e"))]);
    assert!(copies.are_shared());

    write(root, "e", &y4m(9, 9));
    write(root, "c", &y4m(1, 3));
    let report = check(&both("list", root), 1, |_, _| {}).unwrap();
    let [copies] = &report.copies[..] else { panic!("{report:?}") };
    assert!(!copies.are_shared(), "both are in train");
}

#[test]
fn folders_of_frames_and_both_streams_are_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut image = Vec::new();
    image::GrayImage::new(3, 2)
        .write_to(&mut std::io::Cursor::new(&mut image), image::ImageFormat::Png)
        .unwrap();
    for (part, name) in [("training", "1110"), ("testing", "2110")] {
        for (stream, folder) in [("rgb", "RGBImages"), ("depth", "DepthImages")] {
            let list = format!("x/{folder}/{name} 2 0\n");
            write(root, &format!("{part}_{stream}_list1.txt"), list.as_bytes());
            write(root, &format!("{folder}/{name}/1.png"), &image);
            write(root, &format!("{folder}/{name}/2.png"), &image);
        }
    }
    fs::remove_file(root.join("DepthImages/2110/2.png")).unwrap();
    let report = check(&both("skig", root), 2, |_, _| {}).unwrap();
    assert_eq!(report.parts[0].sizes, [((3, 2), 2)].into());
    assert_eq!(report.parts[0].frames, [2], "a video counts once");
    let [short] = &report.unreadable[..] else { panic!("{report:?}") };
    assert_eq!(short.path, root.join("DepthImages/2110"));
    assert_eq!(short.cause, "1 frames, and the list says 2");
    assert!(report.copies[0].files.len() == 3 && report.copies[0].are_shared());
}

#[test]
fn loaders_of_two_streams_with_one_seed_give_the_same_frames_of_the_same_videos() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let mut list = String::new();
    for number in 1..=8 {
        list += &format!("M_{number} K_{number} {number}\n");
        write(root, &format!("M_{number}"), &y4m(number * 20, 12));
        write(root, &format!("K_{number}"), &y4m(number * 20 + 5, 12));
    }
    write(root, "train_list.txt", list.as_bytes());
    let rgb = open("isogd", root, Subset::Train, 1, Options::default()).unwrap();
    let depth = rgb.stream("depth").unwrap();
    let sampler = ClipSampler::Random(Window { length: 2, stride: 1 });
    let config = LoaderConfig { batch: 4, sampler, threads: 2, ..Default::default() };
    let [rgb, depth] = [rgb, depth].map(|set| {
        let loader = Loader::new(Arc::new(set), config, |clip, _| Ok(clip)).unwrap();
        loader.batches_from(0).unwrap()
    });
    for (rgb, depth) in rgb.zip(depth).take(3) {
        let (rgb, depth) = (rgb.unwrap(), depth.unwrap());
        assert_eq!(rgb.indices, depth.indices);
        // Each depth frame is five grey levels of 255 above the colour frame of the same number.
        let apart = ((depth.clips - rgb.clips).unwrap() * 255.).unwrap();
        let apart = apart.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(apart.iter().all(|apart| (apart - 5.).abs() < 1.5), "{apart:?}");
    }
}
