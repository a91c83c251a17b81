//! `eval` of a run: the test of the run itself, other protocols, interrupted, and with weights of something else; and
//! `classify` by a run.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::data::folders;
use crate::files::{file, y4m};
use crate::support::{command, done, failed, json, refused};
use crate::train::{kill, scored, tiny, train};

/// A folder with a run of two steps in `run`.
fn trained() -> tempfile::TempDir {
    let folder = tiny();
    done(folder.path(), &train("run", &["--set", "train.epochs=0.34"]));
    folder
}

fn bytes(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn eval_is_the_test_of_the_run_and_others() {
    let folder = trained();
    let folder = folder.path();
    done(folder, &["eval", "run"]);
    let same = bytes(folder, "run/eval-2x1-softmax/scores.safetensors");
    assert!(same == bytes(folder, "run/scores.safetensors"));

    let more = json(folder, &["eval", "run", "--clips", "2", "--crops", "3", "--json"]);
    assert_eq!((&more["videos"], &more["clips"]), (&24.into(), &(24 * 2 * 3).into()));
    let protocol = more["protocol"].as_str().unwrap();
    assert!(
        protocol.starts_with("2 clips of 4 frames (each 4 after the last), 3 crops"),
        "{protocol}"
    );
    assert!(protocol.ends_with("; softmax scores averaged"), "{protocol}");
    let written = bytes(folder, "run/eval-2x3-softmax/numbers.json");
    assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), more);

    // `--clips` counts though the recipe says otherwise.
    let whole =
        json(folder, &["eval", "run", "--set", "test.whole=true", "--average", "logits", "--json"]);
    assert_eq!(whole["clips"], 24);
    // What its name does not say is in the hash after it.
    let entries = std::fs::read_dir(folder.join("run")).unwrap().flatten();
    let mut names = entries.map(|entry| entry.file_name().into_string().unwrap());
    let logits = names.find(|name| name.starts_with("eval-wholex1-logits-")).unwrap();
    // Scores are shares whatever was averaged: they are fused, and count the same videos as right.
    let file = format!("run/{logits}/scores.safetensors");
    let fused = json(folder, &["fuse", &file, "--rule", "mean", "--json"]);
    assert_eq!(fused["top1"], whole["top1"]);
    let args = ["eval", "run", "--set", "test.whole=true", "--clips", "2", "--out", "two"];
    done(folder, &args);
    assert!(bytes(folder, "two/scores.safetensors") == same);

    // The scores are what `fuse` takes.
    let files = ["run/scores.safetensors", "two/scores.safetensors"];
    let fused = json(folder, &["fuse", files[0], files[1], "--rule", "mean", "--json"]);
    assert_eq!((&fused["videos"], &fused["classes"]), (&24.into(), &12.into()));
}

#[test]
fn a_killed_eval_goes_on_where_it_was() {
    let folder = trained();
    let folder = folder.path();
    let args =
        |out| ["eval", "run", "--clips", "9", "--crops", "10", "--threads", "1", "--out", out];
    done(folder, &args("whole"));
    let mut child = command(folder, &args("killed"));
    let child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let journal = folder.join("killed/test.jsonl");
    kill(child, || scored(&journal) > 2);
    let kept = scored(&journal);
    let rest = done(folder, &args("killed"));
    let line = rest.stderr.lines().next().unwrap_or_default();
    assert!(line == format!("r3d-18: {kept} of 24 videos were done before"), "{rest:?}");
    let scores = |out: &str| bytes(folder, &format!("{out}/scores.safetensors"));
    assert!(scores("killed") == scores("whole"));
    assert!(!journal.exists());

    // What is kept of another test is not taken.
    let head = std::fs::write(&journal, "{\"fingerprint\":\"another\"}\n{\"unreadable\":\"x\"}\n");
    head.unwrap();
    assert!(!done(folder, &args("killed")).stderr.contains("done before"));
    assert!(scores("killed") == scores("whole"));
}

#[test]
fn eval_refuses_what_is_no_run_and_weights_of_something_else() {
    let folder = trained();
    let folder = folder.path();
    let line = refused(3, folder, &["eval", "nowhere"]);
    assert!(line.contains("nowhere/recipe.toml"), "{line}");
    // Two classes in place of twelve.
    folders(&folder.join("set"));
    let args = ["eval", "run", "--data", "folders", "--root", "set"];
    let line = failed(4, command(folder, &args));
    assert!(
        line.contains("run/labels.txt: class 0 is `raise arm`, of set split 1 `jump`"),
        "{line}"
    );
    let model = ["eval", "--model", "r3d-18", "--weights", "run/weights.safetensors"];
    let thin = ["--data", "folders", "--root", "set", "--set", "width=0.0625"];
    let line = failed(4, command(folder, &[&model[..], &thin].concat()));
    assert!(
        line.contains("run/weights.safetensors: these are not the weights of r3d-18"),
        "{line}"
    );
    assert!(line.contains("fc.bias: [12] instead of [2]"), "{line}");
    std::fs::remove_file(folder.join("run/weights.safetensors")).unwrap();
    let line = refused(3, folder, &["eval", "run"]);
    assert!(line.contains("run/weights.safetensors"), "{line}");
}

#[test]
fn a_run_names_the_action_in_a_video() {
    let folder = trained();
    let folder = folder.path();
    file(folder, "v.y4m", y4m(1, 40));
    let found = json(folder, &["classify", "v.y4m", "--run", "run", "--top", "12", "--json"]);
    assert_eq!(found["model"], "r3d-18");
    let video = &found["videos"][0];
    // The clips of the run's tests, and its classes.
    assert_eq!((&video["frames"], &video["clips"]), (&40.into(), &2.into()));
    let mut met: Vec<&str> =
        video["top"].as_array().unwrap().iter().map(|a| a["label"].as_str().unwrap()).collect();
    let labels = std::fs::read_to_string(folder.join("run/labels.txt")).unwrap();
    let mut wanted: Vec<&str> = labels.lines().collect();
    met.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(met, wanted);
    let line = refused(3, folder, &["classify", "v.y4m", "--run", "nowhere"]);
    assert!(line.contains("nowhere/recipe.toml"), "{line}");

    // `eval` of a dataset of that video alone gives the same scores.
    file(folder, "classes.txt", &labels);
    file(folder, "train.txt", "v.y4m 0\n");
    file(folder, "test.txt", "v.y4m 0\n");
    done(folder, &["eval", "run", "--data", "list", "--root", ".", "--out", "one"]);
    let scores =
        candle::safetensors::load(folder.join("one/scores.safetensors"), &candle::Device::Cpu);
    let scores = scores.unwrap()["scores"].to_vec2::<f32>().unwrap();
    for action in video["top"].as_array().unwrap() {
        let class = action["class"].as_u64().unwrap() as usize;
        let difference = f64::from(scores[0][class]) - action["score"].as_f64().unwrap();
        assert!(difference.abs() < 1e-6, "{action}");
    }
}
