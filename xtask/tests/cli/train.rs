//! `train` on the generated benchmark: run, run again, killed, stopped, and taken up again to the same bits.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::data::folders;
use crate::files::file;
use crate::support::{command, done, failed, json, read, refusal, stop};

/// A network of a sixteenth of its channels, 40 steps.
const RECIPE: &str = r#"
model = "r3d-18"
width = 0.0625
seed = 3

[data]
name = "marionettes"

[data.marionettes]
side = 32
train = 24
test = 24

[clip]
frames = 4
stride = 4
size = 32
crop = 28
normalize = "signed"

[train]
epochs = 6.666
batch = 4
rate = 0.02

[save]
every = 0.3

[test]
clips = 2
"#;
const STEPS: u64 = 40;

/// The same on the videos of [`folders`] in `set`, 4 steps.
pub(crate) const FOLDERS: [&str; 6] =
    ["--set", "data.name=folders", "--set", "data.root=set", "--set", "train.epochs=4"];

/// A folder with the recipe `tiny.toml`.
pub(crate) fn tiny() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    file(folder.path(), "tiny.toml", RECIPE);
    folder
}

/// `train` of the recipe into `out`.
pub(crate) fn train<'a>(out: &'a str, rest: &[&'a str]) -> Vec<&'a str> {
    [&["train", "tiny.toml", "--out", out], rest].concat()
}

/// What a run leaves that may not depend on how often it was interrupted.
fn results(run: &Path) -> [Vec<u8>; 4] {
    let names = ["weights.safetensors", "numbers.json", "scores.safetensors", "report.html"];
    names.map(|name| std::fs::read(run.join(name)).unwrap())
}

/// The lines of metrics.jsonl, without what the clock says.
fn metrics(run: &Path) -> Vec<Value> {
    let text = read(&run.join("metrics.jsonl"));
    let line = |line| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        (line["seconds"], line["wait"]) = (Value::Null, Value::Null);
        line
    };
    text.lines().map(line).collect()
}

fn assert_same(run: &Path, whole: &Path) {
    for (met, wanted) in results(run).iter().zip(results(whole)) {
        assert!(*met == wanted, "{} differs from {}", run.display(), whole.display());
    }
    assert_eq!(metrics(run), metrics(whole));
    assert!(metrics(run).iter().map(|line| line["step"].as_u64()).eq((1..=STEPS).map(Some)));
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().into_string().unwrap()).collect()
}

#[test]
fn a_run_leaves_what_it_promises_and_is_not_run_twice() {
    let folder = tiny();
    let folder = folder.path();
    let first = done(folder, &["train", "tiny.toml"]);
    let run = folder.join("runs/tiny");
    let wanted = [
        "checkpoints",
        "confusion.png",
        "confusion.svg",
        "events",
        "labels.txt",
        "metrics.jsonl",
        "numbers.json",
        "recipe.toml",
        "report.html",
        "scores.safetensors",
        "weights.safetensors",
    ];
    assert_eq!(names(&run), wanted.map(String::from).into());
    let kept = [38, 40].map(|step| format!("step-{step:09}.safetensors"));
    assert_eq!(names(&run.join("checkpoints")), kept.into());
    assert_eq!(names(&run.join("events")).len(), 1);
    assert_eq!(read(&run.join("labels.txt")).lines().count(), 12);
    assert!(first.stdout.starts_with("r3d-18 of width 0.0625 on Marionettes: trained here for 40"));
    assert!(first.stderr.contains("r3d-18: step 40 of 40, loss "), "{}", first.stderr);

    // Again: no step is taken, and the numbers are the same.
    let before = results(&run);
    let again = run_json(folder, &["train", "tiny.toml", "--json"]);
    assert!(!again.1.contains(": step ") && again.1.contains("goes on after step 40: "));
    assert!(results(&run) == before);
    let numbers: Value = serde_json::from_str(&read(&run.join("numbers.json"))).unwrap();
    assert_eq!(again.0, numbers);
    assert_eq!((&numbers["videos"], &numbers["clips"]), (&24.into(), &48.into()));
    // Top-1 is the diagonal of the confusion matrix.
    let right: u64 = (0..12).map(|k| numbers["confusion"][k][k].as_u64().unwrap()).sum();
    assert!((numbers["top1"].as_f64().unwrap() - right as f64 / 24.).abs() < 1e-12);

    // The recipe that it left is the run: elsewhere it gives the same bits.
    done(folder, &["train", "runs/tiny/recipe.toml", "--out", "copy", "--threads", "1"]);
    assert_same(&folder.join("copy"), &run);
}

