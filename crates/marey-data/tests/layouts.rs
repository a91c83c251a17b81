//! Every layout: small folders in it, what is wrong in them, and the real lists.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::data;
use marey_data::layouts::{LAYOUTS, find};
use marey_data::{Dataset, Error, Listed, Listing, Subset, open};
use marey_video::Options;

/// A folder with these files.
fn root(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn opened(name: &str, root: &Path, subset: Subset, split: usize) -> Listed {
    open(name, root, subset, split, Options::default()).unwrap()
}

fn refused(name: &str, root: &Path, subset: Subset, split: usize) -> String {
    open(name, root, subset, split, Options::default()).err().unwrap().to_string()
}

/// The videos and their labels.
fn videos(set: &Listed) -> Vec<(String, u32)> {
    (0..set.len()).map(|i| (set.name(i), set.label(i))).collect()
}

fn pairs(wanted: &[(&str, u32)]) -> Vec<(String, u32)> {
    wanted.iter().map(|(name, label)| (name.to_string(), *label)).collect()
}

/// What real lists say.
fn real(name: &str, folder: &str, subset: Subset, split: usize) -> Option<Listing> {
    let root = data()?.join(folder);
    Some(find(name).unwrap().list(&root, subset, split).unwrap())
}

#[test]
fn hmdb51_has_a_list_for_each_class_and_split() {
    let dir = root(&[
        ("splits/wave_test_split1.txt", "a.avi 1 \nb.avi 2 \nc.avi 0 \n"),
        ("splits/dive_test_split1.txt", "d.avi 2\n"),
        ("splits/dive_test_split2.txt", "d.avi 1\n"),
        ("wave/a.avi", ""),
        ("wave/b.avi", ""),
        ("dive/d.avi", ""),
    ]);
    let train = opened("hmdb51", dir.path(), Subset::Train, 1);
    assert_eq!(train.classes(), ["dive", "wave"]);
    assert_eq!(videos(&train), pairs(&[("wave/a.avi", 1)]));
    let test = opened("hmdb51", dir.path(), Subset::Test, 1);
    assert_eq!(videos(&test), pairs(&[("dive/d.avi", 0), ("wave/b.avi", 1)]));
    fs::write(dir.path().join("splits/dive_test_split2.txt"), "d.avi 3\n").unwrap();
    let text = refused("hmdb51", dir.path(), Subset::Train, 2);
    assert!(text.ends_with("split2.txt:1: expected `video.avi` and 0, 1 or 2, got `d.avi 3`"));
    let text = refused("hmdb51", dir.path(), Subset::Train, 3);
    assert!(text.contains("CLASS_test_split3.txt"), "{text}");
}

#[test]
fn the_real_lists_of_hmdb51_have_the_published_counts() {
    // 70 and 30 videos of each class in each split (Kuehne and others 2011, section 2).
    for split in 1..=3 {
        let read = |subset| real("hmdb51", "splits/hmdb51", subset, split);
        let (Some(train), Some(test)) = (read(Subset::Train), read(Subset::Test)) else { return };
        assert_eq!(
            (train.classes.len(), train.entries.len(), test.entries.len()),
            (51, 3570, 1530)
        );
        let trained: HashSet<_> = train.entries.iter().map(|e| &e.paths).collect();
        assert!(test.entries.iter().all(|e| !trained.contains(&e.paths)));
        let of = |list: &Listing, k| list.entries.iter().filter(|e| e.labels == [k]).count();
        assert!((0..51).all(|k| of(&train, k) == 70 && of(&test, k) == 30));
    }
}

const HEAD: &str = "label,youtube_id,time_start,time_end,split,is_cc\n";

#[test]
fn kinetics_counts_the_videos_that_are_gone() {
    let train = format!(
        "{HEAD}zumba,-a_b,5,15,train,0\n\"air drumming\",c-d,10,20,train,0\nzumba,gone,1,11,train,0\n"
    );
    let val = format!("{HEAD}air drumming,e,0,10,validate,0\n");
    let dir = root(&[
        ("annotations/train.csv", &train),
        ("validate.csv", &val),
        ("train/zumba/-a_b_000005_000015.mp4", ""),
        ("train/air drumming/c-d.mp4", ""),
        ("val/air drumming/e_000000_000010.mp4", ""),
    ]);
    let set = opened("kinetics", dir.path(), Subset::Train, 1);
    assert_eq!(set.classes(), ["air drumming", "zumba"]);
    assert_eq!(
        videos(&set),
        pairs(&[("train/zumba/-a_b_000005_000015.mp4", 1), ("train/air drumming/c-d.mp4", 0)])
    );
    assert_eq!(set.absent()[0].paths, [PathBuf::from("train/zumba/gone_000001_000011.mp4")]);
    let val = opened("kinetics", dir.path(), Subset::Test, 1);
    assert_eq!(videos(&val), pairs(&[("val/air drumming/e_000000_000010.mp4", 0)]));
    fs::remove_dir_all(dir.path().join("val")).unwrap();
    let text = refused("kinetics", dir.path(), Subset::Test, 1);
    assert!(text.contains("1 of the 1 videos in ") && text.contains("validate.csv"), "{text}");
    for line in ["zumba,e,0", "zumba,../e,0,10,val", "zumba/..,e,0,10,val", "zumba,e,x,10,val"] {
        fs::write(dir.path().join("validate.csv"), format!("{HEAD}{line}\n")).unwrap();
        let text = refused("kinetics", dir.path(), Subset::Test, 1);
        assert!(text.contains("validate.csv:2: expected a label"), "{text}");
    }
    fs::write(dir.path().join("validate.csv"), format!("{HEAD}sailing,e,0,10,val\n")).unwrap();
    let text = refused("kinetics", dir.path(), Subset::Test, 1);
    assert!(text.ends_with("no video to learn `sailing` from"), "{text}");
}

#[test]
fn the_classes_of_released_kinetics_networks_are_in_alphabetical_order() {
    let Some(data) = data() else { return };
    for (file, count) in [
        ("label_map_400_deepmind.txt", 400),
        ("label_map_k600.txt", 600),
        ("label_map_k700.txt", 700),
    ] {
        let text = fs::read_to_string(data.join("splits/kinetics").join(file)).unwrap();
        let lines: String =
            text.lines().rev().map(|label| format!("\"{label}\",id,0,10,train\n")).collect();
        let list = format!("{HEAD}{lines}");
        let dir = root(&[("train.csv", &list)]);
        let listing = find("kinetics").unwrap().list(dir.path(), Subset::Train, 1).unwrap();
        assert_eq!(listing.entries.len(), count);
        assert_eq!(listing.classes, text.lines().collect::<Vec<_>>());
    }
}

#[test]
fn videos_of_sports1m_have_several_classes() {
    let url = "https://www.youtube.com/watch?v=";
    let train = format!("{url}a-b 1,0\n{url}gone 0\n");
    let dir = root(&[
        ("labels.txt", "boxing\nt'ai chi ch'uan"),
        ("original/train_partition.txt", &train),
        ("videos/a-b.webm", ""),
    ]);
    let set = opened("sports1m", dir.path(), Subset::Train, 1);
    assert_eq!(videos(&set), pairs(&[("a-b.webm", 1)]));
    assert_eq!((&set.entries()[0].labels[..], set.absent().len()), (&[1, 0][..], 1));
    for line in ["a 0", "a?v=b 0", "x watch?v=a 2"] {
        let line = line.replace("x ", url).replace("watch?v=watch?v=", "watch?v=");
        fs::write(dir.path().join("original/train_partition.txt"), line).unwrap();
        let text = refused("sports1m", dir.path(), Subset::Train, 1);
        assert!(text.contains("train_partition.txt:1: expected"), "{text}");
    }
    let Some(data) = data() else { return };
    let labels = fs::read_to_string(data.join("splits/sports1m/sports1m_labels.txt")).unwrap();
    // The example of the dataset's own README. 487 classes: the last line has no line's end.
    let line = format!("{url}UDqivjS-lpI 168,169\n{url}last 486\n");
    let dir = root(&[("labels.txt", &labels), ("original/test_partition.txt", &line)]);
    let listing = find("sports1m").unwrap().list(dir.path(), Subset::Test, 1).unwrap();
    assert_eq!(listing.classes.len(), 487);
    assert_eq!((&*listing.classes[0], &*listing.classes[486]), ("boomerang", "model aircraft"));
    assert_eq!(listing.entries[0].labels, [168, 169]);
}

#[test]
fn isogd_is_pairs_of_colour_and_depth() {
    let dir = root(&[
        ("train_list.txt", "train/001/M_00001.avi train/001/K_00001.avi 26\n"),
        ("valid_list.txt", "valid/001/M_00001.avi valid/001/K_00001.avi 0\n"),
        ("train/001/M_00001.avi", ""),
        ("train/001/K_00001.avi", ""),
    ]);
    let rgb = opened("isogd", dir.path(), Subset::Train, 1);
    assert_eq!(rgb.streams(), ["rgb", "depth"]);
    assert_eq!(videos(&rgb), pairs(&[("train/001/M_00001.avi", 25)]));
    let depth = rgb.stream("depth").unwrap();
    assert_eq!(videos(&depth), pairs(&[("train/001/K_00001.avi", 25)]));
    assert!(rgb.stream("flow").is_err());
    let text = refused("isogd", dir.path(), Subset::Test, 1);
    assert!(text.contains("valid_list.txt:1: expected a class from 1 to 249"), "{text}");
    fs::remove_file(dir.path().join("train/001/K_00001.avi")).unwrap();
    let text = refused("isogd", dir.path(), Subset::Train, 1);
    assert!(text.ends_with("train/001/K_00001.avi") && !text.contains("M_0"), "{text}");
    // The counts of the dataset's README.
    for (subset, count) in [(Subset::Train, 35_878), (Subset::Test, 5784)] {
        let Some(list) = real("isogd", "splits/isogd", subset, 1) else { return };
        let classes: HashSet<u32> = list.entries.iter().map(|e| e.labels[0]).collect();
        assert_eq!((list.entries.len(), classes.len(), list.classes.len()), (count, 249, 249));
    }
}

#[test]
fn skig_is_folders_of_frames_by_two_cameras() {
    let dir = root(&[
        ("training_rgb_list1.txt", "/ssd/x/RGBImages/11110 3 0\n"),
        ("training_depth_list1.txt", "/ssd/x/DepthImages/11110 3 0\n"),
        ("RGBImages/11110/1.jpg", ""),
        ("DepthImages/11110/1.jpg", ""),
    ]);
    let rgb = opened("skig", dir.path(), Subset::Train, 1);
    assert_eq!(videos(&rgb), pairs(&[("RGBImages/11110", 0)]));
    assert_eq!(rgb.entries()[0].frames, Some(3));
    assert_eq!(videos(&rgb.stream("depth").unwrap()), pairs(&[("DepthImages/11110", 0)]));
    let depth = dir.path().join("training_depth_list1.txt");
    for wrong in ["x/D/11111 3 0", "x/D/11110 3 1", "x/D/11110 3 0\nx/D/11111 3 0", "x/D/.. 3 0"] {
        fs::write(&depth, wrong).unwrap();
        let text = refused("skig", dir.path(), Subset::Train, 1);
        assert!(text.contains("training_depth_list1.txt:"), "{text}");
    }
    fs::write(&depth, "").unwrap();
    assert!(refused("skig", dir.path(), Subset::Train, 1).contains("2 paths"));
    // Four persons to learn from and two to be judged by, 180 videos of each, of all ten classes alike.
    for (split, subset, persons) in
        [(1, Subset::Train, 4), (1, Subset::Test, 2), (2, Subset::Train, 4), (3, Subset::Test, 2)]
    {
        let Some(list) = real("skig", "splits/skig", subset, split) else { return };
        let of = |k| list.entries.iter().filter(|e| e.labels == [k]).count();
        assert!((0..10).all(|k| of(k) == 18 * persons), "split {split}");
        // The name's last digit is the class.
        assert!(
            list.entries
                .iter()
                .all(|e| { e.paths[0].to_str().unwrap().ends_with(&e.labels[0].to_string()) })
        );
    }
}

#[test]
fn scenes_are_left_out_one_by_one() {
    let dir = root(&[("b/1.avi", ""), ("b/2.avi", ""), ("a/3.avi", ""), ("a/.hidden", "")]);
    for name in ["yupenn", "maryland", "classes"] {
        let all = opened(name, dir.path(), Subset::Train, 0);
        assert_eq!(videos(&all), pairs(&[("a/3.avi", 0), ("b/1.avi", 1), ("b/2.avi", 1)]));
        assert!(opened(name, dir.path(), Subset::Test, 0).is_empty());
        let (train, test) =
            [Subset::Train, Subset::Test].map(|s| opened(name, dir.path(), s, 2)).into();
        assert_eq!(videos(&test), pairs(&[("b/1.avi", 1)]));
        assert_eq!(videos(&train), pairs(&[("a/3.avi", 0), ("b/2.avi", 1)]));
        assert!(refused(name, dir.path(), Subset::Train, 4).contains("3 videos to leave out"));
    }
    let empty = root(&[("a.txt", "")]);
    assert!(refused("yupenn", empty.path(), Subset::Train, 0).contains("a folder for each class"));
}

#[test]
fn folders_of_subsets_share_their_classes() {
    let dir = root(&[("train/b/1.avi", ""), ("test/a/2.avi", ""), ("test/b/3.avi", "")]);
    let train = opened("folders", dir.path(), Subset::Train, 1);
    assert_eq!(
        (train.classes(), videos(&train)),
        (&["a".into(), "b".into()][..], pairs(&[("b/1.avi", 1)]))
    );
    let test = opened("folders", dir.path(), Subset::Test, 1);
    assert_eq!(videos(&test), pairs(&[("a/2.avi", 0), ("b/3.avi", 1)]));
    fs::remove_dir_all(dir.path().join("test")).unwrap();
    assert!(refused("folders", dir.path(), Subset::Train, 1).ends_with("/test"));
}

#[test]
fn lists_have_frames_or_not() {
    let dir = root(&[
        ("classes.txt", "jump\nrun\n"),
        ("train.txt", "frames/a b 12 1\nc.mp4 0\nd e.mp4 1\n"),
        ("frames/a b/1.jpg", ""),
        ("c.mp4", ""),
        ("d e.mp4", ""),
    ]);
    let set = opened("list", dir.path(), Subset::Train, 1);
    assert_eq!(videos(&set), pairs(&[("frames/a b", 1), ("c.mp4", 0), ("d e.mp4", 1)]));
    assert_eq!(set.entries().iter().map(|e| e.frames).collect::<Vec<_>>(), [Some(12), None, None]);
    for wrong in ["c.mp4", "c.mp4 2", "../c.mp4 1", "c.mp4 x"] {
        fs::write(dir.path().join("train.txt"), wrong).unwrap();
        let text = refused("list", dir.path(), Subset::Train, 1);
        assert!(text.contains("train.txt:1: expected"), "{wrong}: {text}");
    }
}

#[test]
fn folds_are_judged_by_in_turn() {
    let head = "path,label,fold,source\n";
    let lines = "b/1.mp4,0,0,7\na/2.mp4,1,1,8\nb/3.mp4,0,1,9\n";
    let list = format!("{head}{lines}");
    let dir = root(&[("folds.csv", &list), ("b/1.mp4", ""), ("a/2.mp4", ""), ("b/3.mp4", "")]);
    let train = opened("folds", dir.path(), Subset::Train, 1);
    assert_eq!(
        (train.classes(), videos(&train)),
        (&["b".into(), "a".into()][..], pairs(&[("b/1.mp4", 0)]))
    );
    let test = opened("folds", dir.path(), Subset::Test, 1);
    assert_eq!(videos(&test), pairs(&[("a/2.mp4", 1), ("b/3.mp4", 0)]));
    assert!(refused("folds", dir.path(), Subset::Test, 2).ends_with("there is no fold 2"));
    for wrong in ["a/2.mp4,0,0", "2.mp4,0,0", "../2.mp4,0,0", "a/2.mp4,x,0", "a/2.mp4,1"] {
        fs::write(dir.path().join("folds.csv"), format!("{list}{wrong}\n")).unwrap();
        let text = refused("folds", dir.path(), Subset::Test, 0);
        assert!(text.contains("folds.csv:5: expected"), "{wrong}: {text}");
    }
    fs::write(dir.path().join("folds.csv"), format!("{list}c/4.mp4,3,0\n")).unwrap();
    assert!(refused("folds", dir.path(), Subset::Test, 0).contains("got none of 2"));
    let Some(data) = data() else { return };
    let fight = data.join("fight");
    for (fold, count) in [(0, 43), (1, 43), (2, 42), (3, 42), (4, 42)] {
        let test = opened("folds", &fight, Subset::Test, fold);
        assert_eq!(test.classes(), ["noFight", "fight"]);
        assert_eq!(
            (test.len(), opened("folds", &fight, Subset::Train, fold).len()),
            (count, 212 - count)
        );
    }
}

#[test]
fn what_cannot_be_opened_says_why() {
    let nowhere = Path::new("/nonexistent");
    let text = refused("kth", nowhere, Subset::Train, 1);
    assert!(text.starts_with("no dataset is called `kth`; there are ucf101, hmdb51,"), "{text}");
    let text = refused("aslan", nowhere, Subset::Train, 1);
    assert!(text.starts_with("unsupported: ASLAN is pairs of videos"), "{text}");
    for layout in LAYOUTS {
        let error = layout.list(nowhere, Subset::Train, layout.first_split).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{error}");
        let empty = tempfile::tempdir().unwrap();
        let error = layout.list(empty.path(), Subset::Test, layout.first_split).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{}: {error}", layout.name);
    }
}
