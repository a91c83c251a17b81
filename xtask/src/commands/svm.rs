//! `svm`: a linear classifier of features.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use anyhow::Context;
use candle::DType;
use clap::ValueEnum;
use marey::data::{Subset, layouts};
use marey::shallow::{LinearSvm, Standard, SvmConfig, l2};
use marey::train::Metrics;
use marey::train::metrics::wilson;
use marey::weights::write_atomically;
use serde::Serialize;

use crate::exit::{self, failure};
use crate::out;
use crate::tensors;

/// Train a linear support vector machine on features, and test it, on each split of a dataset
///
/// Features are what `features` wrote. Where several values of --c are given, each split takes the one that is best in a
/// cross-validation of four parts of its training videos.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask svm fight-i3d.safetensors --data folds --root fight\n  cargo xtask svm c3d.safetensors --data ucf101 --root DIR --split 1 --norm l2 --c 1"
)]
pub struct Args {
    /// The features
    features: PathBuf,
    /// The dataset, as `data check` knows it, whose lists say which videos are for training
    #[arg(long, value_name = "NAME")]
    data: String,
    /// Where it lies
    #[arg(long, value_name = "DIR")]
    root: PathBuf,
    /// One split [default: each there is]
    #[arg(long, value_name = "N")]
    split: Option<usize>,
    /// What a row on the wrong side costs; several values, between commas, to choose from
    #[arg(long, value_delimiter = ',', default_value = "1")]
    c: Vec<f64>,
    /// What features are brought to before
    #[arg(long, value_enum, default_value = "standard")]
    norm: Norm,
    /// Write the decisions on each split's test videos there as logits, for `fuse`
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Norm {
    /// Mean 0 and deviation 1 of each feature over the training videos
    Standard,
    /// A Euclidean norm of 1 of each video's features
    L2,
    /// As they are
    None,
}

#[derive(Serialize)]
struct Report {
    features: String,
    protocol: String,
    norm: Norm,
    splits: Vec<Split>,
    mean: f64,
    /// The standard deviation over splits; none of one split.
    deviation: Option<f64>,
    /// The 95 % interval over all test videos together (Wilson); none where splits share some.
    interval: Option<(f64, f64)>,
}

#[derive(Serialize)]
struct Split {
    split: usize,
    train: usize,
    test: usize,
    /// Listed videos whose features are missing because they could not be read.
    unreadable: usize,
    c: f64,
    top1: f64,
    mean_class: f64,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let layout = layouts::find(&args.data)?;
    let file = Features::read(&args.features)?;
    let splits = match args.split {
        Some(split) => vec![split],
        None => layout.splits(&args.root)?,
    };
    let (mut done, mut right, mut all) = (Vec::new(), 0., 0);
    let mut judged = BTreeSet::new();
    for split in splits {
        let part = |subset| file.of(&layout.list(&args.root, subset, split)?, subset);
        let (train, test) = (part(Subset::Train)?, part(Subset::Test)?);
        let c = choose(args, &train, file.classes)?;
        let decisions = decide(args.norm, c, &train, &test.rows, file.classes)?;
        let metrics = Metrics::new(&decisions, &test.labels);
        right += (metrics.top1 * test.rows.len() as f64).round();
        all += test.rows.len();
        judged.extend(test.names.clone());
        if let Some(folder) = &args.output {
            write(&folder.join(format!("scores-{split}.safetensors")), &decisions, &test)?;
        }
        done.push(Split {
            split,
            train: train.rows.len(),
            test: test.rows.len(),
            unreadable: train.unreadable + test.unreadable,
            c,
            top1: metrics.top1,
            mean_class: metrics.mean_class,
        });
    }
    let count = done.len() as f64;
    let mean = done.iter().map(|split| split.top1).sum::<f64>() / count;
    let squares = done.iter().map(|split| (split.top1 - mean).powi(2)).sum::<f64>();
    let report = Report {
        features: args.features.display().to_string(),
        protocol: file.protocol,
        norm: args.norm,
        mean,
        deviation: (done.len() > 1).then(|| (squares / (count - 1.)).sqrt()),
        interval: (judged.len() == all).then(|| wilson(right as u64, all as u64)),
        splits: done,
    };
    if args.json {
        out::json(&report)?;
    } else {
        out::text(&report.text())?;
    }
    Ok(exit::OK)
}

impl Report {
    fn text(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100. * share);
        let rows: Vec<_> = self
            .splits
            .iter()
            .map(|s| {
                let counts = [s.split, s.train, s.test].map(|count| count.to_string());
                let rest = [s.c.to_string(), percent(s.top1), percent(s.mean_class)];
                [&counts[..], &rest].concat()
            })
            .collect();
        let head = ["split", "train", "test", "c", "top-1", "mean over classes"];
        let interval = self.interval.map(|(low, high)| {
            format!(", 95 % interval of all test videos {:.1} to {:.1}", 100. * low, 100. * high)
        });
        let spread = self.deviation.map(|d| format!(" (deviation over splits {:.1})", 100. * d));
        let unreadable: usize = self.splits.iter().map(|s| s.unreadable).sum();
        let skipped = match unreadable {
            0 => String::new(),
            n => format!("\n{n} listed videos could not be read and count for nothing"),
        };
        format!(
            "{}: {}\n{}\nvideo top-1 {}{}{}{skipped}",
            self.features,
            self.protocol,
            out::table(&head, &rows),
            percent(self.mean),
            spread.unwrap_or_default(),
            interval.unwrap_or_default(),
        )
    }
}

