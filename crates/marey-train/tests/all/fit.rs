//! What the training loop reports, and what it refuses.

use std::ops::ControlFlow;

use candle::{ModuleT, Result, Tensor};
use candle_nn::VarMap;
use marey_layers::Network;
use marey_train::{
    CheckpointConfig, Error, Factors, FitConfig, Objective, Outcome, Parameters, SgdConfig,
    TrainState, digest, fit,
};

use crate::tiny::{FINGERPRINT, Tiny, batch, batches, config, run};

#[test]
fn a_tiny_network_learns_and_the_observer_sees_each_step() {
    let (network, vars) = Tiny::new(8);
    let config = FitConfig { objective: Objective::CrossEntropy, ..config(60) };
    let mut state = TrainState::new(FINGERPRINT);
    let mut seen = Vec::new();
    let outcome = fit(&network, &vars, batches(0), &config, &mut state, &mut |report| {
        assert_eq!((report.steps, report.saved), (60, None));
        seen.push((report.step, *report.point));
        ControlFlow::Continue(())
    });
    assert_eq!((outcome.unwrap(), state.step()), (Outcome::Finished, 60));
    for (step, (reported, point)) in seen.iter().enumerate() {
        assert_eq!((*reported, *point), (step as u64, state.curve()[step]));
        let rate = 0.1 * config.schedule.factor(step as u64);
        assert_eq!(point.rate, rate);
        assert!(point.seconds > 0. && point.wait >= 0. && point.gradient_norm > 0.);
    }
    let mean = |range: std::ops::Range<usize>, f: &dyn Fn(usize) -> f32| {
        range.clone().map(f).sum::<f32>() / range.len() as f32
    };
    let loss = |step: usize| seen[step].1.loss;
    let accuracy = |step: usize| seen[step].1.accuracy.unwrap();
    assert!(mean(50..60, &loss) < 0.8 * mean(0..10, &loss), "{:?}", state.curve());
    assert!(mean(50..60, &accuracy) > mean(0..10, &accuracy), "{:?}", state.curve());
}

#[test]
fn both_objectives_take_the_same_steps() {
    // The network's loss is the cross-entropy; what differs is when the accuracy is measured.
    let end = |objective| {
        let (network, vars) = Tiny::new(4);
        let mut state = TrainState::new(FINGERPRINT);
        let _ = run(&network, &vars, &FitConfig { objective, ..config(5) }, &mut state).unwrap();
        let measured: Vec<bool> = state.curve().iter().map(|p| p.accuracy.is_some()).collect();
        (digest(&vars), measured)
    };
    let (weights, measured) = end(Objective::CrossEntropy);
    assert_eq!(measured, [true; 5]);
    let every_second = [true, false, true, false, true];
    assert_eq!(
        end(Objective::Network { accuracy_every: 2 }),
        (weights.clone(), every_second.into())
    );
    assert_eq!(end(Objective::Network { accuracy_every: 0 }), (weights, vec![false; 5]));
}

#[test]
fn groups_freeze_layers_and_speed_others_up() {
    // After one step of plain SGD: the classifier moved ten times as far, the convolution and the
    // batch norm's parameters not at all.
    let end = |groups: Vec<(&str, Factors)>| {
        let (network, vars) = Tiny::new(2);
        let parameters = Parameters::groups(groups);
        let optimizer = SgdConfig { rate: 1e-3, momentum: 0., parameters, ..SgdConfig::default() };
        let config =
            FitConfig { optimizer: optimizer.into(), steps: 1, seed: 7, ..FitConfig::default() };
        let _ = run(&network, &vars, &config, &mut TrainState::new(FINGERPRINT)).unwrap();
        move |name: &str| {
            let var = vars.data().lock().unwrap()[name].flatten_all().unwrap();
            var.to_vec1::<f32>().unwrap()
        }
    };
    let (_, vars) = Tiny::new(2);
    let first = |name: &str| {
        let var = vars.data().lock().unwrap()[name].flatten_all().unwrap();
        var.to_vec1::<f32>().unwrap()
    };
    let once = end(vec![]);
    let tuned = end(vec![("fc.*", Factors::rate(10.)), ("*", Factors::frozen())]);
    for name in ["conv.weight", "bn.weight", "bn.bias"] {
        assert_eq!(tuned(name), first(name));
        assert_ne!(once(name), first(name));
    }
    for name in ["fc.weight", "fc.bias"] {
        for ((tuned, once), first) in tuned(name).iter().zip(once(name)).zip(first(name)) {
            assert!((tuned - first - 10. * (once - first)).abs() < 1e-6, "{name}");
        }
    }
}

#[test]
fn batches_that_end_fail_or_make_no_sense() {
    let (network, vars) = Tiny::new(1);
    let go = |_: &marey_train::StepReport<'_>| ControlFlow::Continue(());
    let mut state = TrainState::new(FINGERPRINT);
    let outcome = fit(&network, &vars, batches(0).take(3), &config(9), &mut state, &mut { go });
    assert_eq!((outcome.unwrap(), state.step()), (Outcome::OutOfBatches, 3));

    let broken = batches(3).take(1).map(|batch| batch.map_err(|never| match never {}));
    let broken = broken.chain([Err("video 12 is gone")]);
    let error = fit(&network, &vars, broken, &config(9), &mut state, &mut { go }).unwrap_err();
    assert!(matches!(error, Error::Data { index: 4, .. }), "{error}");
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "video 12 is gone");

    let (xs, labels) = batch(0);
    for (xs, labels) in [
        (xs.clone(), labels.narrow(0, 0, 3).unwrap()),
        (xs.clone(), labels.to_dtype(candle::DType::I64).unwrap()),
        (xs.narrow(0, 0, 0).unwrap(), labels.narrow(0, 0, 0).unwrap()),
    ] {
        let batches = [Ok::<_, std::convert::Infallible>((xs, labels))];
        let error = fit(&network, &vars, batches, &config(9), &mut state, &mut { go });
        assert!(matches!(error, Err(Error::Batch { step: 4, .. })), "{error:?}");
    }
}

