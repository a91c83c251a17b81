//! A network and the videos that it is run on, as commands are given them.

use std::path::{Path, PathBuf};

use marey::data::extract::Digest;
use marey::layers::Network;
use marey::zoo;

use crate::commands::train::{RECIPE, WEIGHTS};
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
        let data = &mut recipe.data;
        data.name = self.data.clone().unwrap_or(std::mem::take(&mut data.name));
        data.root = self.root.clone().or(data.root.take());
        data.split = self.split.or(data.split);
        Plan::new(recipe)
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

    /// The folder of results called `name`: in that of the run, or in `runs`.
    pub fn folder(&self, plan: &Plan, name: &str) -> PathBuf {
        match &self.run {
            Some(run) => run.join(name),
            None => PathBuf::from(format!("runs/{}-{name}", plan.model.name)),
        }
    }
}
