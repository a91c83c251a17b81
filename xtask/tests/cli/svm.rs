//! `features` and `svm`: a linear classifier of what a network has before its own.

use std::path::Path;

use serde_json::{Value, json};

use crate::data::folders;
use crate::support::{done, json, read, refused};
use crate::train::{FOLDERS, tiny, train};

/// The videos of [`folders`], in a list of two folds.
fn folds(root: &Path) {
    folders(root);
    let mut list = String::from("path,label,fold\n");
    for (label, class) in ["jump", "run"].into_iter().enumerate() {
        std::fs::create_dir_all(root.join(class)).unwrap();
        for (number, subset) in ["train", "train", "test"].into_iter().enumerate() {
            let name = format!("{class}/{number}.y4m");
            std::fs::rename(root.join(subset).join(&name), root.join(&name)).unwrap();
            list += &format!("{name},{label},{}\n", number % 2);
        }
    }
    std::fs::write(root.join("folds.csv"), list).unwrap();
}

#[test]
fn features_are_classified_on_each_fold() {
    let folder = tiny();
    let folder = folder.path();
    folders(&folder.join("set"));
    let few = ["--set", "train.epochs=1"];
    done(folder, &[&train("run", &FOLDERS)[..], &few].concat());
    folds(&folder.join("folds"));
    let features =
        ["features", "run", "--data", "folds", "--root", "folds", "--clips", "2", "-o", "f.st"];
    let text = done(folder, &features).stdout;
    assert!(text.starts_with("f.st: 32 features of 6 videos by r3d-18, mean of 2 clips"), "{text}");
    assert_eq!(done(folder, &features).stdout, "f.st: is there already\n");

    let svm = ["svm", "f.st", "--data", "folds", "--root", "folds"];
    let found = json(folder, &[&svm[..], &["--output", "scores", "--json"]].concat());
    let splits = found["splits"].as_array().unwrap();
    let sizes =
        |split: &Value| [split["split"].clone(), split["train"].clone(), split["test"].clone()];
    assert_eq!(
        splits.iter().map(sizes).collect::<Vec<_>>(),
        [[json!(0), json!(2), json!(4)], [json!(1), json!(4), json!(2)]]
    );
    let mean = splits.iter().map(|split| split["top1"].as_f64().unwrap()).sum::<f64>() / 2.;
    assert_eq!(found["mean"].as_f64(), Some(mean));
    // Its scores are those that `fuse` counts.
    let fused = json(folder, &["fuse", "scores/scores-1.safetensors", "--rule", "mean", "--json"]);
    assert_eq!(fused["top1"], splits[1]["top1"]);
    let line = refused(2, folder, &[&svm[..], &["--c", "0.01,1"]].concat());
    assert!(line.contains("four training videos of each class"), "{line}");
    let page = done(folder, &svm).stdout;
    assert!(page.contains("deviation over splits"), "{page}");

    std::fs::remove_file(folder.join("folds/jump/2.y4m")).unwrap();
    let list = read(&folder.join("folds/folds.csv")).replace("run/1.y4m,1", "run/9.y4m,1");
    std::fs::write(folder.join("folds/folds.csv"), list).unwrap();
    let line = refused(4, folder, &svm);
    assert!(line.contains("no features of `run/9.y4m`"), "{line}");
    let line = refused(4, folder, &["svm", "tiny.toml", "--data", "folds", "--root", "folds"]);
    assert!(line.contains("tiny.toml: not a safetensors file"), "{line}");
    let line = refused(
        4,
        folder,
        &["svm", "run/weights.safetensors", "--data", "folds", "--root", "folds"],
    );
    assert!(line.contains("is it of `features`?"), "{line}");
    let line = refused(3, folder, &["svm", "no.st", "--data", "folds", "--root", "folds"]);
    assert!(line.contains("no.st"), "{line}");
}
