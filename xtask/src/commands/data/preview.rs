//! `data preview`: pictures of a dataset.

use std::path::PathBuf;

use marey::data::{Marionettes, MarionettesConfig, Subset, preview};

use crate::exit;
use crate::out;

/// Write pictures of a dataset that a person can look at: a contact sheet and an animation of every class
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cargo xtask data preview marionettes --output marionettes --size 128"
)]
pub struct Args {
    /// The dataset
    #[arg(value_parser = ["marionettes"])]
    dataset: String,
    /// The folder the pictures go to [default: runs/preview-DATASET]
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// Side of a frame
    #[arg(long, default_value_t = 96)]
    size: usize,
    /// Seeds the dataset
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let config = MarionettesConfig {
        width: args.size,
        height: args.size,
        seed: args.seed,
        ..Default::default()
    };
    let dataset = Marionettes::new(config, Subset::Test)?;
    let folder = args
        .output
        .clone()
        .unwrap_or_else(|| PathBuf::from(format!("runs/preview-{}", args.dataset)));
    for path in preview(&dataset, &folder)? {
        out::text(&path.display().to_string())?;
    }
    Ok(exit::OK)
}
