//! `data preview`: pictures that a person can look at; `data check`: what is wrong with a dataset.

use std::path::Path;

use crate::files::{file, y4m};
use crate::support::{command, done, json, refused, run};

#[test]
fn preview_writes_a_sheet_and_an_animation_of_every_action() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["data", "preview", "marionettes", "--size", "16", "--output", "pictures"];
    let text = done(folder.path(), &args).stdout;
    let paths: Vec<&str> = text.lines().collect();
    assert_eq!(paths.len(), 13, "{paths:?}");
    for path in paths {
        let image = image::open(folder.path().join(path)).unwrap();
        assert!(image.width() >= 16 && image.height() >= 16, "{path}");
    }
    let line = refused(2, folder.path(), &["data", "preview", "marionettes", "--size", "1"]);
    assert!(line.contains("marionettes: frames of 8 to 4096"), "{line}");
}

/// Two classes, of each two videos to learn from and one to be judged by.
pub(crate) fn folders(root: &Path) {
    for (k, class) in ["jump", "run"].into_iter().enumerate() {
        for (number, subset) in ["train", "train", "test"].into_iter().enumerate() {
            let folder = root.join(subset).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            file(&folder, &format!("{number}.y4m"), y4m(10 * k + number, 4 + number));
        }
    }
}

const CHECK: [&str; 5] = ["data", "check", "folders", "--root", "set"];

#[test]
fn a_sound_dataset_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    folders(&folder.path().join("set"));
    let found = json(folder.path(), &[&CHECK[..], &["--json"]].concat());
    assert_eq!((&found["dataset"], &found["split"]), (&"folders".into(), &1.into()));
    assert_eq!(found["classes"], serde_json::json!(["jump", "run"]));
    let train = &found["subsets"][0];
    assert_eq!((&train["subset"], &train["videos"]), (&"train".into(), &4.into()));
    assert_eq!(train["frames"], serde_json::json!({ "min": 4, "median": 5, "max": 5 }));
    assert_eq!(train["sizes"], serde_json::json!([{ "width": 24, "height": 20, "files": 4 }]));
    assert_eq!(found["subsets"][1]["per_class"], serde_json::json!([1, 1]));
    assert_eq!(
        (&found["unreadable"], &found["copies"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    let page = done(folder.path(), &CHECK).stdout;
    assert!(page.starts_with("a folder for each subset in set, split 1\n"), "{page}");
    assert!(page.contains("50.0 % ") && page.contains("train, sizes: 24x20 (4)"), "{page}");
}

#[test]
fn what_is_wrong_with_a_dataset_decides_the_code() {
    let folder = tempfile::tempdir().unwrap();
    let line = refused(3, folder.path(), &CHECK);
    assert!(
        line.contains("the root of a folder for each subset, with videos as train/CLASS"),
        "{line}"
    );
    let set = folder.path().join("set");
    folders(&set);
    let shared = set.join("test/run/9.y4m");
    std::fs::copy(set.join("train/jump/0.y4m"), &shared).unwrap();
    let ran = run(command(folder.path(), &CHECK));
    assert_eq!(ran.code, 1, "{ran:?}");
    let line = "in train and in test: set/train/jump/0.y4m (train), set/test/run/9.y4m (test)";
    assert!(ran.stdout.contains(line), "{ran:?}");
    std::fs::remove_file(shared).unwrap();
    file(&set.join("train/run"), "1.y4m", "no video");
    let ran = run(command(folder.path(), &CHECK));
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.stdout.contains("unreadable: set/train/run/1.y4m: not a video"), "{ran:?}");
    std::fs::remove_dir_all(set.join("test/run")).unwrap();
    let ran = run(command(folder.path(), &CHECK));
    assert!(ran.stdout.contains("without a video in test: run\n"), "{ran:?}");
    let line = refused(2, folder.path(), &["data", "check", "aslan", "--root", "set"]);
    assert!(line.starts_with("error: unsupported: ASLAN"), "{line}");
}

#[test]
fn the_help_and_the_page_name_every_dataset() {
    let help = done(Path::new("."), &["data", "check", "--help"]).stdout;
    let page = include_str!("../../../docs/data.md");
    for layout in marey::data::layouts::LAYOUTS {
        assert!(help.contains(layout.name), "{}: {help}", layout.name);
        assert!(page.contains(&format!("`{}`", layout.name)), "{}", layout.name);
    }
}
