//! What a recipe comes to: a network, its videos, and how clips of them are made.

use std::collections::BTreeSet;
use std::sync::Arc;

use candle::{DType, Device};
use candle_nn::VarMap;
use marey::data::extract::Digest;
use marey::data::{Dataset, Joined, Selection, layouts};
use marey::layers::{FirstTask, Network, seeded_but};
use marey::train::parameters::is_statistic;
use marey::zoo::{self, Begun, InitRules, Model, Sizes};

use super::clips::Clips;
use super::optimisation::{self, parameters};
use super::recipe::Recipe;
use super::sections::{CropKind, Data, Init, Loss, Save, Test, Watched};
use crate::exit::{self, failure};
use crate::memory;
use crate::source::Source;

type Videos = Arc<dyn Dataset>;

/// What a recipe comes to.
pub struct Plan {
    pub recipe: Recipe,
    pub model: &'static Model,
    pub sizes: Sizes,
    pub clips: Clips,
    /// What it learns from, without what is held out.
    pub train: Videos,
    /// What is held out of that, if anything.
    pub held_out: Option<Videos>,
    pub test: Videos,
    /// What is learnt at once is called, if anything.
    pub also: Option<String>,
    /// All training videos of `[data]`, those held out among them.
    pub own: Videos,
    /// The classes of both, one after the other in the logits.
    pub tasks: Option<[usize; 2]>,
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
        check(&recipe, model)?;
        optimisation::check(&recipe)?;
        let source = source(&recipe.data, "data", recipe.seed)?;
        if source.test.is_empty() {
            let what = format!("{}: there is no video to be judged by", source.dataset);
            return Err(failure(exit::MISSING, what));
        }
        let also = recipe.also.as_ref().map(|also| self::source(also, "also", recipe.seed));
        let also = also.transpose()?;
        let clips = Clips::new(&recipe, model, source.flow)?;
        let own = source.train.classes().len();
        let all = source.train.clone();
        let (mut train, held_out) = held_out(source.train, &recipe)?;
        let (mut tasks, mut videos) = (None, source.fingerprint);
        if let Some(also) = &also {
            tasks = Some([own, also.train.classes().len()]);
            train = Arc::new(Joined::new(train, also.train.clone()));
            videos += &format!(", also {}", also.fingerprint);
        }
        let sizes = sizes(&recipe, model, &clips, train.classes().len())?;
        clips.check(recipe.watch.every > 0. && recipe.watch.value == Watched::Top1)?;
        let fingerprint = fingerprint(&recipe, &videos)?;
        Ok(Self {
            recipe,
            model,
            sizes,
            clips,
            train,
            held_out,
            test: source.test,
            also: also.map(|also| also.dataset),
            own: all,
            tasks,
            dataset: source.dataset,
            fingerprint,
            videos,
        })
    }

    /// The same for so many processes: a run of another number is another run.
    pub fn of_ranks(mut self, world: usize) -> Self {
        if world > 1 {
            self.fingerprint += &format!("\n{world} processes");
        }
        self
    }

    /// Refuses what `world` processes cannot train: classes without a video, and more than this machine can hold.
    pub fn check_training(&self, world: usize) -> anyhow::Result<()> {
        self.check_classes()?;
        self.check_memory(self.recipe.train.batch / world)
    }

    fn check_classes(&self) -> anyhow::Result<()> {
        let classes = self.train.classes();
        let learnt: BTreeSet<u32> = (0..self.train.len()).map(|i| self.train.label(i)).collect();
        let empty = (0..).zip(classes).filter(|(label, _)| !learnt.contains(label));
        let empty: Vec<&str> = empty.map(|(_, class)| class.as_str()).collect();
        if empty.is_empty() || self.recipe.data.empty_classes {
            return Ok(());
        }
        let (some, all, empty) = (empty.len(), classes.len(), empty.join(", "));
        let what = format!(
            "{}: {some} of {all} classes have no video to learn from: {empty} (`empty_classes = true` in [data] lets that be)",
            self.dataset
        );
        Err(failure(exit::MISSING, what))
    }

    /// Of what is sure to be held: weights, their gradients and velocities, and the batches that the loader has ready.
    fn check_memory(&self, batch: usize) -> anyhow::Result<()> {
        const NUMBERS: f64 = 3.;
        const BATCHES: f64 = 3.;
        let Self { model, sizes, .. } = self;
        let summary = model.summary(sizes).map_err(|e| failure(exit::USAGE, e.to_string()))?;
        let [t, h, w] = sizes.input;
        let clip = [sizes.c_in, t, h, w].iter().map(|size| *size as f64).product::<f64>();
        let mb = |numbers: f64| numbers * 4. / f64::from(1 << 20);
        let weights = mb(NUMBERS * summary.parameters as f64);
        let clips = mb(BATCHES * batch as f64 * clip);
        let Some(total) = memory::total().filter(|total| weights + clips > *total) else {
            return Ok(());
        };
        let what = format!(
            "batches of {batch} clips of {t}x{h}x{w} take {clips:.0} MB and {} with its gradients {weights:.0} MB; this \
             machine has {total:.0} MB",
            model.name
        );
        Err(failure(exit::RESOURCE, what))
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

    /// The network as it is tested: without the classes of what is learnt at once.
    pub fn judged<'a>(&self, network: &'a dyn Network) -> FirstTask<'a> {
        FirstTask::new(network, self.tasks.map_or(self.sizes.classes, |[own, _]| own))
    }

    /// The videos whose accuracy is watched: those held out, else those of the test.
    pub fn watched(&self) -> &Videos {
        self.held_out.as_ref().unwrap_or(&self.test)
    }

    /// What is watched, in words.
    pub fn watched_value(&self) -> &'static str {
        match (self.recipe.watch.value, &self.held_out) {
            (Watched::Loss, _) => "the training loss",
            (Watched::Top1, Some(_)) => "the accuracy on held out training videos",
            (Watched::Top1, None) => "the accuracy on the test videos",
        }
    }
}

