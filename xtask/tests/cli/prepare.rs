//! `data prepare` and `bench data`: folders and shards that open again, and clips out of them.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use marey::data::{Dataset, Shards, Subset, open};
use serde_json::Value;

use crate::files::{file, y4m};
use crate::support::{command, done, failed, json, refused, run};

/// Two classes, of each two videos to learn from and one to be judged by; one of those to learn from is none.
fn set(folder: &Path) {
    for (k, class) in ["long jump", "run"].into_iter().enumerate() {
        for (subset, number) in [("train", 0), ("train", 1), ("test", 1)] {
            let folder = folder.join("set").join(subset).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            let broken = (k, number) == (1, 0);
            let bytes = if broken {
                b"text".to_vec()
            } else {
                y4m(10 * k + number, 4 + number + usize::from(subset == "test"))
            };
            file(&folder, &format!("{}.y4m", number), bytes);
        }
    }
}

const PREPARE: [&str; 7] = ["data", "prepare", "folders", "--root", "set", "--out", "out"];

/// Like [`done`], with an index of its own.
fn bench(folder: &Path, args: &[&str]) -> (Value, String) {
    let mut command = command(folder, &[&["bench", "data"], args, &["--json"]].concat());
    command.env("XDG_CACHE_HOME", folder.join("cache"));
    let ran = run(command);
    assert_eq!(ran.code, 0, "{ran:?}");
    (serde_json::from_str(&ran.stdout).unwrap(), ran.stderr)
}

/// All files below `folder`.
fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.extend(tree(&path))
        } else {
            all.push((path.clone(), std::fs::read(path).unwrap()))
        }
    }
    all.sort();
    all
}

/// The videos of a dataset: names, labels, frames.
fn videos(set: &dyn Dataset) -> Vec<(String, u32, usize)> {
    (0..set.len()).map(|i| (set.name(i), set.label(i), set.num_frames(i).unwrap())).collect()
}

#[test]
fn folders_open_as_a_list_and_are_not_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    set(folder);
    let args = [&PREPARE[..], &["--size", "12", "--quality", "90"]].concat();
    let ran = done(folder, &args);
    assert!(ran.stdout.starts_with("out: 5 videos made (26 frames in "), "{ran:?}");
    assert!(
        ran.stdout.ends_with("0 there already, 1 failed; it opens as dataset `list`\n"),
        "{ran:?}"
    );
    assert!(
        ran.stderr.contains("error: ") && ran.stderr.contains("set/train/run/0.y4m: not a video"),
        "{ran:?}"
    );
    let read = |name: &str| std::fs::read_to_string(folder.join("out").join(name)).unwrap();
    assert_eq!(read("classes.txt"), "long jump\nrun\n");
    assert_eq!(
        read("train.txt"),
        "train/long jump/0 4 0\ntrain/long jump/1 5 0\ntrain/run/1 5 1\n"
    );
    assert_eq!(read("test.txt"), "test/long jump/1 6 0\ntest/run/1 6 1\n");
    let opened = open("list", &folder.join("out"), Subset::Train, 1, Default::default()).unwrap();
    assert_eq!(opened.frames(2, &[4]).unwrap().dims(), (3, 1, 12, 14));
    let made = tree(&folder.join("out"));
    let again = json(folder, &[&args[..], &["--json"]].concat());
    assert_eq!(
        (&again["made"], &again["there"], &again["failed"]),
        (&0.into(), &5.into(), &1.into())
    );
    assert_eq!((&again["format"], &again["frames"]), (&"folders".into(), &0.into()));
    assert!(again["videos"][2]["error"].as_str().unwrap().contains("0.y4m"), "{again}");
    assert!(tree(&folder.join("out")) == made);
    assert_eq!(run(command(folder, &[&args[..], &["--strict"]].concat())).code, 4);
    // Otherwise: refused one by one, unless it is asked for. One that is gone is made again.
    let ran = done(folder, &PREPARE);
    assert!(
        ran.stderr.contains("quality was 90, now 95") && ran.stdout.contains("6 failed"),
        "{ran:?}"
    );
    std::fs::remove_dir_all(folder.join("out/train/run/1")).unwrap();
    assert_eq!(json(folder, &[&args[..], &["--json"]].concat())["made"], 1);
    assert!(
        done(folder, &[&PREPARE[..], &["--force"]].concat())
            .stdout
            .starts_with("out: 5 videos made")
    );
}

