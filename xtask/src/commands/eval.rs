//! `eval`: how well a network recognises the test videos of a dataset.

use std::path::PathBuf;

use anyhow::Context;

use crate::cli::Device;
use crate::commands::subject::Subject;
use crate::commands::train::shown;
use crate::interrupt;
use crate::training::ledger;
use crate::training::results::{self, Numbers, Tested};
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
    #[command(flatten)]
    subject: Subject,
    /// What is averaged over clips and crops
    #[arg(long, value_parser = ["softmax", "logits"])]
    average: Option<String>,
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
    let average = args.average.as_ref().map(|average| format!("test.average={average}"));
    let (subject, plan) = (&args.subject, args.subject.plan(average)?);
    subject.check_classes(&plan)?;
    let device = args.device.open()?;
    let network = subject.network(&plan, plan.sizes.classes, &device)?;
    let judged = plan.judged(&*network);
    let fingerprint = subject.fingerprint(&plan)?;
    let name = format!("eval-{}", plan.clips.slug(&plan.recipe));
    let folder = match &args.out {
        Some(folder) => folder.clone(),
        None => subject.folder(&plan, &name, &fingerprint),
    };
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("{}: cannot make the folder", folder.display()))?;
    interrupt::watch();
    let testing = Testing {
        network: &judged,
        videos: &plan.test,
        clips: &plan.clips,
        config: testing::config(&plan.recipe),
        fingerprint,
        ledger: folder.join("test.jsonl"),
        device: &device,
    };
    if let Some(numbers) = results::finished(&folder, &testing.fingerprint) {
        return shown(&numbers, &folder, args.json);
    }
    let (evaluation, videos) = testing.scores(plan.model.name)?;
    let tested = Tested { evaluation, videos, skipped: Vec::new() };
    let weights = format!("weights of {}", subject.weights().display());
    let numbers = Numbers::new(&plan, &tested, None, &weights, &testing.fingerprint);
    results::write(&folder, &plan, &numbers, &tested, None)?;
    ledger::remove(&testing.ledger);
    shown(&numbers, &folder, args.json)
}
