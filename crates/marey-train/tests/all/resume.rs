//! A run that was stopped and resumed ends with the bits of one that was not.

use std::ops::ControlFlow;

use candle_nn::VarMap;
use marey_train::{
    AdamWConfig, Checkpoint, CheckpointConfig, FitConfig, Objective, Outcome, Plateau, TrainState,
    WatchConfig, digest, fit, resume, with_averages,
};

use crate::tiny::{FINGERPRINT, Tiny, batches, config, run};

const STEPS: u64 = 12;

/// The uninterrupted run's weights (their averages where it has some), and its losses.
fn whole(config: &FitConfig) -> (String, Vec<f32>) {
    let (network, vars) = Tiny::new(4);
    let first = digest(&vars);
    let mut state = TrainState::new(FINGERPRINT);
    let outcome = run(&network, &vars, config, &mut state).unwrap();
    assert_eq!(outcome, Outcome::Finished);
    assert_ne!(digest(&vars), first);
    (end(&vars, &state), state.curve().iter().map(|point| point.loss).collect())
}

/// The digest of the weights, and of their averages where there are some.
pub(crate) fn end(vars: &VarMap, state: &TrainState) -> String {
    let averages = with_averages(vars, state, || Ok(digest(vars))).unwrap_or_default();
    digest(vars) + &averages
}

#[test]
fn stopped_after_any_step() {
    stop_and_resume(config(STEPS));
}

#[test]
fn stopped_after_any_step_of_adamw_with_averages() {
    let optimizer = AdamWConfig { rate: 0.01, ..AdamWConfig::default() }.into();
    let config = FitConfig { optimizer, ema: Some(0.7), ..config(STEPS) };
    assert_eq!(whole(&config).0.len(), 128);
    stop_and_resume(config);
}

#[test]
fn stopped_after_any_step_of_mixed_parts() {
    let objective = Objective::SoftCrossEntropy { smoothing: 0.1, mixup: Some(0.4) };
    let config = FitConfig { objective, max_clips: Some(3), ..config(STEPS) };
    stop_and_resume(FitConfig { clip_grad_norm: None, clip_grad_value: Some(0.1), ..config });
}

#[test]
fn stopped_after_any_step_on_a_plateau() {
    // The loss does not halve: the rate falls at each second value.
    let plateau = Plateau { patience: 0, threshold: 0.5, cooldown: 1, ..Plateau::default() };
    let watch = WatchConfig { every: 2, plateau: Some(plateau), ..WatchConfig::default() };
    stop_and_resume(FitConfig { watch: Some(watch), ..config(STEPS) });
}

fn stop_and_resume(config: FitConfig) {
    let (weights, losses) = whole(&config);
    assert_eq!(whole(&config).0, weights, "the same run twice");
    assert_eq!(losses.len() as u64, STEPS);
    for stop in 1..STEPS {
        let dir = tempfile::tempdir().unwrap();
        let checkpoint = CheckpointConfig { dir: dir.path().to_path_buf(), every: 1000, keep: 2 };
        let config = FitConfig { checkpoint: Some(checkpoint), ..config.clone() };
        let (network, vars) = Tiny::new(4);
        let mut state = TrainState::new(FINGERPRINT);
        let outcome = fit(&network, &vars, batches(0), &config, &mut state, &mut |report| {
            if report.step + 1 == stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert_eq!((outcome.unwrap(), state.step()), (Outcome::Stopped, stop));

        let (network, vars) = Tiny::new(4);
        let mut resumed = resume(dir.path(), &vars, FINGERPRINT).unwrap();
        assert_eq!((resumed.state.step(), resumed.damaged.len()), (stop, 0));
        let outcome = run(&network, &vars, &config, &mut resumed.state).unwrap();
        assert_eq!(outcome, Outcome::Finished);
        assert_eq!(end(&vars, &resumed.state), weights, "stopped after {stop} steps");
        let curve = resumed.state.curve();
        let whole: Vec<f32> = curve.iter().map(|point| point.loss).collect();
        assert_eq!(whole, losses, "stopped after {stop} steps");
    }
}

#[test]
fn each_part_of_the_state_is_needed() {
    // Without the velocities and the step, or with another seed, the weights differ: the test
    // above would notice a part that is not restored.
    let (weights, _) = whole(&config(STEPS));
    let dir = tempfile::tempdir().unwrap();
    let (network, vars) = Tiny::new(4);
    let mut state = TrainState::new(FINGERPRINT);
    let half = FitConfig { steps: 6, ..config(STEPS) };
    assert_eq!(run(&network, &vars, &half, &mut state).unwrap(), Outcome::Finished);
    let path = dir.path().join("half.safetensors");
    marey_train::checkpoint::save(&path, &vars, &state).unwrap();

    let end = |config: &FitConfig, change: &dyn Fn(TrainState) -> TrainState| {
        let (network, vars) = Tiny::new(4);
        let state = Checkpoint::read(&path).unwrap().restore(&vars, FINGERPRINT).unwrap();
        let mut state = change(state);
        let _ = run(&network, &vars, config, &mut state).unwrap();
        digest(&vars)
    };
    let same = |state| state;
    assert_eq!(end(&config(STEPS), &same), weights);
    let other_seed = FitConfig { seed: 8, ..config(STEPS) };
    assert_ne!(end(&other_seed, &same), weights);
    // The restored weights with a fresh state: no velocities, and the warm-up once more.
    assert_ne!(end(&config(STEPS), &|_| TrainState::new(FINGERPRINT)), weights);
}
