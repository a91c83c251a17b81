//! A real network on real batches, killed at any moment and restarted until it is done, ends with the bits of one that was
//! left alone.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use candle::{DType, Device};
use candle_nn::VarMap;
use marey::clip::{ClipSampler, Normalize, Window, normalize, random_crop};
use marey::data::{Loader, LoaderConfig, Marionettes, MarionettesConfig, Subset};
use marey::layers::seeded;
use marey::train::{
    CheckpointConfig, FitConfig, Outcome, Schedule, SgdConfig, TrainState, Warmup, digest, fit,
    latest, resume,
};
use marey::zoo::{self, Sizes};

use crate::support::rerun;

/// The folder that the child works in.
const FOLDER: &str = "MAREY_TESTS_KILL";
const FINGERPRINT: &str = "c3d / 16, marionettes, seed 5";
/// An epoch has 4 of them.
const STEPS: u64 = 18;
const EVERY: u64 = 2;

/// Trains a thin C3D on Marionettes in `folder`, from its last checkpoint; the step it began at, and the digest.
fn train(folder: &Path) -> (u64, String) {
    let vars = VarMap::new();
    let sizes = Sizes { c_in: 3, classes: 12, input: [8, 32, 32], shrink: 16, dropout: None };
    let vb = seeded(&vars, 5, DType::F32, &Device::Cpu);
    let network = zoo::find("c3d").unwrap().build(&sizes, vb).unwrap();

    let found = folder.is_dir().then(|| latest(folder).unwrap());
    assert!(found.iter().all(|found| found.damaged.is_empty()), "{found:?}");
    let mut state = match found.and_then(|found| found.checkpoint) {
        Some(_) => resume(folder, &vars, FINGERPRINT).unwrap().state,
        None => TrainState::new(FINGERPRINT),
    };
    let begun = state.step();

    let config =
        MarionettesConfig { width: 40, height: 40, train: 36, seed: 5, ..Default::default() };
    let window = Window { length: 8, stride: 4 };
    let loader = LoaderConfig {
        batch: 8,
        sampler: ClipSampler::Random(window),
        seed: 5,
        threads: 2,
        ..Default::default()
    };
    let videos = Arc::new(Marionettes::new(config, Subset::Train).unwrap());
    let loader = Loader::new(videos, loader, |clip, rng| {
        normalize(&random_crop(&clip, 32, 32, rng)?, &Normalize::SIGNED)
    })
    .unwrap();
    assert_eq!(loader.steps_per_epoch(), 4);
    let batches = loader.batches_from(begun).unwrap();
    let batches = batches.map(|batch| batch.map(|batch| (batch.clips, batch.labels)));

    let config = FitConfig {
        optimizer: SgdConfig {
            rate: 0.02,
            nesterov: true,
            weight_decay: 1e-3,
            ..Default::default()
        }
        .into(),
        schedule: Schedule::cosine(STEPS).with_warmup(Warmup { steps: 3, start: 0.1 }),
        steps: STEPS,
        seed: 5,
        clip_grad_norm: Some(5.),
        checkpoint: Some(CheckpointConfig { dir: folder.to_path_buf(), every: EVERY, keep: 2 }),
        ..Default::default()
    };
    // Slow enough to be killed between two checkpoints.
    let outcome = fit(&*network, &vars, batches, &config, &mut state, &mut |_| {
        std::thread::sleep(Duration::from_millis(15));
        ControlFlow::Continue(())
    });
    let outcome = outcome.unwrap();
    assert_eq!((outcome, state.curve().len() as u64), (Outcome::Finished, STEPS));
    (begun, digest(&vars))
}

/// What the killed process does.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else { return };
    let (begun, digest) = train(&folder.join("run"));
    std::fs::write(folder.join("answer"), format!("{begun} {digest}")).unwrap();
}

fn start(folder: &Path) -> Child {
    rerun("kill::child").env(FOLDER, folder).stdout(Stdio::null()).spawn().unwrap()
}

/// The step of the newest checkpoint, by the names of the files.
fn newest(run: &Path) -> u64 {
    let files = std::fs::read_dir(run).into_iter().flatten().flatten();
    let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
    let step =
        |name: String| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok();
    names.filter_map(step).max().unwrap_or(0)
}

fn is_saving(run: &Path) -> bool {
    let files = std::fs::read_dir(run).into_iter().flatten().flatten();
    files.map(|file| file.file_name()).any(|name| name.to_string_lossy().ends_with(".marey-tmp"))
}

/// Waits until `done`, or the child has ended.
fn wait(child: &mut Child, done: impl Fn() -> bool) {
    let begun = Instant::now();
    while !done()
        && child.try_wait().unwrap().is_none()
        && begun.elapsed() < Duration::from_secs(60)
    {
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Waits for the moment to kill the child, started when the newest checkpoint was of that step.
type Moment<'a> = &'a dyn Fn(&mut Child, u64);

#[test]
fn killed_and_restarted_until_done() {
    let alone = tempfile::tempdir().unwrap();
    let (_, uninterrupted) = train(&alone.path().join("run"));

    let folder = tempfile::tempdir().unwrap();
    let (folder, run) = (folder.path(), folder.path().join("run"));
    // Before its first checkpoint, with the first in place, some while after a later one, and while it saves.
    let moments: [Moment; 4] = [
        &|_, _| std::thread::sleep(Duration::from_millis(10)),
        &|child, saved| wait(child, || newest(&run) > saved),
        &|child, saved| {
            wait(child, || newest(&run) > saved);
            std::thread::sleep(Duration::from_millis(25));
        },
        &|child, _| {
            // What a kill before left half written is gone by the first step.
            wait(child, || !is_saving(&run));
            wait(child, || is_saving(&run));
        },
    ];
    let mut kills = Vec::new();
    for moment in moments {
        let saved = newest(&run);
        let mut child = start(folder);
        moment(&mut child, saved);
        child.kill().unwrap();
        assert!(
            !child.wait().unwrap().success(),
            "done before it was killed for the {}th time",
            kills.len() + 1
        );
        assert!(newest(&run) >= saved);
        kills.push(newest(&run));
    }
    println!("killed after checkpoints {kills:?}");
    assert!(start(folder).wait().unwrap().success());
    let answer = std::fs::read_to_string(folder.join("answer")).unwrap();
    let (begun, digest) = answer.split_once(' ').unwrap();
    assert_eq!(
        begun,
        kills[3].to_string(),
        "the last process goes on where the one before it saved"
    );
    assert!((EVERY..STEPS).contains(&kills[3]), "{kills:?}");
    assert_eq!(digest, uninterrupted);
}
