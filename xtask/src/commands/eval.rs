//! `eval`: how well a network recognises the test videos of a dataset.

use std::path::{Path, PathBuf};

use anyhow::Context;
use marey::data::extract::Digest;
use marey::zoo;

use crate::cli::Device;
use crate::commands::train::WEIGHTS;
use crate::exit::{self, failure};
use crate::interrupt;
use crate::out::{self, note};
use crate::training::plan::Plan;
use crate::training::recipe::Recipe;
use crate::training::results::{self, Numbers};
use crate::training::testing::{self, Testing};

/// Test a network on a dataset, by a protocol that is printed with the numbers
///
/// Of a run of `train` (its recipe says model, data and clips), or of released weights of a model (its paper says what is left
/// out). Scores of videos, for `fuse`, a confusion matrix and report.html go to a folder. Interrupted, the same command goes
/// on where it was.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask eval runs/fight-i3d --clips 10 --crops 3\n  cargo xtask eval --model i3d --weights i3d.safetensors --data kinetics --root DIR --set test.whole=true\n  cargo xtask eval runs/fight-i3d --clips 25 --crops 10 --average logits --json"
)]
pub struct Args {
    /// The folder of a run
    #[arg(required_unless_present = "model")]
    run: Option<PathBuf>,
    /// A model, as `models` lists it, in place of a run
    #[arg(long, conflicts_with = "run", requires = "weights", requires = "data")]
    model: Option<String>,
    /// Its weights, in any format that `import-weights` takes; of a run, others than those that it ended with
    #[arg(long)]
    weights: Option<PathBuf>,
    /// A dataset, as `data check` knows it
    #[arg(long, value_name = "NAME")]
    data: Option<String>,
    /// Where it lies
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Which split
    #[arg(long, value_name = "N")]
    split: Option<usize>,
    /// Clips of a video, evenly spread
    #[arg(long)]
    clips: Option<usize>,
    /// Crops of a clip: 1, 3, 5, 9, 10 or 18
    #[arg(long)]
    crops: Option<usize>,
    /// What is averaged over clips and crops
    #[arg(long, value_parser = ["softmax", "logits"])]
    average: Option<String>,
    /// Another value for a key of the recipe, as clip.stride=4
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// The folder of the results [default: in that of the run, or in runs, by the protocol]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let mut recipe = recipe(args)?;
    let data = &mut recipe.data;
    data.name = args.data.clone().unwrap_or(std::mem::take(&mut data.name));
    (data.root, data.split) = (args.root.clone().or(data.root.take()), args.split.or(data.split));
    let plan = Plan::new(recipe)?;
    let weights = weights(args)?;
    let device = args.device.open()?;
    let network = plan.model.load(&plan.sizes, &weights, &device)?;
    let protocol = plan.clips.slug(&plan.recipe);
    let folder = args.out.clone().unwrap_or_else(|| match &args.run {
        Some(run) => run.join(format!("eval-{protocol}")),
        None => PathBuf::from(format!("runs/eval-{}-{protocol}", plan.model.name)),
    });
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    interrupt::watch();
    let testing = Testing {
        network: &*network,
        videos: &plan.test,
        clips: &plan.clips,
        config: testing::config(&plan.recipe),
        fingerprint: format!(
            "marey {}, {:?} of {:?}, {:?}, {:?}, weights {}, on {}",
            env!("CARGO_PKG_VERSION"),
            plan.model.name,
            plan.sizes,
            plan.recipe.clip,
            plan.recipe.test,
            Digest::of(&weights)?.sha256,
            plan.videos
        ),
        journal: folder.join("test.jsonl"),
        device: &device,
    };
    let tested = testing.run(plan.model.name)?;
    let numbers = Numbers::new(&plan, &tested, None, &format!("weights of {}", weights.display()));
    results::write(&folder, &plan, &numbers, &tested, None)?;
    testing::remove(&testing.journal);
    if args.json {
        out::json(&numbers)?;
    } else {
        out::text(&numbers.text())?;
    }
    note(format_args!("scores, confusion.svg and report.html are in {}", folder.display()));
    Ok(exit::OK)
}

fn recipe(args: &Args) -> anyhow::Result<Recipe> {
    let mut set = args.set.clone();
    set.extend(args.clips.map(|clips| format!("test.clips={clips}")));
    set.extend(args.crops.map(|crops| format!("test.crops={crops}")));
    set.extend(args.average.as_ref().map(|average| format!("test.average={average}")));
    match (&args.run, &args.model) {
        (Some(run), _) => Recipe::load(&run.join("recipe.toml"), &set),
        (None, Some(model)) => {
            zoo::find(model)?;
            Recipe::of(model, &set)
        }
        (None, None) => Err(failure(exit::USAGE, "a run or a model is wanted")),
    }
}

fn weights(args: &Args) -> anyhow::Result<PathBuf> {
    match (&args.weights, &args.run) {
        (Some(weights), _) => Ok(weights.clone()),
        (None, run) => Ok(run.as_deref().unwrap_or(Path::new("")).join(WEIGHTS)),
    }
}
