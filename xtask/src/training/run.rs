//! A run of training: from its last checkpoint to its last step.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Context;
use candle::Device;
use candle_nn::VarMap;
use marey::data;
use marey::layers::Network;
use marey::train::checkpoint::BEST;
use marey::train::events::EventWriter;
use marey::train::journal::Journal;
use marey::train::{
    Error, EvaluateConfig, Outcome, StepReport, TrainState, evaluate, fit, fit_watched, latest,
    resume, with_averages,
};

use super::optimisation::fit_config;
use super::plan::Plan;
use super::sections::Watched;
use crate::interrupt;
use crate::out::note;
use crate::progress::Progress;

/// Where a run's checkpoints lie in its folder.
pub const CHECKPOINTS: &str = "checkpoints";

/// Trains `network`, whose variables are `vars`, until all steps are done, and leaves in `vars` the weights to be tested:
/// the best where they are kept, averages where there are some, else the last.
///
/// `begin` gives a new run its first weights, where they are not those that were drawn.
pub fn train(
    plan: &Plan,
    network: &dyn Network,
    vars: &VarMap,
    folder: &Path,
    device: &Device,
    begin: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<TrainState> {
    let checkpoints = folder.join(CHECKPOINTS);
    let mut state = match checkpoints.is_dir() && latest(&checkpoints)?.checkpoint.is_some() {
        true => {
            let resumed = resume(&checkpoints, vars, &plan.fingerprint)?;
            for error in &resumed.damaged {
                note(format_args!("passed over: {error}"));
            }
            note(format_args!(
                "goes on after step {}: {}",
                resumed.state.step(),
                resumed.path.display()
            ));
            resumed.state
        }
        false => {
            begin()?;
            TrainState::new(plan.fingerprint.clone())
        }
    };
    let loader = plan.clips.training(plan.train.clone(), plan.recipe.train.batch)?;
    let config = fit_config(&plan.recipe, loader.steps_per_epoch(), &checkpoints)?;
    if state.step() < config.steps {
        let batches = loader.batches_from(state.step())?.map(|batch| -> data::Result<_> {
            let batch = batch?;
            Ok((batch.clips.to_device(device)?, batch.labels.to_device(device)?))
        });
        let mut journal = Journal::open(folder.join("metrics.jsonl"), &state)?;
        let mut events = EventWriter::create(folder.join("events"), state.step())?;
        let batch = plan.recipe.train.batch;
        let mut progress = Progress::new(plan.model.name, state.step(), config.steps, batch);
        let mut failed = None;
        let mut observe = |report: &StepReport<'_>| {
            progress.step(report);
            let written = journal.step(report).and_then(|()| events.step(report));
            if let Err(error) = written {
                failed = Some(error);
            }
            match failed.is_some() || interrupt::asked() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let watches = config.watch.is_some() && plan.recipe.watch.value == Watched::Top1;
        let outcome = if watches {
            let mut watch = |_| watched(plan, network, device);
            fit_watched(network, vars, batches, &config, &mut state, &mut watch, &mut observe)
        } else {
            fit(network, vars, batches, &config, &mut state, &mut observe)
        };
        progress.finish();
        let outcome = outcome.with_context(|| plan.model.name)?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        match outcome {
            Outcome::Finished | Outcome::NoProgress => {}
            Outcome::Stopped => return Err(interrupt::stopped()),
            Outcome::OutOfBatches => anyhow::bail!("the batches ended before the steps did"),
        }
    }
    if plan.recipe.watch.keep_best && checkpoints.join(BEST).exists() {
        state = resume(checkpoints.join(BEST), vars, &plan.fingerprint)?.state;
        note(format_args!("the best weights are those after step {}", state.step()));
    }
    if config.ema.is_some() {
        let averages = with_averages(vars, &state, || Ok(copies(vars)?))?;
        averages.iter().try_for_each(|(name, average)| set(vars, name, average))?;
    }
    Ok(state)
}

/// The accuracy on the videos that are watched, one clip each; those that cannot be read are left out.
fn watched(plan: &Plan, network: &dyn Network, device: &Device) -> marey::train::Result<f64> {
    let outside = |error: anyhow::Error| Error::Config(crate::exit::line(&error));
    let videos = plan.clips.watching(plan.watched().0.clone()).map_err(outside)?;
    let readable = videos.filter(|video| !matches!(video, Err(data::Error::Sample { .. })));
    let clips = readable.map(|video| -> data::Result<_> {
        let video = video?;
        Ok((video.clips.to_device(device)?, video.label))
    });
    Ok(evaluate(network, clips, &EvaluateConfig::default())?.video.top1)
}

fn copies(vars: &VarMap) -> candle::Result<Vec<(String, candle::Tensor)>> {
    let vars = vars.data().lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    vars.iter().map(|(name, var)| Ok((name.clone(), var.as_detached_tensor().copy()?))).collect()
}

fn set(vars: &VarMap, name: &str, tensor: &candle::Tensor) -> candle::Result<()> {
    let vars = vars.data().lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    vars.get(name).map_or(Ok(()), |var| var.set(tensor))
}
