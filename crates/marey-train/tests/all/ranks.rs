//! Several ranks train as one, whoever carries what they say: here threads, in `mpi.rs` processes.

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use candle::Tensor;
use candle_nn::VarMap;
use marey_layers::Statistics;
use marey_train::collective::share;
use marey_train::{
    CheckpointConfig, Collective, Error, FitConfig, Outcome, Result, Solo, TrainState, WatchConfig,
    digest, fit, fit_watched, resume,
};

use crate::resume::end;
use crate::threads::ranks;
use crate::tiny::{self, FINGERPRINT, Tiny, config};

const STEPS: u64 = 6;

type Clips = (Tensor, Tensor);

/// This rank's clips of all batches from number `step` on.
pub(crate) fn batches(
    collective: &dyn Collective,
    step: u64,
) -> impl Iterator<Item = std::result::Result<Clips, Infallible>> {
    let (rank, world) = (collective.rank(), collective.world());
    let part = move |xs: Tensor| {
        let (from, to) = (rank * 4 / world, (rank + 1) * 4 / world);
        xs.narrow(0, from, to - from).unwrap()
    };
    (step..).map(tiny::batch).map(move |(clips, labels)| Ok((part(clips), part(labels))))
}

/// Goes on with a run until it ends.
pub(crate) fn run(
    collective: &Arc<dyn Collective>,
    (network, vars): &(Tiny, VarMap),
    config: FitConfig,
    state: &mut TrainState,
) -> Result<Outcome> {
    let batches = batches(&**collective, state.step());
    let config = FitConfig { collective: Some(collective.clone()), ..config };
    fit(network, vars, batches, &config, state, &mut |_| ControlFlow::Continue(()))
}

/// The weights and statistics at the end, their digest, and the losses.
pub(crate) fn whole(
    collective: &Arc<dyn Collective>,
    dropout: f32,
    config: FitConfig,
) -> (String, Vec<f32>, Vec<f32>) {
    let tiny = Tiny::with_dropout(4, dropout);
    let mut state = TrainState::new(FINGERPRINT);
    assert_eq!(run(collective, &tiny, config, &mut state).unwrap(), Outcome::Finished);
    let vars = tiny.1.data().lock().unwrap().clone();
    let mut names: Vec<_> = vars.keys().collect();
    names.sort();
    let numbers = names.iter().map(|name| vars[*name].flatten_all().unwrap().to_vec1().unwrap());
    let losses = state.curve().iter().map(|point| point.loss).collect();
    (end(&tiny.1, &state), numbers.collect::<Vec<Vec<f32>>>().concat(), losses)
}

fn saving(dir: &Path, config: FitConfig) -> FitConfig {
    let checkpoint = CheckpointConfig { dir: dir.to_path_buf(), every: 2, keep: 9 };
    FitConfig { checkpoint: Some(checkpoint), ..config }
}

#[test]
fn a_collective_of_one_changes_no_bit() {
    let (network, vars) = Tiny::new(4);
    let mut state = TrainState::new(FINGERPRINT);
    let _ = tiny::run(&network, &vars, &config(STEPS), &mut state).unwrap();
    let solo: Arc<dyn Collective> = Arc::new(Solo);
    assert_eq!(whole(&solo, 0.5, config(STEPS)).0, end(&vars, &state));
}

#[test]
fn ranks_with_one_norm_take_the_steps_of_one_process() {
    // One process with all clips is the second formula. Of 4 clips, 3 ranks have 1, 1 and 2.
    let config = FitConfig { ema: Some(0.5), sync_norms: true, ..config(STEPS) };
    let (_, weights, losses) = whole(&(Arc::new(Solo) as _), 0., config.clone());
    for world in [2, 3, 4] {
        let all = ranks(world, |collective| whole(&collective, 0., config.clone()));
        assert!(all.iter().all(|other| *other == all[0]), "{world} ranks differ");
        let got = all[0].1.iter().chain(&all[0].2);
        for (got, want) in got.zip(weights.iter().chain(&losses)) {
            assert!((got - want).abs() < 1e-5, "{world} ranks: {got} is not {want}");
        }
        let parts = FitConfig { max_clips: Some(1), ..config.clone() };
        let tries = ranks(world, |collective| {
            run(&collective, &Tiny::new(4), parts.clone(), &mut TrainState::new("")).is_ok()
        });
        assert_eq!(tries, vec![world != 3; world], "parts of unequal number");
    }
}

#[test]
fn ranks_have_the_same_bits_and_the_same_ones_again() {
    for norms in [Statistics::Batch, Statistics::Partial, Statistics::Frozen] {
        let config = FitConfig { norms, ..config(STEPS) };
        let all = || ranks(2, |collective| whole(&collective, 0.5, config.clone()));
        let (first, second) = (all(), all());
        assert_eq!(first[0], first[1]);
        assert_eq!(first, second);
    }
}

