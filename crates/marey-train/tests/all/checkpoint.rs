//! Damage is noticed, and nothing is passed over in silence.

use std::fs;
use std::path::PathBuf;

use marey_train::checkpoint::save;
use marey_train::{
    Checkpoint, CheckpointConfig, Error, FitConfig, TrainState, digest, latest, resume,
};
use tempfile::TempDir;

use crate::tiny::{FINGERPRINT, Tiny, config, run};

/// A run of 5 steps that saved each and kept the last 3.
fn saved() -> (TempDir, FitConfig, String) {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = CheckpointConfig { dir: dir.path().into(), every: 1, keep: 3 };
    let config = FitConfig { checkpoint: Some(checkpoint), ..config(5) };
    let (network, vars) = Tiny::new(1);
    let _ = run(&network, &vars, &config, &mut TrainState::new(FINGERPRINT)).unwrap();
    (dir, config, digest(&vars))
}

fn file(dir: &TempDir, step: u64) -> PathBuf {
    dir.path().join(format!("step-{step:09}.safetensors"))
}

#[test]
fn every_flipped_byte_and_every_truncation_is_noticed() {
    let (dir, ..) = saved();
    let bytes = fs::read(file(&dir, 5)).unwrap();
    let path = dir.path().join("damaged.safetensors");
    let refused = |bytes: &[u8], what: String| {
        fs::write(&path, bytes).unwrap();
        match Checkpoint::read(&path) {
            Err(Error::Checkpoint { path: named, .. }) => assert_eq!(named, path),
            other => panic!("{what}: {other:?}"),
        }
    };
    for place in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[place] ^= 1 << (place % 8);
        refused(&damaged, format!("byte {place} flipped"));
        refused(&bytes[..place], format!("cut to {place} bytes"));
    }
    refused(&[&bytes[..], &[0]].concat(), "a byte too many".into());
    fs::write(&path, &bytes).unwrap();
    assert_eq!(Checkpoint::read(&path).unwrap().state().step(), 5);
}

#[test]
fn the_last_three_stay_and_the_newest_is_found() {
    let (dir, _, weights) = saved();
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert_eq!(names, [file(&dir, 3), file(&dir, 4), file(&dir, 5)]);
    let (_, vars) = Tiny::new(1);
    let resumed = resume(dir.path(), &vars, FINGERPRINT).unwrap();
    assert_eq!((resumed.path, resumed.state.step()), (file(&dir, 5), 5));
    assert_eq!(digest(&vars), weights);
}

#[test]
fn any_reader_of_safetensors_gets_the_weights() {
    let (dir, _, weights) = saved();
    let (_, mut vars) = Tiny::new(1);
    assert_ne!(digest(&vars), weights);
    vars.load(file(&dir, 5)).unwrap();
    assert_eq!(digest(&vars), weights);
}

#[test]
fn damaged_ones_are_named_and_the_one_before_is_taken() {
    let (dir, config, weights) = saved();
    let bytes = fs::read(file(&dir, 5)).unwrap();
    fs::write(file(&dir, 5), &bytes[..bytes.len() / 2]).unwrap();
    // A good file under a wrong name is not of the step it says.
    fs::copy(file(&dir, 3), file(&dir, 7)).unwrap();
    let found = latest(dir.path()).unwrap();
    assert_eq!(found.checkpoint.unwrap().state().step(), 4);
    let text: Vec<String> = found.damaged.iter().map(ToString::to_string).collect();
    assert_eq!(text.len(), 2, "{text:?}");
    assert!(text[0].contains("step-000000007") && text[0].contains("of step 3"), "{text:?}");
    assert!(text[1].contains("step-000000005") && text[1].contains("checksum"), "{text:?}");

    // The run goes on from step 4, and its new checkpoint takes the damaged one's place.
    // Though one file of a later step lies there, it is not taken for an old one.
    let checkpoint = CheckpointConfig { dir: dir.path().into(), every: 1, keep: 1 };
    let config = FitConfig { checkpoint: Some(checkpoint), ..config };
    let (network, vars) = Tiny::new(1);
    let mut resumed = resume(dir.path(), &vars, FINGERPRINT).unwrap();
    let _ = run(&network, &vars, &config, &mut resumed.state).unwrap();
    assert_eq!(digest(&vars), weights);
    assert_eq!(Checkpoint::read(file(&dir, 5)).unwrap().state().step(), 5);
    assert!(!file(&dir, 4).exists() && file(&dir, 7).exists());

    for step in [3, 4, 5, 7] {
        fs::write(file(&dir, step), "").unwrap();
    }
    match resume(dir.path(), &vars, FINGERPRINT) {
        Err(Error::NoCheckpoint { damaged, .. }) => assert_eq!(damaged.len(), 4),
        other => panic!("{other:?}"),
    }
}

