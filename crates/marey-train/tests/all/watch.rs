//! What follows from a watched value while a network trains.

use std::ops::ControlFlow;

use candle_nn::VarMap;
use marey_train::checkpoint::BEST;
use marey_train::{
    Better, Checkpoint, CheckpointConfig, Error, FitConfig, Outcome, Plateau, Result, TrainState,
    WatchConfig, digest, fit_watched, resume, with_averages,
};

use crate::tiny::{FINGERPRINT, Tiny, batches, config, run};

/// Goes on with a run that watches these values, one a step from the first; the weights after each
/// step of this call.
fn watched(
    vars: &VarMap,
    network: &Tiny,
    config: &FitConfig,
    state: &mut TrainState,
    values: &[f64],
) -> (Result<Outcome>, Vec<String>) {
    let (batches, mut weights) = (batches(state.step()), Vec::new());
    let mut watch = |step: u64| Ok(values[step as usize - 1]);
    let outcome = fit_watched(network, vars, batches, config, state, &mut watch, &mut |report| {
        assert_eq!(report.watched, Some(values[report.step as usize]));
        weights.push(digest(vars));
        ControlFlow::Continue(())
    });
    (outcome, weights)
}

fn every_step() -> WatchConfig {
    WatchConfig { every: 1, better: Better::Higher, ..WatchConfig::default() }
}

#[test]
fn the_best_stays_and_a_run_without_progress_ends() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = CheckpointConfig { dir: dir.path().into(), every: 100, keep: 1 };
    let watch = WatchConfig { patience: Some(3), keep_best: true, ..every_step() };
    let config = FitConfig { checkpoint: Some(checkpoint), watch: Some(watch), ..config(20) };
    let (network, vars) = Tiny::new(2);
    let mut state = TrainState::new(FINGERPRINT);
    let values = [0.1, 0.3, 0.2, 0.4, 0.4, 0.1, 0.3, 0.9];
    let (outcome, weights) = watched(&vars, &network, &config, &mut state, &values);
    assert_eq!((outcome.unwrap(), state.step()), (Outcome::NoProgress, 7));
    assert_eq!(state.watched()[6], (7, 0.3));

    let (network, vars) = Tiny::new(2);
    let best = Checkpoint::read(dir.path().join(BEST)).unwrap();
    assert_eq!(best.restore(&vars, FINGERPRINT).unwrap().watched(), &state.watched()[..4]);
    assert_eq!(digest(&vars), weights[3]);
    // The folder is at the end of the run, and a resumed run knows that it is over.
    let mut resumed = resume(dir.path(), &vars, FINGERPRINT).unwrap();
    assert_eq!((digest(&vars), resumed.state.step()), (weights[6].clone(), 7));
    let (outcome, weights) = watched(&vars, &network, &config, &mut resumed.state, &values);
    assert_eq!((outcome.unwrap(), weights.len()), (Outcome::NoProgress, 0));
}

#[test]
fn the_rate_falls_and_the_schedule_goes_on() {
    let plateau = Plateau { factor: 0.5, patience: 1, ..Plateau::default() };
    let watch = WatchConfig { plateau: Some(plateau), ..every_step() };
    let config = FitConfig { watch: Some(watch), ..config(6) };
    let (network, vars) = Tiny::new(2);
    let mut state = TrainState::new(FINGERPRINT);
    let (outcome, _) = watched(&vars, &network, &config, &mut state, &[1., 1., 1., 2., 2., 2.]);
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    // By hand: the third value is the second that is no better, so the fourth step is the first
    // at half the rate.
    for (step, (point, share)) in state.curve().iter().zip([1., 1., 1., 0.5, 0.5, 0.5]).enumerate()
    {
        assert_eq!(point.rate, 0.1 * config.schedule.factor(step as u64) * share);
    }
}

#[test]
fn the_averages_are_what_is_watched() {
    let watch = Some(WatchConfig { every: 4, ..WatchConfig::default() });
    let config = FitConfig { ema: Some(0.9), watch, ..config(4) };
    let (network, vars) = Tiny::new(2);
    let (mut state, mut seen) = (TrainState::new(FINGERPRINT), String::new());
    let mut watch = |_| {
        seen = digest(&vars);
        Ok(0.)
    };
    let go = &mut |_: &marey_train::StepReport<'_>| ControlFlow::Continue(());
    let _ = fit_watched(&network, &vars, batches(0), &config, &mut state, &mut watch, go).unwrap();
    assert_ne!(digest(&vars), seen);
    assert_eq!(with_averages(&vars, &state, || Ok(digest(&vars))).unwrap(), seen);
}

#[test]
fn without_a_closure_the_mean_loss_is_watched() {
    let watch = Some(WatchConfig { every: 3, ..WatchConfig::default() });
    let (network, vars) = Tiny::new(2);
    let mut state = TrainState::new(FINGERPRINT);
    let _ = run(&network, &vars, &FitConfig { watch, ..config(7) }, &mut state).unwrap();
    let mean = |from: usize| {
        state.curve()[from..from + 3].iter().map(|point| f64::from(point.loss)).sum::<f64>() / 3.
    };
    for ((step, value), (want_step, want)) in
        state.watched().iter().zip([(3, mean(0)), (6, mean(3))])
    {
        assert!(*step == want_step && (value - want).abs() < 1e-12, "{step}: {value}, {want}");
    }
    assert_eq!(state.watched().len(), 2);
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let (network, vars) = Tiny::new(2);
    let end = |watch| {
        let config = FitConfig { watch, ..config(4) };
        let mut state = TrainState::new(FINGERPRINT);
        watched(&vars, &network, &config, &mut state, &[1., f64::NAN]).0
    };
    assert!(matches!(end(Some(every_step())), Err(Error::Watched { step: 2, .. })));
    assert!(matches!(end(None), Err(Error::Config(_))));
    let nowhere = WatchConfig { keep_best: true, ..every_step() };
    assert!(matches!(end(Some(nowhere)), Err(Error::Config(_))));
}
