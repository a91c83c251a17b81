//! `features`: what a network makes of videos before its classifier.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use candle::Tensor;
use marey::weights::write_atomically;

use crate::cli::Device;
use crate::commands::subject::Subject;
use crate::exit;
use crate::interrupt;
use crate::out::{self, counted};
use crate::training::ledger;
use crate::training::testing::{self, Passed, Testing};

/// Write the features that a network has of a dataset's videos before its classifier, for `svm`
///
/// Of the training and the test videos of a split: `features [N, D]` and `labels [N]`, and the names of the videos as metadata.
/// A video's features are the mean of those of its clips and crops. A file that is there already, of the same weights, videos and
/// clips, is left as it is.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cargo xtask features --model i3d --weights i3d.safetensors --data folds --root fight -o fight-i3d.safetensors"
)]
pub struct Args {
    #[command(flatten)]
    subject: Subject,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let (subject, output) = (&args.subject, &args.output);
    let plan = subject.plan(None)?;
    let fingerprint = format!("features, {}", subject.fingerprint(&plan)?);
    if is_of(output, &fingerprint) {
        out::text(&format!("{}: is there already", output.display()))?;
        return Ok(exit::OK);
    }
    let device = args.device.open()?;
    let classes = if subject.run.is_some() { plan.sizes.classes } else { plan.model.classes };
    let network = subject.network(&plan, classes, &device)?;
    interrupt::watch();
    let (mut rows, mut labels, mut names, mut unreadable) = (vec![], vec![], vec![], vec![]);
    let mut ledgers = Vec::new();
    for (subset, videos) in [("train", &plan.own), ("test", &plan.test)] {
        let testing = Testing {
            network: &*network,
            videos,
            clips: &plan.clips,
            config: testing::config(&plan.recipe),
            fingerprint: fingerprint.clone(),
            ledger: output.with_added_extension(format!("{subset}.jsonl")),
            device: &device,
        };
        let passed = testing.features(&format!("{}, {subset} videos", plan.model.name))?;
        let Passed { results, names: known, indices, unreadable: odd } = passed;
        let name = |name: String| (subset, name);
        labels.extend(indices.iter().map(|index| i64::from(videos.label(*index))));
        rows.extend(results);
        names.extend(known.into_iter().map(name));
        unreadable.extend(odd.into_iter().map(|(odd, _)| name(odd)));
        ledgers.push(testing.ledger);
    }
    let (names, unreadable) = told_apart(names, unreadable);
    let (videos, size) = (rows.len(), rows.first().map_or(0, Vec::len));
    let cpu = &candle::Device::Cpu;
    let tensors = HashMap::from([
        ("features", Tensor::from_vec(rows.concat(), (videos, size), cpu)?),
        ("labels", Tensor::from_vec(labels, videos, cpu)?),
    ]);
    let protocol = format!("mean of {}", plan.clips.protocol());
    let said = HashMap::from([
        ("videos".to_string(), serde_json::to_string(&names)?),
        ("unreadable".to_string(), serde_json::to_string(&unreadable)?),
        ("classes".to_string(), serde_json::to_string(plan.own.classes())?),
        ("model".to_string(), plan.model.name.to_string()),
        ("protocol".to_string(), protocol.clone()),
        (FINGERPRINT.to_string(), fingerprint),
    ]);
    write_atomically(output, &safetensors::serialize(tensors, Some(said))?)?;
    ledgers.iter().for_each(|path| ledger::remove(path));
    let (name, read) = (output.display(), counted(videos, "video"));
    out::text(&format!("{name}: {size} features of {read} by {}, {protocol}", plan.model.name))?;
    for name in unreadable {
        out::text(&format!("unreadable: {name}"))?;
    }
    Ok(exit::OK)
}

const FINGERPRINT: &str = "fingerprint";

/// The names alone, or behind that of their subset where a video for training is called as one for testing.
fn told_apart(names: Named, unreadable: Named) -> (Vec<String>, Vec<String>) {
    let bare: BTreeSet<&String> = names.iter().chain(&unreadable).map(|(_, name)| name).collect();
    let clash = bare.len() < names.len() + unreadable.len();
    let name = |(subset, name): (&str, String)| {
        if clash { format!("{subset}/{name}") } else { name }
    };
    (names.into_iter().map(name).collect(), unreadable.into_iter().map(name).collect())
}

/// Subsets and names of videos.
type Named = Vec<(&'static str, String)>;

fn is_of(path: &Path, fingerprint: &str) -> bool {
    let Ok(bytes) = std::fs::read(path) else { return false };
    let Ok((_, metadata)) = safetensors::SafeTensors::read_metadata(&bytes) else { return false };
    metadata
        .metadata()
        .as_ref()
        .and_then(|all| all.get(FINGERPRINT))
        .is_some_and(|f| f == fingerprint)
}