#[test]
fn there_is_no_silent_fresh_start() {
    let (dir, config, _) = saved();
    let (network, vars) = Tiny::new(1);
    let typo = dir.path().join("step-00000005.safetensors");
    assert!(matches!(resume(&typo, &vars, FINGERPRINT), Err(Error::Io { .. })));
    let typo = dir.path().join("checkpionts");
    assert!(matches!(resume(&typo, &vars, FINGERPRINT), Err(Error::Io { .. })));
    assert!(latest(&typo).is_err());
    let empty = tempfile::tempdir().unwrap();
    let found = resume(empty.path(), &vars, FINGERPRINT);
    assert!(matches!(found, Err(Error::NoCheckpoint { .. })));
    assert!(latest(empty.path()).unwrap().checkpoint.is_none());
    // A new run does not write over an old one.
    match run(&network, &vars, &config, &mut TrainState::new(FINGERPRINT)) {
        Err(Error::Occupied { newest }) => assert_eq!(newest, file(&dir, 5)),
        other => panic!("{other:?}"),
    }
    // Nor does one that was resumed from elsewhere.
    let other = FitConfig { checkpoint: None, ..config.clone() };
    let mut begun = TrainState::new("another run");
    let _ = run(&network, &vars, &FitConfig { steps: 2, ..other }, &mut begun).unwrap();
    let refused = run(&network, &vars, &config, &mut begun);
    assert!(matches!(refused, Err(Error::Fingerprint { .. })), "{refused:?}");
    assert!(file(&dir, 3).exists());
}

#[test]
fn another_run_or_network_is_refused() {
    let (dir, ..) = saved();
    let (_, vars) = Tiny::new(1);
    let error = resume(dir.path(), &vars, "tiny, seed 8").unwrap_err().to_string();
    assert!(error.contains("tiny, seed 8") && error.contains(FINGERPRINT), "{error}");

    let (_, vars) = Tiny::new(2);
    let before = digest(&vars);
    let error = resume(dir.path(), &vars, FINGERPRINT).unwrap_err().to_string();
    assert!(error.contains("`conv.weight` is [1, 1, 2, 3, 3]"), "{error}");
    assert_eq!(digest(&vars), before);

    let (_, vars) = Tiny::new(1);
    let mut all = vars.data().lock().unwrap();
    let var = all.remove("fc.bias").unwrap();
    all.insert("fc.shift".into(), var);
    drop(all);
    let error = resume(dir.path(), &vars, FINGERPRINT).unwrap_err().to_string();
    assert!(error.contains("`fc.shift` is missing"), "{error}");
    assert!(error.contains("`fc.bias` is not a variable here"), "{error}");
}

#[test]
fn what_is_not_finite_is_not_saved() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.safetensors");
    let (_, vars) = Tiny::new(1);
    save(&path, &vars, &TrainState::new(FINGERPRINT)).unwrap();
    let good = fs::read(&path).unwrap();
    let lock = vars.data().lock().unwrap();
    let var = lock["bn.running_var"].clone();
    drop(lock);
    var.set(&candle::Tensor::new(&[f32::INFINITY], &candle::Device::Cpu).unwrap()).unwrap();
    match save(&path, &vars, &TrainState::new(FINGERPRINT)) {
        Err(Error::NotFinite { name, .. }) => assert_eq!(name, "bn.running_var"),
        other => panic!("{other:?}"),
    }
    assert_eq!(fs::read(&path).unwrap(), good);
}
