//! The index: videos are looked through once, whatever happens to its file, and broken ones stay known.
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use marey_data::{Dataset, Error, Indexed, Listed, Subset, open};
use marey_video::Options;

/// A grey video of 8 x 6 pixels.
fn y4m(frames: usize) -> Vec<u8> {
    let mut bytes = b"YUV4MPEG2 W8 H6 F25:1 Cmono\n".to_vec();
    (0..frames).for_each(|t| bytes.extend([&b"FRAME\n"[..], &[t as u8; 48]].concat()));
    bytes
}

/// Three videos to learn from, of 3, 4 and 5 frames, the second of which is none.
fn videos() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for folder in ["train/a", "test/a"] {
        fs::create_dir_all(dir.path().join(folder)).unwrap();
    }
    for (name, bytes) in [("0.y4m", y4m(3)), ("1.y4m", b"text".to_vec()), ("2.y4m", y4m(5))] {
        fs::write(dir.path().join("train/a").join(name), bytes).unwrap();
    }
    fs::write(dir.path().join("test/a/3.y4m"), y4m(2)).unwrap();
    dir
}

fn indexed(root: &Path, subset: Subset, options: &Options) -> (Listed, Indexed) {
    let set = open("folders", root, subset, 1, options.clone()).unwrap();
    set.with_index(&root.join("cache/index.json"), 2, |_, _| {}).unwrap()
}

#[test]
fn a_video_is_looked_through_once_and_a_broken_one_stays_known() {
    let dir = videos();
    let root = dir.path();
    let train = || indexed(root, Subset::Train, &Options::default());
    let (set, report) = train();
    assert_eq!((report.known, report.made, report.failed.len()), (0, 3, 0));
    assert_eq!(report.notes, [""; 0]);
    let path = root.join("train/a/1.y4m");
    assert!(report.broken[0].0 == path && report.broken[0].1.contains("not a video"), "{report:?}");
    for set in [set, train().0] {
        assert_eq!((set.num_frames(0).unwrap(), set.num_frames(2).unwrap()), (3, 5));
        assert_eq!(set.frames(2, &[4]).unwrap().dims(), (3, 1, 6, 8));
        for error in [set.num_frames(1).unwrap_err(), set.frames(1, &[0]).unwrap_err()] {
            assert!(matches!(error, Error::Unreadable { .. }) && error.is_damage(), "{error}");
            assert!(error.to_string().starts_with(path.to_str().unwrap()), "{error}");
        }
    }
    let (_, report) = train();
    assert_eq!((report.known, report.made, report.broken.len()), (3, 0, 1));
    // The other subset shares the file, which loses nothing by it.
    assert_eq!(indexed(root, Subset::Test, &Options::default()).1.made, 1);
    assert_eq!(train().1.known, 3);
}

#[test]
fn a_video_that_changed_or_is_decoded_otherwise_is_looked_through_again() {
    let dir = videos();
    let root = dir.path();
    let train = |options: &Options| indexed(root, Subset::Train, options).1;
    let usual = Options::default();
    train(&usual);
    fs::write(root.join("train/a/1.y4m"), y4m(4)).unwrap();
    let report = train(&usual);
    assert_eq!((report.known, report.made, report.broken.len()), (2, 1, 0));
    // Of the same size: the time of change tells.
    let file = fs::File::options().write(true).open(root.join("train/a/2.y4m")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(train(&usual).made, 1);
    let lenient = Options { lenient: true, ..Options::default() };
    assert_eq!(train(&lenient).made, 3);
    // How many threads decode changes nothing.
    assert_eq!(train(&Options { threads: 3, ..lenient }).made, 0);
}

#[test]
fn a_damaged_index_is_made_anew_with_a_note_and_one_that_cannot_be_written_is_a_note() {
    let dir = videos();
    let root = dir.path();
    let train = || indexed(root, Subset::Train, &Options::default());
    train();
    let file = root.join("cache/index.json");
    let whole = fs::read_to_string(&file).unwrap();
    for (text, why) in [
        (whole[..whole.len() / 2].to_string(), "not an index"),
        (String::new(), "not an index"),
        ("[1, 2]".into(), "not an index"),
        (whole.replace("\"format\":1", "\"format\":7"), "format 7 of marey"),
    ] {
        fs::write(&file, text).unwrap();
        let (set, report) = train();
        assert_eq!((report.known, report.made), (0, 3), "{why}");
        assert!(report.notes.len() == 1 && report.notes[0].contains(why), "{report:?}");
        assert_eq!(set.num_frames(2).unwrap(), 5);
        assert_eq!(fs::read_to_string(&file).unwrap(), whole);
    }
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let (set, report) = train();
    assert!(report.notes[0].starts_with("not kept: ") && report.made == 3, "{report:?}");
    assert_eq!(set.num_frames(0).unwrap(), 3);
}

#[test]
fn several_at_once_do_no_harm() {
    let dir = videos();
    let root = dir.path();
    let made = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for subset in [Subset::Train, Subset::Test, Subset::Train, Subset::Test] {
            let made = &made;
            scope.spawn(move || {
                let (set, report) = indexed(root, subset, &Options::default());
                assert!(set.num_frames(0).unwrap() > 0 && report.notes.is_empty(), "{report:?}");
                made.fetch_add(report.made, Ordering::SeqCst);
            });
        }
    });
    assert!((4..=8).contains(&made.into_inner()));
    // What one lost to another is found again.
    indexed(root, Subset::Train, &Options::default());
    assert_eq!(indexed(root, Subset::Train, &Options::default()).1.known, 3);
}
