//! `classify`: good videos beside every bad one.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::files::{MP4, file, gif, weights, y4m};
use crate::support::{command, done, json, refusal, run};

struct Setting {
    folder: tempfile::TempDir,
    weights: String,
    labels: String,
}

/// MC3-18 with two classes.
fn setting() -> Setting {
    let folder = tempfile::tempdir().unwrap();
    let weights = weights(folder.path(), "mc3-18", 2).to_str().unwrap().to_string();
    let labels = file(folder.path(), "labels.txt", "sit\n\nstand\n");
    Setting { folder, weights, labels }
}

impl Setting {
    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn args<'a>(&'a self, videos: &[&'a str]) -> Vec<&'a str> {
        let rest = ["--model", "mc3-18", "--weights", &self.weights, "--labels", &self.labels];
        ["classify"].iter().chain(videos).copied().chain(rest).collect()
    }

    fn classify(&self, video: &str) -> Command {
        command(self.path(), &self.args(&[video]))
    }

    /// The one line about `video`, which is refused with `code`.
    fn refused(&self, code: i32, video: &str) -> String {
        let line = refusal(code, self.classify(video));
        assert!(line.contains(video), "{line} does not name {video}");
        line
    }
}

fn assert_stands(answer: &Value, frames: usize) {
    let top = answer["top"].as_array().unwrap();
    assert_eq!((&answer["frames"], top.len()), (&frames.into(), 2));
    // exp(ln 3) and exp(0), by their sum.
    for (action, (label, score)) in top.iter().zip([("stand", 0.75), ("sit", 0.25)]) {
        assert_eq!(action["label"], label);
        assert!((action["score"].as_f64().unwrap() - score).abs() < 1e-6, "{action}");
    }
}

#[test]
fn classify_answers_by_content_and_goes_on_after_a_bad_video() {
    let setting = setting();
    // Content decides, not the name; and a bad video in the middle costs neither the others nor the exit code.
    let good = file(setting.path(), "good.mp4", y4m(1, 20));
    let bad = file(setting.path(), "bad.y4m", "no video");
    let other = file(setting.path(), "other.avi", gif(2, 5));
    let mut args = setting.args(&[&good, &bad, &other]);
    args.extend(["--clips", "1", "--json"]);
    let ran = run(command(setting.path(), &args));
    assert_eq!((ran.code, ran.stderr.lines().count()), (4, 1), "{ran:?}");
    assert!(ran.stderr.starts_with("error: ") && ran.stderr.contains("bad.y4m"), "{ran:?}");
    let answers: Value = serde_json::from_str(&ran.stdout).unwrap();
    let answers = answers["videos"].as_array().unwrap();
    let videos: Vec<&str> = answers.iter().map(|a| a["video"].as_str().unwrap()).collect();
    assert_eq!(videos, [&*good, &*bad, &*other]);
    assert_stands(&answers[0], 20);
    assert!(ran.stderr.ends_with(&format!("error: {}\n", answers[1]["error"].as_str().unwrap())));
    assert_stands(&answers[2], 5);
}

#[test]
fn classify_prints_the_best_class_first() {
    let setting = setting();
    let good = file(setting.path(), "good.y4m", y4m(3, 16));
    let mut args = setting.args(&[&good]);
    args.extend(["--top", "1"]);
    let text = done(setting.path(), &args).stdout;
    assert_eq!(text, format!("{good} (16 frames, 1 clip)\n  0.7500  stand\n"));
}

#[test]
fn classify_refuses_what_is_no_video() {
    let setting = setting();
    let folder = setting.path();
    let line = setting.refused(3, "missing.mp4");
    assert!(line.contains("no such file"), "{line}");
    let line = setting.refused(4, &file(folder, "text.mp4", "hello, this is no film\n"));
    assert!(line.contains("not a video"), "{line}");
    let line = setting.refused(4, &file(folder, "empty.mp4", ""));
    assert!(line.contains("it is empty"), "{line}");
    let whole = gif(1, 8);
    let line = setting.refused(4, &file(folder, "cut.gif", &whole[..whole.len() / 2]));
    assert!(line.contains("truncated") || line.contains("ends"), "{line}");
    let whole = y4m(1, 8);
    let line = setting.refused(4, &file(folder, "cut.y4m", &whole[..whole.len() - 1]));
    assert!(line.contains("7 of 8 frames"), "{line}");
    std::fs::create_dir(folder.join("no images")).unwrap();
    setting.refused(4, folder.join("no images").to_str().unwrap());
}

#[test]
fn classify_says_what_to_install() {
    let setting = setting();
    let mut classify = setting.classify(&file(setting.path(), "film.mp4", MP4));
    classify.env("PATH", "");
    let line = refusal(4, classify);
    assert!(
        line.contains("film.mp4") && line.contains("install") && line.contains("ffmpeg"),
        "{line}"
    );
}

#[test]
fn classify_refuses_weights_and_labels_that_do_not_fit() {
    let setting = setting();
    let folder = setting.path();
    let video = file(folder, "good.y4m", y4m(1, 16));
    let refused = |code, model: &str, weights: &str, labels: &str| {
        let args = ["classify", &video, "--model", model, "--weights", weights, "--labels", labels];
        refusal(code, command(folder, &args))
    };
    let Setting { weights, labels, .. } = &setting;
    let line = refused(4, "r3d-18", weights, labels);
    assert!(line.contains("these are not the weights of r3d-18"), "{line}");
    assert!(refused(3, "mc3-18", weights, "nowhere.txt").contains("nowhere.txt"));
    assert!(refused(3, "mc3-18", "nowhere.pth", labels).contains("nowhere.pth"));
    let empty = file(folder, "none.txt", "\n\n");
    assert!(refused(4, "mc3-18", weights, &empty).contains("none.txt"));
    // Without labels the network has the 400 classes of its paper.
    let args = ["classify", &video, "--model", "mc3-18", "--weights", weights];
    let line = refusal(4, command(folder, &args));
    assert!(line.contains("fc.bias: [2] instead of [400]"), "{line}");
}

#[test]
fn classify_finds_the_flow_that_a_network_sees() {
    let folder = tempfile::tempdir().unwrap();
    let weights = weights(folder.path(), "i3d-flow", 2).to_str().unwrap().to_string();
    let labels = file(folder.path(), "two.txt", "left\nright\n");
    let video = file(folder.path(), "video.gif", gif(0, 9));
    let args =
        ["classify", &video, "--model", "i3d-flow", "--weights", &weights, "--labels", &labels];
    let rest = ["--flow", "fast", "--frames", "8", "--clips", "1", "--json"];
    let answer = json(folder.path(), &[&args[..], &rest].concat());
    assert_eq!(answer["videos"][0]["frames"], 9, "{answer}");
    // Weights are all 0.
    assert_eq!(answer["videos"][0]["top"][0]["score"], 0.5, "{answer}");
    let ran = run(command(folder.path(), &[&args[..], &["--flow", "brox"]].concat()));
    assert!(ran.code == 2 && ran.stderr.contains("ipol, opencv, fast"), "{ran:?}");
}
