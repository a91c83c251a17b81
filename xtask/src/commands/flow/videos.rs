//! Flow images of whole videos.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use marey::data::extract::{
    ExtractConfig, Extraction, Manifest, Outcome, Progress, Range, Size, Warped,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::names::{Named, named};
use super::shard::Shard;
use crate::cli::{count, size};
use crate::exit::{self, failure};
use crate::interrupt;
use crate::out::{self, counted, note};

/// What only videos have.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Of videos")]
#[group(skip)]
pub struct Args {
    /// More videos, a path a line
    #[arg(long, value_name = "FILE", conflicts_with = "no_videos")]
    list: Option<PathBuf>,
    /// Keep the folders that the videos lie in, from this one on
    #[arg(long, value_name = "DIR", conflicts_with = "no_videos")]
    root: Option<PathBuf>,
    /// The displacement that an image can hold, in pixels; beyond it is clipped [default: 20]
    #[arg(
        long,
        value_name = "PIXELS",
        conflicts_with = "no_videos",
        allow_negative_numbers = true
    )]
    bound: Option<f32>,
    /// Stretch each image over its own displacements, which the manifest keeps
    #[arg(long, conflicts_with_all = ["no_videos", "bound"], value_parser = ["own"])]
    range: Option<String>,
    /// Bring frames to so many pixels first, bilinearly; 340x256 for temporal segment networks
    #[arg(long, value_name = "WxH", conflicts_with_all = ["no_videos", "short_side"], value_parser = size)]
    size: Option<[u32; 2]>,
    /// Bring the shorter side of frames to so many pixels first, bilinearly
    #[arg(long, value_name = "PIXELS", conflicts_with = "no_videos", value_parser = count)]
    short_side: Option<usize>,
    /// Quality of the JPEGs, 1 to 100 [default: 95]
    #[arg(long, conflicts_with = "no_videos", value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: Option<u8>,
    /// Take every Nth frame only, beginning with the first
    #[arg(long, value_name = "N", conflicts_with = "no_videos", value_parser = count)]
    every: Option<usize>,
    /// Only part i of n of the videos, i from 1 to n [default: a SLURM array's or Kubernetes job's own]
    #[arg(long, value_name = "i/n", conflicts_with = "no_videos")]
    shard: Option<Shard>,
    /// Of how many parts JOB_COMPLETION_INDEX tells the number
    #[arg(long, value_name = "n", conflicts_with_all = ["no_videos", "shard"], value_parser = clap::value_parser!(u64).range(1..))]
    shards: Option<u64>,
    /// Make folders anew that were made otherwise
    #[arg(long, conflicts_with = "no_videos")]
    force: bool,
    /// End with code 4 if a video failed
    #[arg(long, conflicts_with = "no_videos")]
    strict: bool,
}

/// What is printed.
#[derive(Serialize)]
struct Report<'a> {
    out: String,
    shard: Option<String>,
    settings: &'a ExtractConfig,
    #[serde(flatten)]
    summary: &'a Summary,
    seconds: f64,
}

/// What came of all videos.
#[derive(Default, Serialize)]
struct Summary {
    videos: Vec<Value>,
    made: usize,
    there: usize,
    failed: usize,
    /// Whose flow was found now.
    pairs: usize,
}

pub fn run(args: &super::Args, out: &Path) -> anyhow::Result<u8> {
    let extraction = Extraction::new(config(args))?;
    let shard = shard(&args.videos)?;
    let mut videos = named(videos(args)?, args.videos.root.as_deref())?;
    videos.retain(|named| shard.is_none_or(|shard| shard.has(&named.video)));
    refuse_missing(&videos)?;
    std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
    interrupt::watch();
    let (begun, mut summary) = (Instant::now(), Summary::default());
    for (at, named) in videos.iter().enumerate() {
        if interrupt::asked() {
            return Err(interrupt::stopped());
        }
        let title = format!("[{}/{}] {}", at + 1, videos.len(), named.name.display());
        summary.extract(&extraction, named, &out.join(&named.name), args.videos.force, &title)?;
    }
    let seconds = begun.elapsed().as_secs_f64();
    match args.json {
        true => out::json(&Report {
            out: out.display().to_string(),
            shard: shard.map(|shard| shard.to_string()),
            settings: extraction.config(),
            summary: &summary,
            seconds,
        })?,
        false => out::text(&summary.text(out, seconds))?,
    }
    Ok(if args.videos.strict && summary.failed > 0 { exit::CORRUPT } else { exit::OK })
}

