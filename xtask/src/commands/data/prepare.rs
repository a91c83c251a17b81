//! `data prepare`: videos decoded once, to images.

mod folders;
mod items;
mod shards;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use marey::data::extract::Size;
use marey::data::{Dataset, Listed, PrepareConfig, Subset, layouts};
use marey::weights::write_atomically;
use serde_json::{Value, json};

use crate::cli::{count, size};
use crate::exit::{self, failure};
use crate::interrupt;
use crate::out::{self, counted, note};
use items::Work;

/// Decode and resize the videos of a dataset once, to JPEG images
///
/// As folders, OUT/CLASS/VIDEO/img_00001.jpg and so on with a manifest.json each, beside lists that dataset `list` opens by; or as
/// shards, uncompressed tar files of many videos each with an index beside them, which dataset `shards` opens. Folders and shards
/// are whole or not there, so a run that was stopped goes on when it is started again. Broken videos are told and left out.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask data prepare ucf101 --root UCF --split 1 --out ucf-128 --size 128\n  cargo xtask data prepare hmdb51 --root HMDB --out hmdb --format shards --size 340x256"
)]
pub struct Args {
    /// The dataset, as `data check` knows it
    dataset: String,
    /// Where it lies
    #[arg(long)]
    root: PathBuf,
    /// Which of its splits [default: the first]
    #[arg(long)]
    split: Option<usize>,
    /// Which of its streams, rgb or depth [default: the first]
    #[arg(long)]
    stream: Option<String>,
    /// The folder that all goes to, outside of ROOT
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A folder a video, or many videos a file
    #[arg(long, value_enum, default_value = "folders")]
    format: Format,
    /// Pixels of the shorter side, or width and height as 340x256 [default: those of the video]
    #[arg(long, value_name = "PIXELS", value_parser = sized)]
    size: Option<Size>,
    /// Quality of the JPEGs
    #[arg(long, default_value_t = 95, value_parser = clap::value_parser!(u8).range(1..=100))]
    quality: u8,
    /// Videos of a shard
    #[arg(long, default_value_t = 100, value_parser = count)]
    per_shard: usize,
    /// Make anew what was made otherwise
    #[arg(long)]
    force: bool,
    /// End with code 4 if a video failed
    #[arg(long)]
    strict: bool,
    /// Print one JSON object (docs/json.md)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Folders,
    Shards,
}

fn sized(text: &str) -> Result<Size, String> {
    match (count(text), size(text)) {
        // `count` lets no more through than fit.
        (Ok(side), _) => Ok(Size::ShortSide(side as u32)),
        (_, Ok([width, height])) => Ok(Size::Exact(width, height)),
        _ => Err("PIXELS or WIDTHxHEIGHT is wanted, as 256 or 340x256".into()),
    }
}

/// What came of a video.
struct Done {
    key: String,
    label: u32,
    /// Whether it was made now, and how many frames it has; or why there are none.
    what: Result<(bool, usize), String>,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let layout = layouts::find(&args.dataset)?;
    let split = args.split.unwrap_or(layout.first_split);
    let open = |subset| -> marey::data::Result<Listed> {
        let set = layout.open(&args.root, subset, split, Default::default())?;
        match &args.stream {
            Some(name) => set.stream(name),
            None => Ok(set),
        }
    };
    let sets = [(Subset::Train, open(Subset::Train)?), (Subset::Test, open(Subset::Test)?)];
    refuse_inside(&args.root, &args.out)?;
    let config = PrepareConfig { size: args.size.unwrap_or(Size::Source), quality: args.quality };
    let (begun, work) = (Instant::now(), Work::of(&sets)?);
    std::fs::create_dir_all(&args.out).with_context(|| args.out.display().to_string())?;
    interrupt::watch();
    let make = |(subset, items)| match args.format {
        Format::Folders => folders::make(args, subset, items, &config),
        Format::Shards => shards::make(args, subset, items, &config),
    };
    let classes = sets[0].1.classes().iter().map(|class| format!("{class}\n"));
    write_atomically(args.out.join("classes.txt"), classes.collect::<String>().as_bytes())?;
    let done = work.parts().map(make).collect::<anyhow::Result<Vec<Vec<_>>>>()?;
    let done: Vec<Done> = done.into_iter().flatten().collect();
    report(args, &done, begun.elapsed().as_secs_f64())
}

/// Refuses to write where the dataset is read: what was made would be videos of it.
fn refuse_inside(root: &Path, out: &Path) -> anyhow::Result<()> {
    let root = root.canonicalize().with_context(|| root.display().to_string())?;
    let out = std::path::absolute(out).with_context(|| out.display().to_string())?;
    // Links are followed as far as there are folders.
    let there = out.ancestors().find_map(|folder| folder.canonicalize().ok());
    if there.is_some_and(|there| there.starts_with(&root)) {
        let (out, root) = (out.display(), root.display());
        let what = format!("--out {out} lies within the dataset {root}: another folder is wanted");
        return Err(failure(exit::USAGE, what));
    }
    Ok(())
}

fn report(args: &Args, done: &[Done], seconds: f64) -> anyhow::Result<u8> {
    let of = |made| done.iter().filter(|d| d.what.as_ref().is_ok_and(|(m, _)| *m == made)).count();
    let (made, there) = (of(true), of(false));
    let failed = done.len() - made - there;
    let (out, frames) = (args.out.display(), done.iter().filter_map(|d| d.what.as_ref().ok()));
    let frames: usize = frames.filter(|(made, _)| *made).map(|(_, frames)| frames).sum();
    if args.json {
        let video = |done: &Done| -> Value {
            match &done.what {
                Ok((made, frames)) => {
                    let state = if *made { "made" } else { "there" };
                    json!({ "key": done.key, "label": done.label, "state": state, "frames": frames })
                }
                Err(error) => json!({ "key": done.key, "label": done.label, "error": error }),
            }
        };
        out::json(&json!({
            "out": args.out,
            "format": format!("{:?}", args.format).to_lowercase(),
            "videos": done.iter().map(video).collect::<Vec<_>>(),
            "made": made,
            "there": there,
            "failed": failed,
            "frames": frames,
            "seconds": seconds,
        }))?;
    } else {
        let name = if args.format == Format::Folders { "list" } else { "shards" };
        out::text(&format!(
            "{out}: {} made ({} in {seconds:.1} s), {there} there already, {failed} failed; it opens as dataset `{name}`",
            counted(made, "video"),
            counted(frames, "frame"),
        ))?;
    }
    Ok(if args.strict && failed > 0 { exit::CORRUPT } else { exit::OK })
}

/// Says why there is nothing of a video, and keeps it for the report; ends the command where the disk is full.
fn failed(video: &std::path::Path, error: anyhow::Error) -> anyhow::Result<String> {
    if exit::code(&error) == exit::RESOURCE {
        return Err(error);
    }
    let (name, line) = (video.display().to_string(), exit::line(&error));
    let line = if line.contains(&name) { line } else { format!("{name}: {line}") };
    note(format_args!("error: {line}"));
    Ok(line)
}