/// The value of `--c` that is right most often when each quarter of the training videos is left out once.
fn choose(args: &Args, train: &Part, classes: usize) -> anyhow::Result<f64> {
    let [first, .., _] = args.c[..] else { return args.c.first().copied().context("no --c") };
    if (0..classes as u32).any(|class| (1..4).contains(&train.count(class))) {
        let what = "--c: to choose among several values takes four training videos of each class";
        return Err(failure(exit::USAGE, what));
    }
    let mut best = (f64::NEG_INFINITY, first);
    for &c in &args.c {
        let mut right = 0.;
        for quarter in 0..4 {
            let (test, rest) = train.quarter(quarter);
            let decisions = decide(args.norm, c, &rest, &test.rows, classes)?;
            right += Metrics::new(&decisions, &test.labels).top1 * test.rows.len() as f64;
        }
        if right > best.0 {
            best = (right, c);
        }
    }
    Ok(best.1)
}

/// The decisions of a machine that learnt from `train`.
fn decide(
    norm: Norm,
    c: f64,
    train: &Part,
    rows: &[Vec<f32>],
    classes: usize,
) -> anyhow::Result<Vec<Vec<f32>>> {
    let (mut learnt, mut judged) = (train.rows.clone(), rows.to_vec());
    let both = learnt.iter_mut().chain(&mut judged);
    match norm {
        Norm::None => {}
        Norm::L2 => both.for_each(|row| l2(row)),
        Norm::Standard => {
            let standard = Standard::of(&train.rows)?;
            both.for_each(|row| standard.apply(row));
        }
    }
    let svm =
        LinearSvm::fit(&learnt, &train.labels, classes, &SvmConfig { c, ..Default::default() })?;
    let decisions = judged.iter().map(|row| svm.decisions(row));
    Ok(decisions.map(|row| row.into_iter().map(|d| d as f32).collect()).collect())
}

/// What `features` wrote.
struct Features {
    rows: HashMap<String, (Vec<f32>, u32)>,
    unreadable: Vec<String>,
    classes: usize,
    protocol: String,
    path: PathBuf,
}

/// The rows of some videos.
#[derive(Default)]
struct Part {
    rows: Vec<Vec<f32>>,
    labels: Vec<u32>,
    names: Vec<String>,
    unreadable: usize,
}

impl Part {
    /// How many are of class `label`.
    fn count(&self, label: u32) -> usize {
        self.labels.iter().filter(|own| **own == label).count()
    }

    /// Every fourth video of each class from number `quarter` on, and the others.
    fn quarter(&self, quarter: usize) -> (Self, Self) {
        let (mut own, mut rest) = (Self::default(), Self::default());
        let mut seen: HashMap<u32, usize> = HashMap::new();
        for (row, label) in self.rows.iter().zip(&self.labels) {
            let place = seen.entry(*label).or_default();
            let part = if *place % 4 == quarter { &mut own } else { &mut rest };
            part.rows.push(row.clone());
            part.labels.push(*label);
            *place += 1;
        }
        (own, rest)
    }
}

impl Features {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let (tensors, metadata) = tensors::read_all(path)?;
        let odd = |what: &str| {
            let what = format!("{}: {what}; is it of `features`?", path.display());
            failure(exit::CORRUPT, what)
        };
        let list = |name: &str| -> anyhow::Result<Vec<String>> {
            let text = metadata.get(name).ok_or_else(|| odd(&format!("no metadata `{name}`")))?;
            serde_json::from_str(text).map_err(|_| odd(&format!("metadata `{name}` is no list")))
        };
        let tensor = |name: &str| tensors.get(name).ok_or_else(|| odd(&format!("no `{name}`")));
        let rows = tensor("features")?.to_dtype(DType::F32)?.to_vec2::<f32>();
        let rows = rows.map_err(|_| odd("`features` is not [N, D]"))?;
        let labels = tensor("labels")?.to_dtype(DType::U32)?.to_vec1::<u32>();
        let labels = labels.map_err(|_| odd("`labels` is not [N]"))?;
        let (names, classes) = (list("videos")?, list("classes")?.len());
        if names.len() != rows.len() || labels.len() != rows.len() {
            return Err(odd("not as many features, labels and videos"));
        }
        let bare: BTreeSet<&String> = names.iter().collect();
        if bare.len() < names.len() {
            return Err(odd("two videos of one name"));
        }
        Ok(Self {
            rows: names.into_iter().zip(rows.into_iter().zip(labels)).collect(),
            unreadable: list("unreadable")?,
            classes,
            protocol: metadata.get("protocol").cloned().unwrap_or_default(),
            path: path.to_path_buf(),
        })
    }

    /// Those of the videos of a list.
    fn of(&self, list: &marey::data::Listing, subset: Subset) -> anyhow::Result<Part> {
        let mut part = Part::default();
        for entry in &list.entries {
            let bare = entry.paths[0].display().to_string();
            // Where videos of both subsets are called alike, `features` has that of the subset before the name.
            let whole = format!("{subset}/{bare}");
            let is_whole = self.rows.contains_key(&whole) || self.unreadable.contains(&whole);
            let name = if is_whole { whole } else { bare };
            match self.rows.get(&name) {
                Some((row, label)) => {
                    part.rows.push(row.clone());
                    part.labels.push(*label);
                    part.names.push(name);
                }
                None if self.unreadable.contains(&name) => part.unreadable += 1,
                None if list.may_lack => {}
                None => {
                    let path = self.path.display();
                    let what =
                        format!("{path}: no features of `{name}`, which {} lists", list.list);
                    return Err(failure(exit::CORRUPT, what));
                }
            }
        }
        Ok(part)
    }
}

fn write(path: &Path, decisions: &[Vec<f32>], test: &Part) -> anyhow::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    let bytes = tensors::of_videos("logits", decisions, &test.labels, &test.names)?;
    Ok(write_atomically(path, &bytes)?)
}