#[test]
fn ranks_that_were_stopped_go_on_to_the_same_bits() {
    let config = config(STEPS);
    let want = ranks(2, |collective| whole(&collective, 0.5, config.clone()));
    let dir = tempfile::tempdir().unwrap();
    let saving = saving(dir.path(), config);
    // Rank 1 alone asks for a stop, where no checkpoint is due.
    let stopped = ranks(2, |collective| {
        let (network, vars) = Tiny::new(4);
        let config = FitConfig { collective: Some(collective.clone()), ..saving.clone() };
        let (mut state, mut saved) = (TrainState::new(FINGERPRINT), 0);
        let batches = batches(&*collective, 0);
        let outcome = fit(&network, &vars, batches, &config, &mut state, &mut |report| {
            saved += usize::from(report.saved.is_some());
            let stop = collective.rank() == 1 && report.step == 2;
            if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        (outcome.unwrap(), state.step(), saved)
    });
    assert_eq!(stopped, [(Outcome::Stopped, 3, 1), (Outcome::Stopped, 3, 0)]);
    // Rank 0 alone reads the checkpoint.
    let resumed = ranks(2, |collective| {
        let tiny = Tiny::new(4);
        let mut state = match collective.rank() {
            0 => resume(dir.path(), &tiny.1, FINGERPRINT).unwrap().state,
            _ => TrainState::new(FINGERPRINT),
        };
        share(&*collective, &tiny.1, &mut state).unwrap();
        assert_eq!(run(&collective, &tiny, saving.clone(), &mut state).unwrap(), Outcome::Finished);
        end(&tiny.1, &state)
    });
    assert_eq!(resumed, [want[0].0.clone(), want[1].0.clone()]);
}

#[test]
fn ranks_that_do_not_begin_alike_are_made_to_or_refused() {
    let want = ranks(2, |collective| whole(&collective, 0.5, config(STEPS)));
    let other = ranks(2, |collective| {
        let tiny = Tiny::new(4);
        if collective.rank() == 1 {
            let conv = tiny.1.data().lock().unwrap()["conv.weight"].clone();
            conv.set(&conv.zeros_like().unwrap()).unwrap();
        }
        let mut state = TrainState::new(FINGERPRINT);
        let _ = run(&collective, &tiny, config(STEPS), &mut state).unwrap();
        digest(&tiny.1)
    });
    assert_eq!(other, [want[0].0.clone(), want[1].0.clone()], "the weights of rank 0");

    let differing = |width: usize, steps: u64, fingerprint: &str| {
        ranks(2, |collective| {
            let own = collective.rank() == 1;
            let tiny = Tiny::new(if own { width } else { 4 });
            let mut state = TrainState::new(if own { fingerprint } else { FINGERPRINT });
            if own && steps > 0 {
                let _ =
                    tiny::run(&tiny.0, &tiny.1, &FitConfig { steps, ..config(STEPS) }, &mut state)
                        .unwrap();
            }
            run(&collective, &tiny, config(STEPS), &mut state).unwrap_err().to_string()
        })
    };
    for (errors, word) in [
        (differing(5, 0, FINGERPRINT), "conv.weight"),
        (differing(4, 2, FINGERPRINT), "rank 1 stands at step 2"),
        (differing(4, 0, "other"), "other"),
    ] {
        assert!(errors[1].contains(word), "{errors:?}");
        assert_eq!(errors[0], "1 other processes of this run failed");
    }
}

#[test]
fn what_fails_on_one_rank_fails_on_all() {
    let config = FitConfig {
        watch: Some(WatchConfig { every: 2, ..WatchConfig::default() }),
        ..config(STEPS)
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    let fails = |what: &'static str| {
        ranks(2, |collective| {
            let (network, vars) = Tiny::new(4);
            let mut config = FitConfig { collective: Some(collective.clone()), ..config.clone() };
            if what == "save" {
                config = saving(&file.path().join("below"), config);
            }
            let mut state = TrainState::new(FINGERPRINT);
            let own = collective.rank() == 1;
            let batches = batches(&*collective, 0).enumerate().map(|(step, batch)| {
                let (clips, labels) = batch.unwrap();
                match (own && step == 3, what) {
                    (true, "data") => Err("torn"),
                    (true, "labels") => Ok((clips, labels.narrow(0, 0, 1).unwrap())),
                    _ => Ok((clips, labels)),
                }
            });
            let mut watch = |step| match own && what == "watch" && step == 4 {
                true => Err(Error::NoVideos),
                false => Ok(if own { f64::NAN } else { 1. }),
            };
            let result =
                fit_watched(&network, &vars, batches, &config, &mut state, &mut watch, &mut |_| {
                    ControlFlow::Continue(())
                });
            let other = matches!(result, Err(Error::OtherRanks { failed: 1 }));
            (result.is_err(), other, state.step(), state.watched().to_vec())
        })
    };
    for (what, own, step) in [("data", 1, 3), ("labels", 1, 3), ("watch", 1, 4), ("save", 0, 0)] {
        let all = fails(what);
        for (rank, (failed, other, stands, _)) in all.iter().enumerate() {
            assert_eq!(
                (*failed, *other, *stands),
                (true, rank != own, step),
                "{what}, rank {rank}"
            );
        }
        assert_eq!(all[0].3, all[1].3, "the value of rank 0 counts");
    }
    assert!(fails("nothing").iter().all(|(failed, ..)| !failed));
}

#[test]
fn a_run_is_out_of_batches_as_soon_as_one_rank_is() {
    let all = ranks(2, |collective| {
        let (network, vars) = Tiny::new(4);
        let mut state = TrainState::new(FINGERPRINT);
        let config = FitConfig { collective: Some(collective.clone()), ..config(STEPS) };
        let batches = batches(&*collective, 0).take(5 - collective.rank());
        let outcome =
            fit(&network, &vars, batches, &config, &mut state, &mut |_| ControlFlow::Continue(()));
        (outcome.unwrap(), state.step())
    });
    assert_eq!(all, [(Outcome::OutOfBatches, 4); 2]);
}

#[test]
fn a_rank_that_gives_up_ends_the_others() {
    let all = ranks(2, |collective| {
        if collective.rank() == 1 {
            collective.abort(1);
            return String::new();
        }
        let mut state = TrainState::new(FINGERPRINT);
        run(&collective, &Tiny::new(4), config(STEPS), &mut state).unwrap_err().to_string()
    });
    assert!(all[0].contains("another rank has ended the run"), "{all:?}");
}
