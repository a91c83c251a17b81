//! From the sections of a recipe to the settings of a run.

use std::path::Path;

use marey::layers::Statistics;
use marey::train::{
    AdamWConfig, Better, CheckpointConfig, Factors, FitConfig, Objective, OptimizerConfig,
    Parameters, Plateau, Schedule, SgdConfig, Warmup, WatchConfig,
};

use super::plan::Plan;
use super::recipe::Recipe;
use super::sections::{DecayKind, Loss, NormKind, OptimizerKind, Watched};
use crate::exit::{self, failure};

/// The steps of so many epochs, at least one.
pub fn steps(epochs: f64, per_epoch: u64) -> u64 {
    (epochs * per_epoch as f64).round().max(1.) as u64
}

/// The settings of a run of `plan` whose epochs have `per_epoch` steps, saved in `folder`.
pub fn fit_config(plan: &Plan, per_epoch: u64, folder: &Path) -> anyhow::Result<FitConfig> {
    let config = settings(&plan.recipe, per_epoch, folder)?;
    let objective = plan.tasks.map_or(config.objective, Objective::Tasks);
    Ok(FitConfig { objective, ..config })
}

/// Refuses settings of `recipe` by which no network can be trained, before its videos are looked for.
pub fn check(recipe: &Recipe) -> anyhow::Result<()> {
    // An epoch of so many steps that no part of one is rounded away.
    const PER_EPOCH: u64 = 1_000_000;
    Ok(settings(recipe, PER_EPOCH, Path::new(""))?.check()?)
}

fn settings(recipe: &Recipe, per_epoch: u64, folder: &Path) -> anyhow::Result<FitConfig> {
    let train = &recipe.train;
    let refused = |what: String| Err(failure(exit::USAGE, what));
    for (key, epochs) in [("[train] epochs", train.epochs), ("[save] every", recipe.save.every)] {
        if !(epochs > 0. && epochs < 1e9) {
            return refused(format!("{key} = {epochs}: a number of epochs above 0 is wanted"));
        }
    }
    for (key, epochs) in
        [("[watch] every", recipe.watch.every), ("[schedule] warmup", recipe.schedule.warmup)]
    {
        if !(0. ..1e9).contains(&epochs) {
            return refused(format!("{key} = {epochs}: a number of epochs from 0 on is wanted"));
        }
    }
    let at = &recipe.schedule.at;
    if !(at.iter().all(|epochs| (0. ..1e9).contains(epochs)) && at.is_sorted()) {
        return refused(format!("[schedule] at = {at:?}: epochs from 0 on, ascending, are wanted"));
    }
    if recipe.schedule.decay == DecayKind::Step && at.is_empty() {
        return refused("[schedule] at: the epochs after which the rate falls are wanted".into());
    }
    let total = steps(train.epochs, per_epoch);
    let every = steps(recipe.save.every, per_epoch);
    Ok(FitConfig {
        optimizer: optimizer(recipe),
        schedule: schedule(recipe, per_epoch, total),
        steps: total,
        seed: recipe.seed,
        clip_grad_norm: train.clip_norm,
        clip_grad_value: train.clip_value,
        max_clips: train.at_once,
        ema: train.ema,
        watch: watch(recipe, per_epoch, total)?,
        checkpoint: Some(CheckpointConfig {
            dir: folder.to_path_buf(),
            every,
            keep: recipe.save.keep,
        }),
        objective: objective(recipe),
        norms: match train.norms {
            NormKind::Batch => Statistics::Batch,
            NormKind::Partial => Statistics::Partial,
            NormKind::Frozen => Statistics::Frozen,
        },
        precision: train.precision.layers()?,
        recompute: train.recompute,
        collective: None,
        sync_norms: train.sync_norms,
    })
}

/// What some parameters do differently.
pub fn parameters(recipe: &Recipe) -> Parameters {
    let groups = recipe
        .group
        .iter()
        .map(|group| (group.name.clone(), Factors { rate: group.rate, decay: group.decay }));
    let parameters = Parameters::groups(groups);
    match recipe.train.decay_vectors {
        true => parameters,
        false => parameters.without_decay_on_vectors(),
    }
}

fn optimizer(recipe: &Recipe) -> OptimizerConfig {
    let (train, parameters) = (&recipe.train, parameters(recipe));
    let (rate, weight_decay) = (train.rate, train.weight_decay);
    match train.optimizer {
        OptimizerKind::Sgd => {
            let (momentum, nesterov) = (train.momentum, train.nesterov);
            SgdConfig { rate, momentum, nesterov, weight_decay, parameters }.into()
        }
        OptimizerKind::Adamw => {
            let (betas, eps) = (train.betas, train.eps);
            AdamWConfig { rate, betas, eps, weight_decay, parameters }.into()
        }
    }
}

fn schedule(recipe: &Recipe, per_epoch: u64, total: u64) -> Schedule {
    let section = &recipe.schedule;
    let at = |epochs: f64| (epochs * per_epoch as f64).round() as u64;
    let decay = match section.decay {
        DecayKind::Constant | DecayKind::Plateau => Schedule::constant(),
        DecayKind::Step => {
            Schedule::step(section.factor, section.at.iter().map(|e| at(*e)).collect::<Vec<_>>())
        }
        DecayKind::Cosine => Schedule::cosine(total),
        DecayKind::Polynomial => Schedule::polynomial(total, section.power),
        DecayKind::Exponential => Schedule::exponential(section.factor.powf(1. / per_epoch as f64)),
    };
    decay.with_warmup(Warmup { steps: at(section.warmup), start: section.warmup_start })
}

fn watch(recipe: &Recipe, per_epoch: u64, total: u64) -> anyhow::Result<Option<WatchConfig>> {
    let (watch, schedule) = (&recipe.watch, &recipe.schedule);
    let plateau = (schedule.decay == DecayKind::Plateau).then(|| Plateau {
        factor: schedule.factor,
        patience: schedule.patience,
        ..Plateau::default()
    });
    if watch.every == 0. {
        if plateau.is_some() || watch.patience.is_some() || watch.keep_best {
            let what = "[watch] every: a plateau, patience and keep_best need the epochs between two values";
            return Err(failure(exit::USAGE, what));
        }
        return Ok(None);
    }
    Ok(Some(WatchConfig {
        every: steps(watch.every, per_epoch).min(total),
        better: match watch.value {
            Watched::Top1 => Better::Higher,
            Watched::Loss => Better::Lower,
        },
        plateau,
        patience: watch.patience,
        keep_best: watch.keep_best,
    }))
}

fn objective(recipe: &Recipe) -> Objective {
    let (smoothing, mixup) = (recipe.augment.label_smoothing, recipe.augment.mixup);
    match recipe.train.loss {
        Loss::Network => Objective::default(),
        Loss::CrossEntropy if smoothing == 0. && mixup.is_none() => Objective::CrossEntropy,
        Loss::CrossEntropy => Objective::SoftCrossEntropy { smoothing, mixup },
    }
}
