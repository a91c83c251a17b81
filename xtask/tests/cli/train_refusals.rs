//! What `train` cannot do it says in one line, before it begins.

use std::path::Path;

use crate::data::folders;
use crate::files::file;
use crate::support::{command, failed, read, refused};
use crate::train::{tiny, train};

/// The line that refuses the recipe with these changes, after which there is no run.
fn line(code: i32, folder: &Path, changes: &[&str]) -> String {
    let set: Vec<&str> = changes.iter().flat_map(|change| ["--set", change]).collect();
    let line = failed(code, command(folder, &train("run", &set)));
    assert!(!folder.join("run/checkpoints").exists(), "{changes:?}");
    line
}

#[test]
fn recipes_are_refused_with_what_is_wrong_in_them() {
    let folder = tiny();
    let folder = folder.path();
    let line = refused(3, folder, &["train", "nowhere.toml"]);
    assert!(line.contains("nowhere.toml: No such file"), "{line}");
    file(folder, "broken.toml", "model = \"r3d-18\"\n[train\n");
    let line = refused(2, folder, &["train", "broken.toml"]);
    assert!(line.starts_with("error: broken.toml:2: "), "{line}");
    file(folder, "key.toml", "model = \"r3d-18\"\n\n[train]\nepoch = 3\n");
    let line = refused(2, folder, &["train", "key.toml"]);
    assert!(line.starts_with("error: key.toml:4: unknown key `epoch`"), "{line}");
    assert!(line.ends_with("the nearest is `epochs`"), "{line}");
    assert!(!folder.join("runs").exists());
}

#[test]
fn settings_are_refused_before_a_run_begins() {
    let folder = tiny();
    let folder = folder.path();
    for (code, change, part) in [
        (2, "train.epoch=3", "tiny.toml with --set: in `train`: unknown key `epoch`"),
        (2, "train.batch=many", "in `train.batch`: invalid type: string \"many\""),
        (2, "model=r3d", "no model is called `r3d`"),
        (2, "data.name=ucf", "no dataset is called `ucf`"),
        (2, "data.name=ucf101", "root: where does \"ucf101\" lie?"),
        (2, "width=0.3", "width = 0.3: 1 over a whole number is wanted"),
        (2, "clip.crop=64", "training clips: crop: a frame of 32 x 42 has no part of 64 x 64"),
        (2, "clip.stride=0", "training clips: sampler: "),
        (2, "test.crop=64", "test clips: crop: "),
        (2, "test.clips=0", "test clips: sampler: "),
        (2, "test.at_once=0", "[test] at_once = 0"),
        (2, "test.crops=4", "crops: 1, 3, 5, 9, 10 or 18 wanted, got 4"),
        (5, "clip.frames=100000", "training clips: the frames of one take "),
        (5, "clip.size=1000000", "training clips: the frames of one take "),
        (5, "augment.short_sides=[32, 1000000]", "training clips: the frames of one take "),
        (5, "test.size=1000000", "test clips: the frames of one take "),
        // Of sides that are drawn, the least counts.
        (2, "augment.short_sides=[20, 400]", "training clips: crop: a frame of 20 x 26 has"),
        // A network with full layers, of clips too small for it.
        (2, "model=c3d", "conv4b: a clip of [4, 28, 28] is too small for this network"),
        (2, "train.epochs=0", "[train] epochs = 0"),
        (2, "save.every=0", "[save] every = 0: a number of epochs above 0"),
        (2, "schedule.at=[-1, 2]", "[schedule] at = [-1.0, 2.0]: epochs from 0 on"),
        (2, "schedule.at=[2, 1]", "ascending, are wanted"),
        (2, "augment.scales=[1]", "[augment] scales: of crop = \"multi-scale\" only"),
        (2, "clip.flow=fast", "[clip] flow: r3d-18 sees no flow"),
        (2, "data.root=set", "marionettes: they are generated"),
        (2, "data.split=1", "marionettes: they are generated"),
        (2, "schedule.decay=step", "[schedule] at"),
        (2, "train.batch=25", "24 videos make no batch of 25"),
        (3, "data.marionettes.train=11", "1 of 12 classes have no video to learn from: retreat"),
    ] {
        let line = line(code, folder, &[change]);
        assert!(line.contains(part), "{change}: {line}");
    }
    let both = line(2, folder, &["test.whole=true", "test.every=2"]);
    assert!(both.contains("[test] takes `whole` or `every`, not both"), "{both}");
    let watched = ["clip.size=20", "augment.short_sides=[32, 40]", "test.size=32", "watch.every=1"];
    let unwatched = line(2, folder, &watched);
    assert!(unwatched.contains("watched clips: crop: a frame of 20 x 26 has"), "{unwatched}");
    if cfg!(target_os = "linux") {
        let line = line(5, folder, &["train.batch=100000000"]);
        assert!(line.contains("batches of 100000000 clips of 4x28x28 take "), "{line}");
    }
    // How it learns is looked at before its videos are.
    for (change, part) in [
        ("train.rate=-1", "rate"),
        ("train.at_once=0", "at most 0 clips at once"),
        ("train.clip_norm=0", "gradients cannot be clipped to 0"),
        ("save.keep=0", "checkpoints: "),
        ("watch.keep_best=true", "[watch] every: "),
    ] {
        let line = line(2, folder, &["data.name=folders", "data.root=nowhere", change]);
        assert!(line.contains(part), "{change}: {line}");
    }
    // A file where the folder was to be.
    let line = refused(4, folder, &train("tiny.toml/run", &[]));
    assert!(line.contains("tiny.toml/run: cannot make the folder: "), "{line}");
}

#[test]
fn datasets_are_refused_with_what_is_missing() {
    let folder = tiny();
    let folder = folder.path();
    let on_disk = ["data.name=folders", "data.root=set"];
    let missing = line(3, folder, &on_disk);
    assert!(missing.contains("not found: the root of a folder for each subset"), "{missing}");
    let set = folder.join("set");
    folders(&set);
    std::fs::create_dir_all(set.join("train/sit")).unwrap();
    let empty = line(3, folder, &on_disk);
    assert!(
        empty.contains("set split 1: 1 of 3 classes have no video to learn from: sit"),
        "{empty}"
    );
    std::fs::remove_dir_all(set.join("test")).unwrap();
    std::fs::create_dir_all(set.join("test/jump")).unwrap();
    let unjudged = line(3, folder, &on_disk);
    assert!(unjudged.contains("set split 1: there is no video to be judged by"), "{unjudged}");

    let root = folder.join("lists");
    std::fs::create_dir_all(&root).unwrap();
    for (name, text) in [("classes.txt", "a\nb\n"), ("train.txt", "v.gif 7\n"), ("test.txt", "")] {
        file(&root, name, text);
    }
    let label = line(4, folder, &["data.name=list", "data.root=lists"]);
    assert!(label.contains("train.txt:1: expected a label below the 2 classes"), "{label}");
}

#[test]
fn a_run_that_diverges_says_where() {
    let folder = tiny();
    let line = failed(1, command(folder.path(), &train("run", &["--set", "train.rate=1e30"])));
    assert!(line.starts_with("error: r3d-18, run: diverged at step 1: loss NaN, "), "{line}");
    assert_eq!(read(&folder.path().join("run/metrics.jsonl")).lines().count(), 1);
}
