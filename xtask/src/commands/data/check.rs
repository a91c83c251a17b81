//! `data check`: what is wrong with a dataset, before it is trained on.

use std::path::PathBuf;

use marey::data::check::{Copies, Part, Report, check};
use marey::data::layouts::{self, Layout};
use marey::data::{Dataset, Subset};
use marey::video::Options;
use serde_json::{Value, json};

use crate::exit;
use crate::out;

/// Look through a dataset before it is trained on
///
/// Every file is opened, its first and its last frame decoded and its bytes compared. Ends with 3 if the root, a list or a
/// listed video is missing, with 4 if files cannot be read, with 1 if the same film lies in train and in test.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask data check ucf101 --root DIR --split 2\n  cargo xtask data check folders --root DIR --json\n\nHow each dataset lies under its root: docs/data.md"
)]
pub struct Args {
    /// The dataset: ucf101, hmdb51, kinetics, sports1m, isogd, skig, yupenn, maryland, or your own: classes, folders, list, folds
    dataset: String,
    /// Where it lies
    #[arg(long)]
    root: PathBuf,
    /// Which of its splits [default: the first]
    #[arg(long)]
    split: Option<usize>,
    /// Print one JSON object (docs/json.md)
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let layout = layouts::find(&args.dataset)?;
    let split = args.split.unwrap_or(layout.first_split);
    let open = |subset| layout.open(&args.root, subset, split, Options::default());
    let sets = [Subset::Train, Subset::Test].map(|subset| open(subset).map(|set| (subset, set)));
    let [train, test] = sets;
    let sets = [train?, test?];
    let files: usize = sets.iter().map(|(_, set)| set.len() * set.streams().len()).sum();
    let bar = out::bar("check", files as u64, "files");
    let report = check(&sets, rayon::current_num_threads(), |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let classes = sets[0].1.classes();
    if args.json {
        out::json(&object(args, split, classes, &report))?;
    } else {
        out::text(&page(args, layout, split, classes, &report))?;
    }
    Ok(match (report.unreadable.is_empty(), report.copies.iter().any(Copies::are_shared)) {
        (false, _) => exit::CORRUPT,
        (true, true) => exit::OFF,
        (true, false) => exit::OK,
    })
}

/// The names of the classes without a video.
fn empty<'a>(part: &Part, classes: &'a [String]) -> Vec<&'a str> {
    let counts = classes.iter().zip(&part.per_class).filter(|(_, count)| **count == 0);
    counts.map(|(class, _)| class.as_str()).collect()
}

/// The fewest, the middle number (of two the larger) and the most of `ascending`.
fn spread(ascending: &[usize]) -> Option<[usize; 3]> {
    let (min, max) = (*ascending.first()?, *ascending.last()?);
    Some([min, ascending[ascending.len() / 2], max])
}

fn object(args: &Args, split: usize, classes: &[String], report: &Report) -> Value {
    let subset = |part: &Part| {
        let sizes = part.sizes.iter();
        json!({
            "subset": part.subset.to_string(),
            "videos": part.videos,
            "absent": part.absent,
            "bytes": part.bytes,
            "frames": spread(&part.frames).map(|[min, median, max]| {
                json!({ "min": min, "median": median, "max": max })
            }),
            "sizes": sizes.map(|((width, height), files)| {
                json!({ "width": width, "height": height, "files": files })
            }).collect::<Vec<_>>(),
            "per_class": part.per_class,
            "empty_classes": empty(part, classes),
        })
    };
    let file =
        |(subset, path): &(Subset, PathBuf)| json!({ "subset": subset.to_string(), "path": path });
    json!({
        "dataset": args.dataset,
        "root": args.root,
        "split": split,
        "classes": classes,
        "subsets": report.parts.iter().map(subset).collect::<Vec<_>>(),
        "unreadable": report.unreadable.iter().map(|bad| {
            json!({ "path": bad.path, "cause": bad.cause })
        }).collect::<Vec<_>>(),
        "copies": report.copies.iter().map(|copies| {
            let files: Vec<_> = copies.files.iter().map(file).collect();
            json!({ "files": files, "shared": copies.are_shared() })
        }).collect::<Vec<_>>(),
    })
}

fn page(args: &Args, layout: &Layout, split: usize, classes: &[String], report: &Report) -> String {
    let mut page = format!("{} in {}, split {split}\n\n", layout.title, args.root.display());
    let rows: Vec<_> = report.parts.iter().map(|part| row(part, classes)).collect();
    let head =
        ["subset", "videos", "absent", "frames, least", "median", "most", "MB", "largest class"];
    page += &out::table(&head, &rows);
    for part in &report.parts {
        let sizes = part.sizes.iter().map(|((w, h), files)| format!("{w}x{h} ({files})"));
        page += &format!("\n{}, sizes: {}", part.subset, sizes.collect::<Vec<_>>().join(", "));
    }
    let rows: Vec<_> = (0..classes.len())
        .map(|class| {
            let counts = report.parts.iter().map(|part| part.per_class[class].to_string());
            [classes[class].clone()].into_iter().chain(counts).collect()
        })
        .collect();
    page += &format!("\n\n{}\n\n", out::table(&["class", "train", "test"], &rows));
    for part in &report.parts {
        let empty = empty(part, classes);
        if !empty.is_empty() {
            page += &format!("without a video in {}: {}\n", part.subset, empty.join(", "));
        }
    }
    for bad in &report.unreadable {
        // Most causes begin with the file.
        let path = bad.path.display().to_string();
        let cause = bad.cause.strip_prefix(&format!("{path}: ")).unwrap_or(&bad.cause);
        page += &format!("unreadable: {path}: {cause}\n");
    }
    for copies in &report.copies {
        let what = if copies.are_shared() { "in train and in test" } else { "the same twice" };
        let files =
            copies.files.iter().map(|(subset, path)| format!("{} ({subset})", path.display()));
        page += &format!("{what}: {}\n", files.collect::<Vec<_>>().join(", "));
    }
    let shared = report.copies.iter().filter(|copies| copies.are_shared()).count();
    page + &format!(
        "{} unreadable, {} of the same content, {shared} of them in train and in test",
        out::counted(report.unreadable.len(), "file"),
        out::counted(report.copies.len(), "group"),
    )
}

fn row(part: &Part, classes: &[String]) -> Vec<String> {
    let frames = match spread(&part.frames) {
        Some(frames) => frames.map(|count| count.to_string()),
        None => ["-"; 3].map(String::from),
    };
    let all: usize = part.per_class.iter().sum();
    let largest = part.per_class.iter().zip(classes).max_by_key(|(count, _)| **count);
    let largest = match largest {
        Some((count, class)) if all > 0 => {
            format!("{:.1} % {class}", 100. * *count as f64 / all as f64)
        }
        _ => "-".into(),
    };
    let counts = [part.subset.to_string(), part.videos.to_string(), part.absent.to_string()];
    let bytes = format!("{:.1}", part.bytes as f64 / 1e6);
    counts.into_iter().chain(frames).chain([bytes, largest]).collect()
}