/// What a run of `recipe` builds `model` for, which sees `clips`.
pub fn sizes(
    recipe: &Recipe,
    model: &Model,
    clips: &Clips,
    classes: usize,
) -> anyhow::Result<Sizes> {
    let side = clips.augment.side;
    Ok(Sizes {
        input: [clips.frames, side, side],
        shrink: shrink(recipe.width)?,
        dropout: recipe.dropout,
        ..model.sizes(classes)
    })
}

/// Refuses keys that do not go together.
fn check(recipe: &Recipe, model: &Model) -> anyhow::Result<()> {
    let Recipe { data, also, clip, augment, train, test, .. } = recipe;
    let refused = |what: String| Err(failure(exit::USAGE, what));
    if data.flow.is_some() && !model.modality.has_flow() {
        return refused(format!("[data] flow: {} sees no flow", model.name));
    }
    if data.flow.is_some() && clip.flow.is_some() {
        return refused("[data] flow was found before, and [clip] flow finds it anew".into());
    }
    if clip.flow.is_some() && !model.modality.has_flow() {
        return refused(format!("[clip] flow: {} sees no flow", model.name));
    }
    if augment.scales.is_some() && augment.crop != CropKind::MultiScale {
        return refused("[augment] scales: of crop = \"multi-scale\" only".into());
    }
    if test.whole && test.every.is_some() {
        return refused("[test] takes `whole` or `every`, not both".into());
    }
    let Some(also) = also else { return Ok(()) };
    if also.flow.is_some() != data.flow.is_some() {
        return refused("flow: of both of [data] and [also], or of neither".into());
    }
    if also.validation != 0. {
        return refused("[also] validation: what is held out is of [data]".into());
    }
    if train.loss != Loss::CrossEntropy || augment.mixup.is_some() || augment.label_smoothing != 0.
    {
        return refused("[also] takes loss = \"cross-entropy\", no mixup and no smoothing".into());
    }
    Ok(())
}

fn source(data: &Data, section: &str, seed: u64) -> anyhow::Result<Source> {
    if data.name == "marionettes" {
        if data.flow.is_some() {
            return Err(failure(exit::USAGE, "marionettes: they take no flow images"));
        }
        if data.root.is_some() || data.split.is_some() {
            let what = "marionettes: they are generated, and have no root and no split";
            return Err(failure(exit::USAGE, what));
        }
        return Source::marionettes(&data.marionettes, seed);
    }
    if data.name.is_empty() {
        let what =
            "[data] name: which dataset? (`marionettes`, or one that `data check --help` lists)";
        return Err(failure(exit::USAGE, what));
    }
    if data.name != "shards" {
        layouts::find(&data.name)?;
    }
    let Some(root) = &data.root else {
        let what =
            format!("[{section}] root: where does {:?} lie? (--root DIR for [data])", data.name);
        return Err(failure(exit::USAGE, what));
    };
    Source::on_disk(&data.name, root, data.split, data.flow.as_deref())
}

fn held_out(train: Videos, recipe: &Recipe) -> anyhow::Result<(Videos, Option<Videos>)> {
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

/// The recipe without what the weights do not depend on, a line for each key, the first weights by their content.
fn fingerprint(recipe: &Recipe, videos: &str) -> anyhow::Result<String> {
    let mut recipe = recipe.clone();
    (recipe.test, recipe.save) = (Test::default(), Save::default());
    for data in [Some(&mut recipe.data), recipe.also.as_mut()].into_iter().flatten() {
        (data.root, data.flow) = (None, None);
    }
    recipe.train.recompute = false;
    if let Some(path) = &mut recipe.init.weights {
        *path = Digest::of(path)?.sha256.into();
    }
    let mut lines = vec![format!("marey {}", env!("CARGO_PKG_VERSION"))];
    lines.extend(recipe.lines()?);
    lines.push(format!("videos {videos}"));
    Ok(lines.join("\n"))
}