fn config(args: &super::Args) -> ExtractConfig {
    let own = &args.videos;
    let size = match (own.size, own.short_side) {
        (Some([width, height]), _) => Size::Exact(width, height),
        // `count` lets no more through than fit.
        (None, Some(side)) => Size::ShortSide(side as u32),
        (None, None) => Size::Source,
    };
    let base = ExtractConfig::default();
    ExtractConfig {
        tvl1: args.preset.config(),
        warped: args.warped.then_some(Warped { seed: args.seed }),
        range: match &own.range {
            Some(_) => Range::Own,
            None => own.bound.map_or(base.range, Range::Bound),
        },
        size,
        quality: own.quality.unwrap_or(base.quality),
        every: own.every.unwrap_or(base.every),
    }
}

fn shard(args: &Args) -> anyhow::Result<Option<Shard>> {
    if args.shard.is_some() {
        return Ok(args.shard);
    }
    let found = Shard::of_scheduler(args.shards, |name| std::env::var(name).ok())?;
    if let Some((shard, name)) = found {
        note(format_args!("part {shard} of the videos, for {name} is set"));
    }
    Ok(found.map(|(shard, _)| shard))
}

/// Those named, and those of the list.
fn videos(args: &super::Args) -> anyhow::Result<Vec<PathBuf>> {
    let mut videos = args.inputs.clone();
    if let Some(path) = &args.videos.list {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        videos
            .extend(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(PathBuf::from));
    }
    if videos.is_empty() {
        return Err(failure(exit::USAGE, "no video is named, neither here nor in a --list"));
    }
    Ok(videos)
}

/// Where no name leads anywhere, that is a slip of the pen; one of many is told as a broken file is.
fn refuse_missing(videos: &[Named]) -> anyhow::Result<()> {
    let Some(first) = videos.first() else { return Ok(()) };
    if videos.iter().any(|named| named.video.exists()) {
        return Ok(());
    }
    let others = match videos.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more, all videos)"),
    };
    let what = format!("{}: no such file or folder{others}", first.video.display());
    Err(failure(exit::MISSING, what))
}

impl Summary {
    /// Goes on after a video that failed, but not where the disk is full.
    fn extract(
        &mut self,
        extraction: &Extraction,
        named: &Named,
        folder: &Path,
        redo: bool,
        title: &str,
    ) -> anyhow::Result<()> {
        let (begun, bar) = (Instant::now(), bar(title));
        let mut observe = |progress: Progress| {
            bar.set_length(progress.pairs as u64);
            bar.set_position(progress.done as u64);
            if interrupt::asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let outcome = extraction.run(&named.video, folder, redo, &mut observe);
        bar.finish_and_clear();
        let seconds = begun.elapsed().as_secs_f64();
        let tell = |what: String| {
            if bar.is_hidden() {
                note(format_args!("{title}: {what}"));
            }
        };
        let report = |state: &str, manifest: &Manifest| {
            json!({
                "video": named.video.display().to_string(),
                "folder": folder.display().to_string(),
                "state": state,
                "frames": manifest.frames,
                "width": manifest.width,
                "height": manifest.height,
                "seconds": seconds,
            })
        };
        match outcome {
            Ok(Outcome::Made(manifest)) => {
                tell(format!("{}, {seconds:.1} s", counted(manifest.frames, "frame")));
                self.made += 1;
                self.pairs += manifest.frames - 1;
                self.videos.push(report("made", &manifest));
            }
            Ok(Outcome::There(manifest)) => {
                tell("there already".into());
                self.there += 1;
                self.videos.push(report("there", &manifest));
            }
            Ok(Outcome::Stopped) => return Err(interrupt::stopped()),
            Err(error) => {
                let error = anyhow::Error::from(error);
                if exit::code(&error) == exit::RESOURCE {
                    return Err(error);
                }
                let (video, line) = (named.video.display().to_string(), exit::line(&error));
                let line = if line.contains(&video) { line } else { format!("{video}: {line}") };
                note(format_args!("error: {line}"));
                self.failed += 1;
                self.videos.push(json!({ "video": video, "error": line }));
            }
        }
        Ok(())
    }

    fn text(&self, out: &Path, seconds: f64) -> String {
        let rate = match self.pairs {
            0 => String::new(),
            pairs => format!(
                " ({} of frames in {seconds:.1} s, {:.1} a second)",
                counted(pairs, "pair"),
                pairs as f64 / seconds
            ),
        };
        format!(
            "{}: {} made{rate}, {} there already, {} failed",
            out.display(),
            counted(self.made, "video"),
            self.there,
            self.failed
        )
    }
}

/// A bar on stderr, that is not drawn where stderr is no terminal.
fn bar(title: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} pairs, {per_sec} ({eta} left)");
    let bar =
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(title.to_string());
    bar
}
