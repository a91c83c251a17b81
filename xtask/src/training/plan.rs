//! What a recipe comes to: a network, its videos, and how clips of them are made.

use std::sync::Arc;

use candle::{DType, Device};
use candle_nn::VarMap;
use marey::data::extract::Digest;
use marey::data::{Dataset, Selection};
use marey::layers::{Network, seeded_but};
use marey::train::parameters::is_statistic;
use marey::zoo::{self, Begun, InitRules, Model, Sizes};

use super::clips::Clips;
use super::optimisation::parameters;
use super::recipe::Recipe;
use super::sections::{Init, Save, Test};
use crate::exit::{self, failure};
use crate::source::Source;

/// What a recipe comes to.
pub struct Plan {
    pub recipe: Recipe,
    pub model: &'static Model,
    pub sizes: Sizes,
    pub clips: Clips,
    /// What it learns from, without what is held out.
    pub train: Arc<dyn Dataset>,
    /// What is held out of that, if anything.
    pub held_out: Option<Arc<dyn Dataset>>,
    pub test: Arc<dyn Dataset>,
    /// What the dataset and its split are called.
    pub dataset: String,
    /// What the weights depend on.
    pub fingerprint: String,
    /// What the videos are known by.
    pub videos: String,
}

impl Plan {
    /// Finds the network and the videos, and checks that they go together.
    pub fn new(recipe: Recipe) -> anyhow::Result<Self> {
        let model = zoo::find(&recipe.model).map_err(|e| failure(exit::USAGE, e.to_string()))?;
        let clips = Clips::new(&recipe, model)?;
        let source = source(&recipe)?;
        let classes = source.train.classes().len();
        let (train, held_out) = held_out(source.train, &recipe)?;
        let side = clips.augment.side;
        let sizes = Sizes {
            input: [clips.frames, side, side],
            shrink: shrink(recipe.width)?,
            dropout: recipe.dropout,
            ..model.sizes(classes)
        };
        let fingerprint = fingerprint(&recipe, &source.fingerprint)?;
        Ok(Self {
            recipe,
            model,
            sizes,
            clips,
            train,
            held_out,
            test: source.test,
            dataset: source.dataset,
            fingerprint,
            videos: source.fingerprint,
        })
    }

    /// The same for so many processes: a run of another number is another run.
    pub fn of_ranks(mut self, world: usize) -> Self {
        if world > 1 {
            self.fingerprint += &format!(", by {world} processes");
        }
        self
    }

    /// The network with its first weights, and their variables. Frozen ones get no gradient.
    pub fn build(&self, device: &Device) -> anyhow::Result<(Box<dyn Network>, VarMap)> {
        let vars = VarMap::new();
        let parameters = parameters(&self.recipe);
        // A norm moves its statistics by a variable of its own.
        let frozen =
            move |name: &str| !is_statistic(name) && parameters.factors(name, &[]).rate == 0.;
        let vb = seeded_but(&vars, self.recipe.seed, DType::F32, device, frozen);
        Ok((self.model.build(&self.sizes, vb)?, vars))
    }

    /// Gives `vars` the first weights that the recipe names, if it names any: how each tensor begins.
    pub fn first_weights(&self, vars: &VarMap) -> anyhow::Result<Vec<(String, Begun)>> {
        let Init { weights, dialect, new, partial } = &self.recipe.init;
        let Some(path) = weights else { return Ok(Vec::new()) };
        let source = zoo::Source { path, dialect: dialect.as_deref() };
        let rules = InitRules { new: new.clone(), partial: *partial };
        Ok(self.model.init(&self.sizes, source, vars, &rules)?)
    }

    /// The videos whose accuracy is watched, and what they are called.
    pub fn watched(&self) -> (&Arc<dyn Dataset>, &'static str) {
        match &self.held_out {
            Some(videos) => (videos, "held out videos"),
            None => (&self.test, "test videos"),
        }
    }
}

fn source(recipe: &Recipe) -> anyhow::Result<Source> {
    let data = &recipe.data;
    if data.name == "marionettes" {
        return Source::marionettes(&data.marionettes, recipe.seed);
    }
    let Some(root) = &data.root else {
        let what = "[data] root: where does it lie? (or --root DIR)";
        return Err(failure(exit::USAGE, what));
    };
    Source::on_disk(&data.name, root, data.split)
}

fn held_out(
    train: Arc<dyn Dataset>,
    recipe: &Recipe,
) -> anyhow::Result<(Arc<dyn Dataset>, Option<Arc<dyn Dataset>>)> {
    let share = recipe.data.validation;
    if share == 0. {
        return Ok((train, None));
    }
    let (rest, held_out) = Selection::hold_out(train, share, recipe.seed)?;
    Ok((Arc::new(rest), Some(Arc::new(held_out))))
}

/// What the paper's channel counts are divided by.
fn shrink(width: f64) -> anyhow::Result<usize> {
    let shrink = (1. / width).round();
    if width > 0. && (1. ..=64.).contains(&shrink) && (shrink * width - 1.).abs() < 0.01 {
        return Ok(shrink as usize);
    }
    let what =
        format!("width = {width}: 1 over a whole number is wanted, as 1, 0.5, 0.3333 or 0.25");
    Err(failure(exit::USAGE, what))
}

/// The recipe without what the weights do not depend on, the first weights by their content.
fn fingerprint(recipe: &Recipe, videos: &str) -> anyhow::Result<String> {
    let mut recipe = recipe.clone();
    (recipe.test, recipe.save, recipe.data.root) = (Test::default(), Save::default(), None);
    recipe.train.recompute = false;
    if let Some(path) = &mut recipe.init.weights {
        *path = Digest::of(path)?.sha256.into();
    }
    let recipe = recipe.to_toml()?.replace('\n', " ");
    Ok(format!("marey {}, {recipe}, on {videos}", env!("CARGO_PKG_VERSION")))
}
