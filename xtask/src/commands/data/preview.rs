//! `data preview`: pictures of a dataset, or of what a network sees of it.

mod seen;

use std::path::PathBuf;

use marey::data::{Dataset, Marionettes, MarionettesConfig, Shards, Subset, layouts, preview};

use crate::cli::count;
use crate::exit::{self, failure};
use crate::out;

/// Write pictures of a dataset that a person can look at
///
/// Of a dataset, a contact sheet and an animation of every class. Of a recipe, what its network sees of the first training clips,
/// after all that is drawn for them, a row a clip: the same clips as in the first steps of `train`. Colours are those before they
/// were normalised, and flow is in the colours of the Middlebury wheel, full ones at the longest displacement of the clip. Mixup
/// is not shown.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask data preview marionettes --output marionettes --size 128\n  cargo xtask data preview ucf101 --root UCF --split 2\n  cargo xtask data preview --recipe recipes/fight-i3d.toml --root fight -o seen.png"
)]
pub struct Args {
    /// The dataset: marionettes, shards, or one that `data check` knows
    #[arg(required_unless_present = "recipe", conflicts_with = "recipe")]
    dataset: Option<String>,
    /// A recipe of `train`, in place of a dataset
    #[arg(long, value_name = "FILE")]
    recipe: Option<PathBuf>,
    /// Where the dataset lies
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Which of its splits [default: the recipe's, or the first]
    #[arg(long, value_name = "N")]
    split: Option<usize>,
    /// The folder the pictures go to, of a recipe the PNG file [default: runs/preview-DATASET, runs/preview-RECIPE.png]
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Clips of a recipe
    #[arg(long, default_value_t = 8, value_parser = count, conflicts_with = "dataset")]
    clips: usize,
    /// Side of a frame of marionettes
    #[arg(long, default_value_t = 96, conflicts_with_all = ["root", "recipe"])]
    size: usize,
    /// Seeds marionettes
    #[arg(long, default_value_t = 1, conflicts_with_all = ["root", "recipe"])]
    seed: u64,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    if let Some(recipe) = &args.recipe {
        return seen::run(args, recipe);
    }
    let name = args.dataset.as_deref().unwrap_or_default();
    let folder = PathBuf::from(format!("runs/preview-{name}"));
    let folder = args.output.clone().unwrap_or(folder);
    for path in preview(&*dataset(args, name)?, &folder)? {
        out::text(&path.display().to_string())?;
    }
    Ok(exit::OK)
}

/// The training videos; of marionettes those that networks are judged by.
fn dataset(args: &Args, name: &str) -> anyhow::Result<Box<dyn Dataset>> {
    let Args { size, seed, split, .. } = *args;
    let refused = |what: &str| Err(failure(exit::USAGE, format!("{name}: {what}")));
    Ok(match (name, &args.root) {
        ("marionettes", None) if split.is_none() => {
            let (width, height) = (size, size);
            let config = MarionettesConfig { width, height, seed, ..Default::default() };
            Box::new(Marionettes::new(config, Subset::Test)?)
        }
        ("marionettes", _) => return refused("it is generated, and has no --root and no --split"),
        ("shards", Some(root)) if split.is_none() => {
            Box::new(Shards::open(root, Subset::Train, Default::default())?)
        }
        ("shards", Some(_)) => return refused("it has no --split"),
        (name, Some(root)) => {
            let layout = layouts::find(name)?;
            let split = split.unwrap_or(layout.first_split);
            Box::new(layout.open(root, Subset::Train, split, Default::default())?)
        }
        (_, None) => {
            layouts::find(name)?;
            return refused("--root DIR is wanted");
        }
    })
}
