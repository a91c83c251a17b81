//! `bench model`: a whole network's time and memory.

use std::path::PathBuf;

use candle::{DType, Tensor};
use candle_nn::VarMap;
use marey::layers::rng::train_step;
use marey::layers::{backward, drawn, in_pool, seeded, with_precision, with_recomputation};
use serde::Serialize;

use super::{compare, median, timed};
use crate::cli::{Device, Network, Precision, count};
use crate::{exit, memory, out};

/// Time a network's forward pass, or forward and backward
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench model c3d --threads 2\n  cargo xtask bench model r3d-18 --frames 16 --size 112 --train --runs 5 --json"
)]
pub struct Args {
    #[command(flatten)]
    network: Network,
    /// Clips of a batch
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    batch: u16,
    /// Number of classes
    #[arg(long, default_value_t = 101, value_parser = count)]
    classes: usize,
    /// Timed runs, after one that is not
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Forward and backward of the summed logits, as in training
    #[arg(long)]
    train: bool,
    /// Compute activations within blocks again for the gradients
    #[arg(long, requires = "train")]
    recompute: bool,
    /// How exactly to compute
    #[arg(long, value_enum, default_value = "f32")]
    precision: Precision,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
    /// Seeds weights and clip
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// An earlier report (`--json`) of the same network, to print the ratio to
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    model: &'static str,
    /// `[N, C, T, H, W]`.
    input: [usize; 5],
    train: bool,
    recompute: bool,
    median_ms: f64,
    min_ms: f64,
    peak_rss_mb: f64,
    threads: usize,
    precision: &'static str,
    runs: u16,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let precision = args.precision.layers()?;
    let (model, sizes) = args.network.find(Some(args.classes))?;
    let device = args.device.open()?;
    let weights = if args.train {
        seeded(&VarMap::new(), args.seed, DType::F32, &device)
    } else {
        drawn(args.seed, DType::F32, &device)
    };
    let network = model.build(&sizes, weights)?;
    let [t, h, w] = sizes.input;
    let dims = [args.batch.into(), sizes.c_in, t, h, w];
    let clip = drawn(args.seed, DType::F32, &device);
    let clip =
        clip.get_with_hints(&dims, "clip", candle_nn::Init::Randn { mean: 0., stdev: 1. })?;
    let mut step = 0;
    let pass = |step: u64| -> candle::Result<()> {
        if args.train {
            let gradients = || backward(&network.forward_t(&clip, true)?.sum_all()?);
            let gradients = || with_recomputation(args.recompute, gradients);
            train_step(args.seed, step, || with_precision(precision, gradients))?;
            return Ok(());
        }
        finish(&with_precision(precision, || network.forward_t(&clip, false))?)
    };
    let mut times = timed(args.runs, || {
        step += 1;
        Ok(in_pool(|| pass(step))?)
    })?;
    let report = Report {
        model: model.name,
        input: dims,
        train: args.train,
        recompute: args.recompute,
        median_ms: median(&mut times),
        min_ms: times[0],
        peak_rss_mb: memory::mb("VmHWM").unwrap_or_default(),
        threads: rayon::current_num_threads(),
        precision: args.precision.name(),
        runs: args.runs,
    };
    let now = serde_json::to_value(&report)?;
    let same = ["model", "input", "train", "recompute", "precision"];
    let before = args.compare.as_ref().map(|path| compare::read(path, &now, &same)).transpose()?;
    if args.json {
        out::json(&report)?;
    } else {
        let before = before.and_then(|before| before["median_ms"].as_f64());
        let than = before.map_or(String::new(), |before| {
            let ratio = compare::ratio(Some(before), report.median_ms);
            format!("; {before:.1} ms before, {ratio} times the speed")
        });
        out::text(&format!(
            "{} {:?}{}: median {:.1} ms, best {:.1} ms of {} runs, {} threads, {}, {:.0} MB at most{than}",
            report.model,
            report.input,
            match (report.train, report.recompute) {
                (false, _) => " forward",
                (true, false) => " forward and backward",
                (true, true) => " forward, again within blocks, and backward",
            },
            report.median_ms,
            report.min_ms,
            report.runs,
            report.threads,
            report.precision,
            report.peak_rss_mb,
        ))?;
    }
    Ok(exit::OK)
}

/// Waits until a device has computed `ys`.
fn finish(ys: &Tensor) -> candle::Result<()> {
    ys.flatten_all()?.narrow(0, 0, 1)?.to_vec1::<f32>().map(drop)
}
