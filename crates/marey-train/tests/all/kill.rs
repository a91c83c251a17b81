//! SIGKILL at any moment, while saving too, costs no bit of the result.
//!
//! `MAREY_TRAIN_KILLS=1000 cargo test --release kill -- --nocapture` kills more often than 16 times.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use marey_train::{
    AdamWConfig, CheckpointConfig, FitConfig, Journal, Outcome, Plateau, TrainState, WatchConfig,
    fit, latest, resume,
};

use crate::resume::end;
use crate::tiny::{self, FINGERPRINT, Tiny, batches, run};

const DIR: &str = "MAREY_TRAIN_KILL_DIR";
const KILLS: &str = "MAREY_TRAIN_KILLS";
const LOG: &str = "log";
/// So wide that writing a checkpoint takes a share of the time.
const WIDTH: usize = 2000;

fn kills() -> u64 {
    std::env::var(KILLS).map_or(16, |number| number.parse().unwrap())
}

/// More than are done before the last kill.
fn steps() -> u64 {
    10 * kills()
}

/// Of a run with all kinds of state.
fn config() -> FitConfig {
    let plateau = Plateau { patience: 0, threshold: 0.2, ..Plateau::default() };
    let watch = WatchConfig { every: 3, plateau: Some(plateau), ..WatchConfig::default() };
    let optimizer = AdamWConfig::default().into();
    FitConfig { optimizer, ema: Some(0.9), watch: Some(watch), ..tiny::config(steps()) }
}

/// What the killed process does: starts or goes on, and writes down the digest of its weights.
#[test]
fn child() {
    let Some(dir) = std::env::var_os(DIR).map(PathBuf::from) else { return };
    let (network, vars) = Tiny::new(WIDTH);
    let checkpoint = CheckpointConfig { dir: dir.clone(), every: 1, keep: 2 };
    let config = FitConfig { checkpoint: Some(checkpoint), ..config() };
    let started = latest(&dir).unwrap();
    assert!(started.damaged.is_empty(), "{:?}", started.damaged);
    let mut state = match started.checkpoint {
        None => TrainState::new(FINGERPRINT),
        Some(_) => resume(&dir, &vars, FINGERPRINT).unwrap().state,
    };
    let before = state.step();
    std::fs::create_dir_all(dir.join(LOG)).unwrap();
    let mut journal = Journal::open(dir.join(LOG).join("metrics.jsonl"), &state).unwrap();
    let outcome = fit(&network, &vars, batches(before), &config, &mut state, &mut |report| {
        journal.step(report).unwrap();
        ControlFlow::Continue(())
    });
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    assert_eq!(state.curve().len() as u64, steps());
    // After a start nothing half written is left, whatever the processes before left.
    assert!(before == steps() || temporary(&dir).is_empty());
    std::fs::write(dir.join("digest"), end(&vars, &state)).unwrap();
}

fn start(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::child", "--test-threads", "1"])
        .env(DIR, dir)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Files that a writer has not put in place yet.
fn temporary(dir: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.to_string_lossy().ends_with(".marey-tmp")).collect()
}

fn newest(dir: &Path) -> u64 {
    let checkpoint = latest(dir).unwrap().checkpoint;
    checkpoint.map_or(0, |checkpoint| checkpoint.state().step())
}

#[test]
fn killed_and_restarted_until_done() {
    let (network, vars) = Tiny::new(WIDTH);
    let mut state = TrainState::new(FINGERPRINT);
    let _ = run(&network, &vars, &config(), &mut state).unwrap();
    let uninterrupted = end(&vars, &state);

    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (mut kills, mut in_save, mut saved) = (0u64, 0, 0);
    while kills < self::kills() {
        let mut child = start(dir);
        let begun = Instant::now();
        if kills % 2 == 0 {
            // While it saves: as soon as a new temporary file is seen.
            let left = temporary(dir);
            while child.try_wait().unwrap().is_none()
                && temporary(dir).iter().all(|path| left.contains(path))
                && begun.elapsed() < Duration::from_secs(60)
            {}
        } else {
            std::thread::sleep(Duration::from_millis(5 + kills * 11 % 60));
        }
        let _ = child.kill();
        if child.wait().unwrap().success() {
            break;
        }
        kills += 1;
        in_save += usize::from(!temporary(dir).is_empty());
        let step = newest(dir);
        assert!(step >= saved, "kill {kills}: step {step} after step {saved}");
        saved = step;
    }
    assert!(kills == self::kills(), "only {kills} kills before the run was done");
    assert!(in_save > 0, "no kill while saving");

    assert!(start(dir).wait().unwrap().success());
    assert_eq!(std::fs::read_to_string(dir.join("digest")).unwrap(), uninterrupted);
    assert!(temporary(dir).is_empty());
    let mut files: Vec<_> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    let last = [steps() - 1, steps()].map(|step| format!("step-{step:09}.safetensors"));
    assert_eq!(files, ["digest", LOG, &last[0], &last[1]]);
    let journal = std::fs::read_to_string(dir.join(LOG).join("metrics.jsonl")).unwrap();
    let step = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["step"].as_u64();
    assert!(journal.lines().map(step).eq((1..=steps()).map(Some)), "{journal}");
    println!("{kills} kills, {in_save} of them while saving, the last after step {saved}");
}
