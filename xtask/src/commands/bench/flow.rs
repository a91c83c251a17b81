//! `bench flow`: how long TV-L1 takes, beside what the machine allows.

use std::path::{Path, PathBuf};

use image::imageops::{FilterType, resize};
use marey::flow::{Effort, Grey, Preset, TvL1};
use marey::kernels::machine;
use serde::Serialize;

use super::{median, timed};
use crate::cli::size;
use crate::commands::flow::image;
use crate::{exit, out};

/// Time TV-L1 flow between two images
///
/// The limit is the least time in which the machine's measured peak and bandwidth allow the iterations alone. Iterations one by one
/// would move all planes each time; in one pass of several they are moved once.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench flow frame0.png frame1.png --threads 2\n  cargo xtask bench flow frame0.png frame1.png --preset fast --pairs 16 --json"
)]
pub struct Args {
    /// The first image
    from: PathBuf,
    /// The second image
    to: PathBuf,
    /// ipol, opencv or fast
    #[arg(long, default_value = "opencv")]
    preset: Preset,
    /// Pairs of a batch: as many copies of this one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pairs: u16,
    /// Bring both images to so many pixels first
    #[arg(long, value_name = "WxH", value_parser = size)]
    size: Option<[u32; 2]>,
    /// Timed runs, after one that is not
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    preset: &'static str,
    width: usize,
    height: usize,
    pairs: u16,
    threads: usize,
    runs: u16,
    /// Of a pair.
    median_ms: f64,
    min_ms: f64,
    pairs_per_second: f64,
    /// Of a pair, pixels of all levels.
    pixel_iterations: u64,
    pixel_passes: u64,
    gflops: f64,
    /// Of iterations one by one, and of passes of several.
    separate_mb: f64,
    fused_mb: f64,
    peak_gflops: f64,
    bandwidth_gbs: f64,
    separate_limit_ms: f64,
    fused_limit_ms: f64,
}

/// Operations of an iteration on a pixel: 25 for the flow, 15 for each component's dual variables.
const OPERATIONS: f64 = 55.;

/// Planes that flow, dual variables and data have: an iteration reads 10 and writes 6 of 4 bytes.
const BYTES: f64 = 64.;

/// Apart, the dual variables' half of an iteration reads the flow and itself once more: 6 planes.
const APART: f64 = BYTES + 24.;

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let solver = TvL1::preset(args.preset);
    let [from, to] = [grey(&args.from, args.size)?, grey(&args.to, args.size)?];
    let effort = solver.measured(&from, &to)?.1;
    let pairs = vec![(&from, &to); args.pairs.into()];
    let mut times = timed(args.runs, || {
        solver.fields(&pairs)?;
        Ok(())
    })?;
    times.iter_mut().for_each(|ms| *ms /= f64::from(args.pairs));
    let report = report(args, &from, effort, median(&mut times), times[0]);
    if args.json {
        out::json(&report)?;
    } else {
        out::text(&text(&report))?;
    }
    Ok(exit::OK)
}

fn report(args: &Args, from: &Grey, effort: Effort, median_ms: f64, min_ms: f64) -> Report {
    let (peak, bandwidth) = (machine::peak_gflops(), machine::bandwidth_gbs());
    let flops = effort.iterations as f64 * OPERATIONS;
    let (separate, fused) = (effort.iterations as f64 * APART, effort.passes as f64 * BYTES);
    let limit = |bytes: f64| (flops / peak).max(bytes / bandwidth) / 1e6;
    Report {
        preset: args.preset.name(),
        width: from.width(),
        height: from.height(),
        pairs: args.pairs,
        threads: rayon::current_num_threads(),
        runs: args.runs,
        median_ms,
        min_ms,
        pairs_per_second: 1e3 / median_ms,
        pixel_iterations: effort.iterations,
        pixel_passes: effort.passes,
        gflops: flops / median_ms / 1e6,
        separate_mb: separate / 1e6,
        fused_mb: fused / 1e6,
        peak_gflops: peak,
        bandwidth_gbs: bandwidth,
        separate_limit_ms: limit(separate),
        fused_limit_ms: limit(fused),
    }
}

fn text(report: &Report) -> String {
    let Report { preset, width, height, pairs, threads, runs, median_ms, min_ms, .. } = report;
    let batch = if *pairs > 1 { format!(", {pairs} pairs at once") } else { String::new() };
    format!(
        "{preset} {width}x{height}{batch}: median {median_ms:.1} ms a pair, best {min_ms:.1} ms of {runs} runs, {threads} threads, \
         {:.1} pairs/s\n\
         {:.1} million pixel-iterations in {:.1} million pixel-passes, {:.1} GFLOP/s of {:.0} measured\n\
         iterations one by one: {:.0} MB, limit {:.1} ms; in passes: {:.0} MB, limit {:.1} ms at {:.1} GB/s measured",
        report.pairs_per_second,
        report.pixel_iterations as f64 / 1e6,
        report.pixel_passes as f64 / 1e6,
        report.gflops,
        report.peak_gflops,
        report.separate_mb,
        report.separate_limit_ms,
        report.fused_mb,
        report.fused_limit_ms,
        report.bandwidth_gbs,
    )
}

/// The image at `path` in grey, at a size of choice.
fn grey(path: &Path, size: Option<[u32; 2]>) -> anyhow::Result<Grey> {
    let image = image(path)?;
    Ok(Grey::from_rgb(&match size {
        None => image,
        Some([w, h]) => resize(&image, w, h, FilterType::Triangle),
    })?)
}