/// [`Tiny`] with a loss that goes wrong at step 5, in one of several ways.
struct Spoiled {
    tiny: Tiny,
    bias: Tensor,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    /// The loss is multiplied by this.
    Times(f64),
    /// The loss stays finite, the gradient of `fc.bias` is infinite: that of a root at 0.
    Root,
    Not,
}

impl ModuleT for Spoiled {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.tiny.forward_t(xs, train)
    }
}

impl Network for Spoiled {
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.tiny.features_t(xs, train)
    }

    fn loss(&self, xs: &Tensor, labels: &Tensor, train: bool) -> Result<Tensor> {
        let loss = self.tiny.loss(xs, labels, train)?;
        let fifth =
            xs.flatten_all()?.to_vec1::<f32>()? == batch(5).0.flatten_all()?.to_vec1::<f32>()?;
        match self.how {
            How::Times(factor) if fifth => loss * factor,
            How::Root if fifth => loss + (&self.bias - self.bias.detach())?.sqrt()?.sum_all()?,
            _ => Ok(loss),
        }
    }
}

/// A run that saves each step and ends in an error; the folder and the state it leaves.
fn diverge(how: How, rate: f64) -> (Error, tempfile::TempDir, TrainState) {
    let dir = tempfile::tempdir().unwrap();
    let (tiny, vars) = Tiny::new(2);
    let bias = vars.data().lock().unwrap()["fc.bias"].as_tensor().clone();
    let network = Spoiled { tiny, bias, how };
    let checkpoint = CheckpointConfig { dir: dir.path().into(), every: 1, keep: 1 };
    let optimizer = SgdConfig { rate, nesterov: true, ..SgdConfig::default() }.into();
    let config =
        FitConfig { checkpoint: Some(checkpoint), optimizer, clip_grad_norm: None, ..config(9) };
    let mut state = TrainState::new(FINGERPRINT);
    let error = run(&network, &vars, &config, &mut state).unwrap_err();
    (error, dir, state)
}

#[test]
fn a_loss_or_gradient_that_is_not_finite_stops_the_run() {
    for (how, want) in [
        (How::Times(f64::NAN), "bn.bias"),
        (How::Times(f64::INFINITY), "bn.bias"),
        (How::Root, "fc.bias"),
    ] {
        let (error, dir, state) = diverge(how, 0.1);
        match &error {
            Error::Diverged { step: 5, loss, rate, parameter: Some(name) } => {
                assert_eq!((loss.is_finite(), name.as_str()), (how == How::Root, want));
                assert_eq!(*rate, 0.1 * config(9).schedule.factor(5));
            }
            _ => panic!("{how:?}: {error:?}"),
        }
        // The last good checkpoint is still there, and whole.
        assert_eq!(state.step(), 5);
        let (_, vars) = Tiny::new(2);
        let resumed = marey_train::resume(dir.path(), &vars, FINGERPRINT).unwrap();
        assert_eq!(resumed.state.step(), 5);
    }
}

#[test]
fn weights_that_overflow_are_not_saved() {
    let (error, dir, _) = diverge(How::Not, 1e38);
    assert!(matches!(error, Error::NotFinite { .. } | Error::Diverged { .. }), "{error:?}");
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        marey_train::Checkpoint::read(entry.unwrap().path()).unwrap();
    }
}

#[test]
fn senseless_settings_are_refused() {
    let (network, vars) = Tiny::new(1);
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = |every, keep| {
        let dir = dir.path().to_path_buf();
        FitConfig { checkpoint: Some(CheckpointConfig { dir, every, keep }), ..config(9) }
    };
    for config in [
        FitConfig { clip_grad_norm: Some(0.), ..config(9) },
        FitConfig { clip_grad_norm: Some(f64::NAN), ..config(9) },
        FitConfig { clip_grad_norm: None, clip_grad_value: Some(-1.), ..config(9) },
        FitConfig { clip_grad_value: Some(1.), ..config(9) },
        FitConfig { max_clips: Some(0), ..config(9) },
        FitConfig {
            objective: Objective::SoftCrossEntropy { smoothing: 1., mixup: None },
            ..config(9)
        },
        FitConfig { schedule: marey_train::Schedule::cosine(0), ..config(9) },
        checkpoint(0, 1),
        checkpoint(1, 0),
    ] {
        let ended = run(&network, &vars, &config, &mut TrainState::new(FINGERPRINT));
        assert!(matches!(ended, Err(Error::Config(_))), "{ended:?}");
    }
    // Variables that the loss does not reach.
    let others = VarMap::new();
    let ended = run(&network, &others, &config(9), &mut TrainState::new(FINGERPRINT));
    assert!(matches!(ended, Err(Error::Config(_))), "{ended:?}");
}