fn run_json(folder: &Path, args: &[&str]) -> (Value, String) {
    let ran = done(folder, args);
    (serde_json::from_str(&ran.stdout).unwrap(), ran.stderr)
}

/// The newest checkpoint's step, by the names of the files.
fn newest(run: &Path) -> u64 {
    let step =
        |name: &String| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok();
    names(&run.join("checkpoints")).iter().filter_map(step).max().unwrap_or(0)
}

fn is_saving(run: &Path) -> bool {
    names(&run.join("checkpoints")).iter().any(|name| name.ends_with(".marey-tmp"))
}

/// The videos that are scored in the journal of a test.
pub(crate) fn scored(journal: &Path) -> usize {
    std::fs::read_to_string(journal).map_or(0, |text| text.lines().count().saturating_sub(1))
}

/// Waits until `reached`, and kills `child`, which is still at work.
pub(crate) fn kill(mut child: Child, reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        assert!(child.try_wait().unwrap().is_none(), "done before it was killed");
        std::thread::sleep(Duration::from_micros(100));
    }
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success(), "done before it was killed");
}

#[test]
fn killed_at_any_moment_a_run_ends_with_the_bits_of_one_left_alone() {
    let folder = tiny();
    let folder = folder.path();
    done(folder, &train("whole", &[]));
    let run = folder.join("run");
    let journal = run.join("test.jsonl");
    let start = || {
        let mut command = command(folder, &train("run", &[]));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let begun = Instant::now();
    kill(start(), || begun.elapsed() > Duration::from_millis(10));
    kill(start(), || newest(&run) >= 4);
    let saved = newest(&run);
    kill(start(), || newest(&run) > saved && is_saving(&run));
    kill(start(), || newest(&run) >= 20);
    kill(start(), || scored(&journal) > 2);
    // Of the last line a half.
    let text = std::fs::read(&journal).unwrap();
    std::fs::write(&journal, &text[..text.len() - 7]).unwrap();
    let rest = done(folder, &train("run", &[])).stderr;
    assert!(rest.contains("goes on after step 40: ") && rest.contains(" videos were done before"));
    assert_same(&run, &folder.join("whole"));
    assert!(!journal.exists() && !is_saving(&run));
}

#[test]
fn stopped_a_run_says_so_and_goes_on() {
    if cfg!(not(unix)) {
        return;
    }
    let folder = tiny();
    let folder = folder.path();
    let stopped = stop(command(folder, &train("run", &[])), "r3d-18: step 4 of 40");
    assert_eq!((stopped.code, &*stopped.stdout), (130, ""), "{stopped:?}");
    let last = "error: interrupted; the same command goes on from here";
    assert_eq!(stopped.stderr.lines().last(), Some(last));
    let step = newest(&folder.join("run"));
    assert!((4..STEPS).contains(&step), "{step}");
    let rest = done(folder, &train("run", &[])).stderr;
    assert!(rest.contains(&format!("goes on after step {step}: ")), "{rest}");
    done(folder, &train("whole", &[]));
    assert_same(&folder.join("run"), &folder.join("whole"));
}

#[test]
fn a_full_disk_ends_a_run_and_costs_no_checkpoint() {
    if cfg!(not(unix)) {
        return;
    }
    let folder = tiny();
    let folder = folder.path();
    let run = folder.join("run");
    let stopped = stop(command(folder, &train("run", &[])), "r3d-18: step 4 of 40");
    assert_eq!(stopped.code, 130);
    let saved = newest(&run);
    // No file longer than 256 KiB: lines of metrics have room, checkpoints have not.
    let limited = "trap '' XFSZ; ulimit -f 512; exec \"$0\" \"$@\"";
    let xtask = env!("CARGO_BIN_EXE_xtask");
    let mut command = std::process::Command::new("sh");
    command.args([&["-c", limited, xtask], &train("run", &[])[..]].concat()).current_dir(folder);
    let line = failed(5, command);
    assert!(line.contains("run/checkpoints/step-") && line.contains("cannot write it: "), "{line}");
    assert_eq!(newest(&run), saved);
    done(folder, &train("run", &[]));
    done(folder, &train("whole", &[]));
    assert_same(&run, &folder.join("whole"));
}

#[test]
fn unreadable_videos_are_named_and_counted() {
    let folder = tiny();
    let folder = folder.path();
    folders(&folder.join("set"));
    file(&folder.join("set/test/run"), "bad.gif", "GIF89a, or not");
    file(&folder.join("set/train/run"), "worse.gif", "GIF89a, or not");
    let args = train("run", &FOLDERS);
    let ran = done(folder, &args);
    assert_eq!(ran.stderr.matches("skipped: video `run/bad.gif`").count(), 1, "{}", ran.stderr);
    assert!(
        ran.stdout.contains("1 video could not be read and count for nothing:\n  run/bad.gif: ")
    );
    let left_out = "1 training video could not be read and were left out:\n  run/worse.gif: ";
    assert!(ran.stdout.contains(left_out), "{}", ran.stdout);
    let numbers = json(folder, &[&args[..], &["--json"]].concat());
    assert_eq!(
        (&numbers["videos"], &numbers["unreadable"][0]["video"]),
        (&2.into(), &"run/bad.gif".into())
    );
    assert!(read(&folder.join("run/report.html")).contains("run/bad.gif"));
    // With none that can be read there is no number.
    let paths: [PathBuf; 2] =
        ["jump", "run"].map(|class| folder.join("set/test").join(class).join("2.y4m"));
    for path in paths {
        std::fs::write(path, b"no video").unwrap();
    }
    let line = failed(4, command(folder, &train("none", &FOLDERS)));
    assert_eq!(line, "error: none of 3 videos could be read");
}

#[test]
fn a_changed_recipe_is_refused_in_the_folder_of_another() {
    let folder = tiny();
    let folder = folder.path();
    let short = ["--set", "train.epochs=0.5"];
    done(folder, &train("run", &short));
    let before = read(&folder.join("run/recipe.toml"));
    let changed = [&short[..], &["--set", "train.rate=0.1", "--seed", "4"]].concat();
    let line = refusal(2, command(folder, &train("run", &changed)));
    for part in [
        "run: a run of another recipe is there",
        "train.rate = 0.02",
        "train.rate = 0.1",
        "seed = 4",
    ] {
        assert!(line.contains(part), "{line}");
    }
    assert!(line.len() < 600, "{line}");
    assert_eq!(read(&folder.join("run/recipe.toml")), before);
    // How it is tested and how often it is saved may change.
    done(
        folder,
        &train("run", &[&short[..], &["--set", "test.crops=3", "--set", "save.keep=1"]].concat()),
    );
}

#[test]
fn the_best_weights_are_tested_where_they_are_kept() {
    let folder = tiny();
    let folder = folder.path();
    let watch =
        ["--set", "watch.every=0.5", "--set", "watch.keep_best=true", "--set", "train.ema=0.9"];
    let ran = done(folder, &train("run", &watch));
    assert!(ran.stderr.contains("the accuracy on the test videos is watched"), "{}", ran.stderr);
    let run = folder.join("run");
    // The first of the steps with the highest value.
    let mut best = (0, f64::NEG_INFINITY);
    for line in metrics(&run) {
        if let Some(value) = line["watched"].as_f64().filter(|value| *value > best.1) {
            best = (line["step"].as_u64().unwrap(), value);
        }
    }
    let numbers: Value = serde_json::from_str(&read(&run.join("numbers.json"))).unwrap();
    assert_eq!(numbers["steps"], best.0);
    assert!((3..STEPS).contains(&best.0), "{best:?}: no test of the best and the last");
    // Held out videos take the place of the test videos.
    let held_out = [&watch[..], &["--set", "data.validation=0.5"]].concat();
    let ran = done(folder, &train("held-out", &held_out));
    assert!(
        ran.stderr.contains("the accuracy on held out training videos is watched"),
        "{}",
        ran.stderr
    );
}