#[test]
fn shards_have_the_same_videos() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    set(folder);
    done(folder, &PREPARE);
    let args = [
        "data",
        "prepare",
        "folders",
        "--root",
        "set",
        "--out",
        "tar",
        "--format",
        "shards",
        "--per-shard",
        "2",
    ];
    let ran = done(folder, &args);
    assert!(ran.stdout.ends_with("1 failed; it opens as dataset `shards`\n"), "{ran:?}");
    assert!(ran.stderr.contains("set/train/run/0.y4m: not a video"), "{ran:?}");
    for subset in [Subset::Train, Subset::Test] {
        let shards = Shards::open(&folder.join("tar"), subset, Default::default()).unwrap();
        let list = open("list", &folder.join("out"), subset, 1, Default::default()).unwrap();
        assert_eq!(videos(&shards), videos(&list));
        let frames = |set: &dyn Dataset| set.frames(1, &[3, 0]).unwrap().to_rgb8().unwrap();
        assert!(frames(&shards) == frames(&list));
    }
    let made = tree(&folder.join("tar"));
    let again = json(folder, &[&args[..], &["--json"]].concat());
    assert_eq!(
        (&again["made"], &again["there"], &again["failed"]),
        (&0.into(), &5.into(), &1.into())
    );
    assert!(tree(&folder.join("tar")) == made);
    // Otherwise: refused, unless it is asked for.
    let smaller = [&args[..], &["--size", "12"]].concat();
    let line = failed(4, command(folder, &smaller));
    assert!(line.contains("train-00000") && line.contains("--force"), "{line}");
    assert!(tree(&folder.join("tar")) == made);
    // An interrupted run left the first shard; the second is made.
    std::fs::remove_file(folder.join("tar/train-00001.json")).unwrap();
    assert_eq!(json(folder, &[&args[..], &["--json"]].concat())["made"], 1);
    assert!(tree(&folder.join("tar")) == made);

    let (found, _) = bench(
        folder,
        &[
            "shards", "--root", "tar", "--side", "20", "--crop", "16", "--batch", "2", "--frames",
            "2",
        ],
    );
    assert_eq!(
        (&found["videos"], &found["clips"], &found["skipped"]),
        (&3.into(), &3.into(), &0.into())
    );
}

#[test]
fn loading_is_timed_and_an_index_spares_looking_twice() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    set(folder);
    let args = [
        "folders",
        "--root",
        "set",
        "--side",
        "18",
        // Batch norms of one clip alone want more than one number a channel at the end.
        "--crop",
        "17",
        "--frames",
        "2",
        "--batch",
        "2",
        "--epochs",
        "2",
        "--threads",
        "1",
    ];
    let (found, stderr) = bench(folder, &args);
    assert!(stderr.contains("0 videos known, 4 looked through"), "{stderr}");
    assert_eq!(
        (&found["clips"], &found["skipped"], &found["training"]),
        (&6.into(), &1.into(), &Value::Null)
    );
    assert_eq!(found["clip"], serde_json::json!([2, 17, 17]));
    let shares = found["read_share"].as_f64().unwrap() + found["transform_share"].as_f64().unwrap();
    assert!(
        (shares - 1.).abs() < 1e-9 && found["clips_per_second"].as_f64().unwrap() > 0.,
        "{found}"
    );
    let training = ["--model", "r3d-18", "--shrink", "32"];
    let (found, stderr) = bench(folder, &[&args[..], &training].concat());
    assert!(stderr.contains("4 videos known, 0 looked through"), "{stderr}");
    assert!(stderr.contains("set/train/run/0.y4m: not a video"), "{stderr}");
    assert_eq!(found["training"]["steps"], 4);
    let share = found["training"]["wait_share"].as_f64().unwrap();
    assert!((0. ..=1.).contains(&share), "{found}");
}

#[test]
fn wrong_words_and_places_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(refused(3, folder, &PREPARE).contains("the root of a folder for each subset"));
    set(folder);
    for words in
        [&["--size", "0"][..], &["--size", "9x"], &["--format", "zip"], &["--quality", "0"]]
    {
        let ran = run(command(folder, &[&PREPARE[..], words].concat()));
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{words:?}");
    }
    assert!(
        refused(2, folder, &[&PREPARE[..], &["--stream", "depth"]].concat())
            .contains("no stream `depth`")
    );
    assert!(!folder.join("out").exists());
    let there = tree(&folder.join("set"));
    for out in ["set", "set/out/128", "set/../set/train"] {
        let line = refused(2, folder, &[&PREPARE[..5], &["--out", out]].concat());
        assert!(line.contains("lies within the dataset"), "{out}: {line}");
    }
    assert!(tree(&folder.join("set")) == there && !folder.join("set/out").exists());
    // Two videos that would become one folder.
    file(&folder.join("set/train/run"), "1.gif", "x");
    assert!(refused(2, folder, &PREPARE).contains("cannot become the folders"));
    assert!(
        refused(3, folder, &["bench", "data", "shards", "--root", "set"]).contains("classes.txt")
    );
    assert!(
        refused(2, folder, &["bench", "data", "nothing", "--root", "set"]).contains("no dataset")
    );
}

#[test]
fn a_run_that_is_killed_leaves_no_half_folder_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir_all(folder.join("set/a")).unwrap();
    file(&folder.join("set/a"), "v.y4m", y4m(1, 5000));
    let args = ["data", "prepare", "classes", "--root", "set", "--out", "out"];
    let mut killed = command(folder, &args);
    let mut child = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    while !folder.join("out/a/.v.marey-tmp/img_00001.jpg").exists() {
        assert!(child.try_wait().unwrap().is_none(), "it was done before it could be killed");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("out/a/v").exists() && !folder.join("out/train.txt").exists());
    assert!(done(folder, &args).stdout.starts_with("out: 1 video made (5000 frames in "));
    assert_eq!(std::fs::read_dir(folder.join("out/a")).unwrap().count(), 1);
    let train = std::fs::read_to_string(folder.join("out/train.txt")).unwrap();
    assert_eq!(train, "a/v 5000 0\n");
}
