//! `train`: a network learns as a recipe says, and is tested.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use candle_nn::VarMap;
use marey::train::collective::{self, Collective};
use marey::weights::write_atomically;
use marey::zoo::Begun;

use crate::cli::Device;
use crate::exit::{self, failure};
use crate::interrupt;
use crate::out::{self, note};
use crate::training::ledger;
use crate::training::plan::Plan;
use crate::training::recipe::Recipe;
use crate::training::results::{self, Numbers, Tested};
use crate::training::run::{Run, Trained};
use crate::training::testing::{self, Testing};

/// Train a network as a recipe says, and test it
///
/// A recipe is TOML: docs/training.md has all its keys. The run's folder gets its checkpoints, metrics.jsonl, TensorBoard
/// events, and at the end the weights, the scores of the test videos and report.html. Stopped or killed, the same command goes
/// on from the last checkpoint, and ends with the same bits.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask train recipes/marionettes-r2plus1d.toml\n  cargo xtask train recipes/fight-i3d.toml --root fight --set train.epochs=5 --out runs/short\n  cargo xtask train recipes/fight-i3d.toml --root fight --init i3d.safetensors"
)]
pub struct Args {
    /// The recipe
    recipe: PathBuf,
    /// Where the dataset lies, in place of the recipe's
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Which split, in place of the recipe's
    #[arg(long, value_name = "N")]
    split: Option<usize>,
    /// The checkpoint that the first weights come from, in place of the recipe's
    #[arg(long, value_name = "WEIGHTS")]
    init: Option<PathBuf>,
    /// The folder of the run [default: runs/ and the name of the recipe]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Another value for a key of the recipe, as train.epochs=2
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Seeds all that is drawn, in place of the recipe's
    #[arg(long)]
    seed: Option<u64>,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let ranks = collective::here()?;
    let done = train(args, &ranks);
    match &done {
        // The others would wait for this one.
        Err(error) if ranks.world() > 1 => {
            let code = exit::code(error);
            exit::report(error);
            ranks.abort(code.into());
        }
        _ => ranks.barrier()?,
    }
    done
}

fn train(args: &Args, ranks: &Arc<dyn Collective>) -> anyhow::Result<u8> {
    let mut recipe = Recipe::load(&args.recipe, &args.set)?;
    let data = &mut recipe.data;
    (data.root, data.split) = (args.root.clone().or(data.root.take()), args.split.or(data.split));
    recipe.init.weights = args.init.clone().or(recipe.init.weights.take());
    recipe.seed = args.seed.unwrap_or(recipe.seed);
    let stem = args.recipe.file_stem().unwrap_or_default();
    let folder = args.out.clone().unwrap_or_else(|| Path::new("runs").join(stem));

    let plan = Plan::new(recipe.whole_paths()?)?.of_ranks(ranks.world());
    plan.check_training(ranks.world())?;
    let device = args.device.open()?;
    let (network, vars) = plan.build(&device)?;
    interrupt::watch();
    let first = ranks.rank() == 0;
    if first {
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("{}: cannot make the folder", folder.display()))?;
    }
    let run = Run {
        plan: &plan,
        network: &*network,
        vars: &vars,
        folder: &folder,
        device: &device,
        ranks: ranks.clone(),
    };
    let state = run.begun(|| first_weights(&plan, &vars, &folder))?;
    if first {
        write_atomically(folder.join(RECIPE), plan.recipe.to_toml()?.as_bytes())?;
        let labels = plan.test.classes().join("\n") + "\n";
        write_atomically(folder.join(LABELS), labels.as_bytes())?;
        if plan.tasks.is_some() {
            let others = &plan.train.classes()[plan.test.classes().len()..];
            write_atomically(folder.join(ALSO), (others.join("\n") + "\n").as_bytes())?;
        }
    }
    let Trained { state, step, skipped } = run.train(state)?;
    if !first {
        return Ok(exit::OK);
    }
    write_atomically(folder.join(WEIGHTS), &weights(&vars)?)?;

    let judged = plan.judged(&*network);
    let testing = Testing {
        network: &judged,
        videos: &plan.test,
        clips: &plan.clips,
        config: testing::config(&plan.recipe),
        fingerprint: format!(
            "{}, tested as {:?}, weights {}",
            plan.fingerprint,
            plan.recipe.test,
            marey::train::digest(&vars)
        ),
        ledger: folder.join("test.jsonl"),
        device: &device,
    };
    let skipped = results::all_skipped(&folder, skipped)?;
    if let Some(numbers) = results::finished(&folder, &testing.fingerprint) {
        return shown(&numbers, &folder, args.json);
    }
    let (evaluation, videos) = testing.scores(&format!("{}, test", plan.model.name))?;
    let tested = Tested { evaluation, videos, skipped };
    let also = plan.also.as_ref().map_or(String::new(), |also| format!(", on {also} at once"));
    let trained = match plan.recipe.watch.keep_best {
        false => format!("trained here for {} steps{also}", state.step()),
        true => format!(
            "the best of {} steps{also} by {}: step {step}",
            state.step(),
            plan.watched_value()
        ),
    };
    let numbers = Numbers::new(&plan, &tested, Some(step), &trained, &testing.fingerprint);
    results::write(&folder, &plan, &numbers, &tested, Some(&state))?;
    ledger::remove(&testing.ledger);
    shown(&numbers, &folder, args.json)
}

/// Prints the numbers of a test whose results are in `folder`.
pub fn shown(numbers: &Numbers, folder: &Path, json: bool) -> anyhow::Result<u8> {
    if json {
        out::json(numbers)?;
    } else {
        out::text(&numbers.text())?;
    }
    note(format_args!("scores, confusion.svg and report.html are in {}", folder.display()));
    Ok(exit::OK)
}

/// Gives `vars` their first weights, and lists in `folder` how each tensor begins.
fn first_weights(plan: &Plan, vars: &VarMap, folder: &Path) -> anyhow::Result<()> {
    let begun = plan.first_weights(vars)?;
    let Some(path) = &plan.recipe.init.weights else { return Ok(()) };
    let list: String = begun.iter().map(|(name, begun)| format!("{name}: {begun}\n")).collect();
    let place = folder.join("first-weights.txt");
    write_atomically(&place, list.as_bytes())?;
    let new = begun.iter().filter(|(_, begun)| matches!(begun, Begun::New { .. })).count();
    note(format_args!(
        "first weights from {}: {} tensors, {new} of them new; {} lists them",
        path.display(),
        begun.len(),
        place.display()
    ));
    Ok(())
}

/// The recipe in a run's folder.
pub const RECIPE: &str = "recipe.toml";
/// The names of the classes there, one a line.
pub const LABELS: &str = "labels.txt";
/// The classes of the dataset that was learnt at once, if one was.
pub const ALSO: &str = "also-labels.txt";
/// The weights there.
pub const WEIGHTS: &str = "weights.safetensors";

fn weights(vars: &VarMap) -> anyhow::Result<Vec<u8>> {
    let vars = vars.data().lock().map_err(|_| failure(exit::RESOURCE, "a thread panicked"))?;
    let tensors: HashMap<&String, &candle::Tensor> =
        vars.iter().map(|(name, var)| (name, var.as_tensor())).collect();
    Ok(safetensors::serialize(tensors, None)?)
}
