//! A network and the videos that it is run on, as commands are given them.

use std::path::{Path, PathBuf};

use anyhow::Context;
use marey::data::extract::Digest;
use marey::layers::Network;
use marey::layers::rng::fnv1a;
use marey::zoo;

use crate::commands::train::{LABELS, RECIPE, WEIGHTS};
use crate::exit::{self, failure};
use crate::training::plan::Plan;
use crate::training::recipe::Recipe;
use crate::training::sections::Init;

/// A run of `train`, or released weights of a model.
#[derive(Debug, clap::Args)]
pub struct Subject {
    /// The folder of a run
    #[arg(required_unless_present = "model")]
    pub run: Option<PathBuf>,
    /// A model, as `models` lists it, in place of a run
    #[arg(long, conflicts_with = "run", requires = "weights", requires = "data")]
    model: Option<String>,
    /// Its weights, in any format that `import-weights` takes; of a run, others than those that it ended with
    #[arg(long)]
    weights: Option<PathBuf>,
    /// A dataset, as `data check` knows it [default: that of the run]
    #[arg(long, value_name = "NAME")]
    data: Option<String>,
    /// Where it lies [default: where it lay when the run was trained]
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Which split [default: that of the run, or the first]
    #[arg(long, value_name = "N")]
    split: Option<usize>,
    /// Clips of a video, evenly spread
    #[arg(long)]
    clips: Option<usize>,
    /// Crops of a clip: 1, 3, 5, 9, 10 or 18
    #[arg(long)]
    crops: Option<usize>,
    /// Another value for a key of the recipe, as clip.stride=4
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

impl Subject {
    /// The network and its videos, with `changes` laid over the recipe.
    pub fn plan(&self, changes: Option<String>) -> anyhow::Result<Plan> {
        let mut set = self.set.clone();
        set.extend(changes);
        let mut recipe = match (&self.run, &self.model) {
            (Some(run), _) => Recipe::load(&run.join(RECIPE), &set)?,
            (None, Some(model)) => Recipe::of(model, &set)?,
            (None, None) => return Err(failure(exit::USAGE, "a run or a model is wanted")),
        };
        let test = &mut recipe.test;
        if self.clips.is_some() {
            // In place of what the recipe may have in place of them.
            (test.clips, test.every, test.whole) = (self.clips, None, false);
        }
        test.crops = self.crops.or(test.crops);
        // Where the first weights came from is over, and may be gone.
        recipe.init = Init::default();
        if self.run.is_some()
            && self.weights.is_none()
            && self.data.is_none()
            && self.root.is_none()
            && self.split.is_some_and(|split| recipe.data.split.is_some_and(|own| own != split))
        {
            let what = "--split: the run learnt from the other splits' videos of this dataset; --data and --root name others, \
                        --weights those of a run of that split";
            return Err(failure(exit::USAGE, what));
        }
        let data = &mut recipe.data;
        data.name = self.data.clone().unwrap_or(std::mem::take(&mut data.name));
        data.root = self.root.clone().or(data.root.take());
        data.split = self.split.or(data.split);
        Plan::new(recipe)
    }

    /// Refuses videos whose classes are not those of the run, in their order.
    pub fn check_classes(&self, plan: &Plan) -> anyhow::Result<()> {
        let Some(path) = self.run.as_ref().map(|run| run.join(LABELS)) else { return Ok(()) };
        let said = || path.display().to_string();
        let text = std::fs::read_to_string(&path).with_context(said)?;
        let (own, here): (Vec<&str>, _) = (text.lines().collect(), plan.test.classes());
        let other = (0..own.len().max(here.len()))
            .find(|i| own.get(*i).copied() != here.get(*i).map(String::as_str));
        let Some(i) = other else { return Ok(()) };
        let name = |name: Option<&str>| name.map_or("none".to_string(), |name| format!("`{name}`"));
        let (own, here) = (name(own.get(i).copied()), name(here.get(i).map(String::as_str)));
        let what = format!("{}: class {i} is {own}, of {} {here}", said(), plan.dataset);
        Err(failure(exit::CORRUPT, what))
    }

    /// Whether the run's own videos are seen by its own weights, in clips as in its recipe.
    fn is_own(&self) -> bool {
        let Self { run, weights, data, root, split, set, .. } = self;
        let others = weights.is_some() || data.is_some() || root.is_some() || split.is_some();
        run.is_some() && !others && set.is_empty()
    }

    /// Where the weights are.
    pub fn weights(&self) -> PathBuf {
        match (&self.weights, &self.run) {
            (Some(weights), _) => weights.clone(),
            (None, run) => run.as_deref().unwrap_or(Path::new("")).join(WEIGHTS),
        }
    }

    /// The network of `plan` for `classes` classes, with its weights.
    pub fn network(
        &self,
        plan: &Plan,
        classes: usize,
        device: &candle::Device,
    ) -> anyhow::Result<Box<dyn Network>> {
        let sizes = zoo::Sizes { classes, ..plan.sizes };
        Ok(plan.model.load(&sizes, &self.weights(), device)?)
    }

    /// What results of `plan` with these weights depend on.
    pub fn fingerprint(&self, plan: &Plan) -> anyhow::Result<String> {
        Ok(format!(
            "marey {}, {} of {:?}, {:?}, {:?}, weights {}, on {}",
            env!("CARGO_PKG_VERSION"),
            plan.model.name,
            plan.sizes,
            plan.recipe.clip,
            plan.recipe.test,
            Digest::of(&self.weights())?.sha256,
            plan.videos
        ))
    }

    /// The folder of results called `name`: in that of the run, or in `runs`. Of other videos, weights or clips than the run's it
    /// has a hash of them, their `fingerprint`, in its name.
    pub fn folder(&self, plan: &Plan, name: &str, fingerprint: &str) -> PathBuf {
        let hash = match self.is_own() {
            true => String::new(),
            false => format!("-{:08x}", fnv1a(fingerprint) as u32),
        };
        let name = format!("{name}{hash}");
        match &self.run {
            Some(run) => run.join(name),
            None => PathBuf::from(format!("runs/{}-{name}", plan.model.name)),
        }
    }
}
