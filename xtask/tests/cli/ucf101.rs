//! `reproduce` on a dataset on disk: tiny videos in UCF101's layout, and what is said where they are missing.

use std::path::Path;

use crate::files::{gif, y4m};
use crate::reproduce::measured;
use crate::support::{command, failed, json, refused, run};

const CLASSES: [&str; 2] = ["Archery", "YoYo"];

/// Two classes of eight videos to learn from and two to be judged by, half of them y4m and half GIF.
fn layout(root: &Path) {
    let lists = root.join("ucfTrainTestlist");
    std::fs::create_dir_all(&lists).unwrap();
    std::fs::write(lists.join("classInd.txt"), "1 Archery\r\n2 YoYo\r\n").unwrap();
    let (mut train, mut test) = (String::new(), String::new());
    for (k, class) in CLASSES.into_iter().enumerate() {
        let folder = root.join("UCF-101").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for group in 1..=10 {
            let name = format!("v_{class}_g{group:02}_c01.avi");
            let (video, frames) = (10 * k + group, 4 + group);
            let bytes = if group % 2 == 0 { y4m(video, frames) } else { gif(video, frames) };
            std::fs::write(folder.join(&name), bytes).unwrap();
            if group <= 2 {
                test += &format!("{class}/{name}\r\n");
            } else {
                train += &format!("{class}/{name} {}\r\n", k + 1);
            }
        }
    }
    std::fs::write(lists.join("trainlist01.txt"), train).unwrap();
    std::fs::write(lists.join("testlist01.txt"), test).unwrap();
}

fn args(root: &str) -> [&str; 7] {
    ["reproduce", "table4", "--quick", "--dataset", "ucf101", "--root", root]
}

#[test]
fn a_dataset_in_the_layout_of_ucf101_is_run() {
    let folder = tempfile::tempdir().unwrap();
    layout(&folder.path().join("ucf"));
    let report = json(folder.path(), &[&args("ucf")[..], &["--json"]].concat());
    assert_eq!(report["measured_on"], "UCF101 split 1, 16 to learn from, 4 to be judged by");
    let rows = measured(&report);
    assert_eq!(rows.len(), 3);
    for (method, measured) in rows {
        assert_eq!(measured["videos"], 4, "{method}");
        let losses = measured["losses"].as_array().unwrap();
        assert!(
            losses.len() == 20 && losses.iter().all(|loss| loss.as_f64().unwrap().is_finite()),
            "{method}"
        );
        assert_eq!(measured["top5"], 1.0, "two classes are always among five");
    }
    assert!(
        folder.path().join("runs/survey-table4-ucf101-split-1-quick-seed1/report.md").is_file()
    );
}

#[test]
fn a_missing_dataset_says_what_was_looked_for_where() {
    let folder = tempfile::tempdir().unwrap();
    let line = refused(3, folder.path(), &args("/nonexistent"));
    assert!(line.contains("not found: the root of UCF101, with videos as UCF-101/"), "{line}");
    assert!(line.ends_with("trainlist01.txt; looked for /nonexistent"), "{line}");
    let line = refused(3, folder.path(), &args("")[..5]);
    assert!(line.ends_with("; looked for data/ucf101"), "{line}");
    std::fs::create_dir(folder.path().join("ucf")).unwrap();
    let line = refused(3, folder.path(), &args("ucf"));
    for file in [
        "ucf/ucfTrainTestlist/classInd.txt",
        "ucf/ucfTrainTestlist/trainlist01.txt",
        "ucf/trainlist01.txt",
    ] {
        assert!(line.contains(file), "{line}");
    }
    layout(&folder.path().join("ucf"));
    let other = [&args("ucf")[..], &["--split", "2"]].concat();
    assert!(refused(3, folder.path(), &other).contains("trainlist02.txt"));
    let gone = "ucf/UCF-101/YoYo/v_YoYo_g01_c01.avi";
    std::fs::remove_file(folder.path().join(gone)).unwrap();
    let line = failed(3, command(folder.path(), &args("ucf")));
    assert!(line.contains("1 of the 4 videos in testlist01.txt") && line.contains(gone), "{line}");
    // Nothing was begun.
    assert!(!folder.path().join("runs").exists());
}

#[test]
fn a_damaged_dataset_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let ucf = folder.path().join("ucf");
    layout(&ucf);
    let list = ucf.join("ucfTrainTestlist/trainlist01.txt");
    let good = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, good.replacen("Archery/", "Arcery/", 1)).unwrap();
    let line = refused(4, folder.path(), &args("ucf"));
    assert!(
        line.contains("trainlist01.txt:1: expected a class of classInd.txt, got `Arcery/"),
        "{line}"
    );
    std::fs::write(&list, good).unwrap();
    // All of them, so that it is met at once.
    for class in CLASSES {
        for group in 3..=10 {
            std::fs::write(
                ucf.join(format!("UCF-101/{class}/v_{class}_g{group:02}_c01.avi")),
                "no video",
            )
            .unwrap();
        }
    }
    let ran = run(command(folder.path(), &args("ucf")));
    assert_eq!((ran.code, &*ran.stdout), (4, ""), "{ran:?}");
    let last = ran.stderr.lines().last().unwrap();
    assert!(
        last.starts_with("error: ") && last.contains("_c01.avi") && last.contains("not a video"),
        "{ran:?}"
    );
    assert_eq!(ran.stderr.matches("error: ").count(), 1, "{ran:?}");
}
