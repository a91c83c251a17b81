//! `fuse`: the scores of several streams into one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use candle::{DType, Device, Tensor};
use clap::ValueEnum;
use marey::fusion::{self, Values};
use marey::train::metrics::top_k;
use serde::Serialize;

use crate::exit::{self, failure};
use crate::{out, tensors};

/// Combine the scores of several streams, and print how often each and all together are right
///
/// A FILE is safetensors with `scores` `[N, K]` (taken as they are) or `logits` `[N, K]` (their softmax is taken), of the same
/// videos in the same order in each; and `labels` `[N]` in at least one, for the accuracies.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask fuse rgb.safetensors flow.safetensors --rule mean\n  cargo xtask fuse rgb.safetensors flow.safetensors --rule weighted --weights 1,1.5 --json"
)]
pub struct Args {
    /// The scores of a stream
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// How they become one
    #[arg(long, value_enum)]
    rule: Rule,
    /// Of `weighted`: a weight for each file, between commas
    #[arg(long, value_delimiter = ',', required_if_eq("rule", "weighted"))]
    weights: Option<Vec<f64>>,
    /// Write the fused scores there, as a file of the same kind
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Rule {
    /// Their mean
    Mean,
    /// The largest of each class
    Max,
    /// Their mean by `--weights`
    Weighted,
    /// Their product
    Product,
    /// Their mean, each weighted by how concentrated it is (F_ST-CN)
    Sci,
}

/// How often scores are right; nothing without labels.
#[derive(Debug, Clone, Copy, Serialize)]
struct Accuracy {
    top1: Option<f64>,
    top5: Option<f64>,
}

#[derive(Serialize)]
struct Stream {
    file: String,
    #[serde(flatten)]
    accuracy: Accuracy,
}

#[derive(Serialize)]
struct Report {
    rule: Rule,
    weights: Option<Vec<f64>>,
    videos: usize,
    classes: usize,
    streams: Vec<Stream>,
    #[serde(flatten)]
    fused: Accuracy,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let rule = args.rule()?;
    let files =
        args.files.iter().map(|path| File::read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let (first, labels) = agreed(&files)?;
    let (videos, classes) = first.scores.dims2()?;
    let scores: Vec<&Tensor> = files.iter().map(|file| &file.scores).collect();
    let fused = fusion::fuse(&scores, Values::Scores, &rule)?;
    let streams = files.iter().map(|file| {
        let accuracy = accuracy(&file.scores, labels)?;
        Ok(Stream { file: file.path.display().to_string(), accuracy })
    });
    let report = Report {
        rule: args.rule,
        weights: args.weights.clone(),
        videos,
        classes,
        streams: streams.collect::<anyhow::Result<_>>()?,
        fused: accuracy(&fused, labels)?,
    };
    if let Some(path) = &args.output {
        write(path, &fused, labels)?;
    }
    if args.json {
        out::json(&report)?;
        return Ok(exit::OK);
    }
    let line = |name: &str, accuracy: &Accuracy| {
        let share = |share: Option<f64>| share.map_or("-".into(), |s| format!("{:.2} %", 100. * s));
        vec![name.to_string(), share(accuracy.top1), share(accuracy.top5)]
    };
    let mut rows: Vec<_> = report.streams.iter().map(|s| line(&s.file, &s.accuracy)).collect();
    let name = args.rule.to_possible_value().map(|value| value.get_name().to_string());
    rows.push(line(&format!("fused ({})", name.unwrap_or_default()), &report.fused));
    out::text(&out::table(&["scores", "top-1", "top-5"], &rows))?;
    if labels.is_none() {
        out::note("no file has `labels`, so nothing says which scores are right");
    }
    Ok(exit::OK)
}

impl Args {
    fn rule(&self) -> anyhow::Result<fusion::Rule> {
        let usage = |message: &str| Err(failure(exit::USAGE, message));
        let weights = self.weights.clone().unwrap_or_default();
        match self.rule {
            _ if self.rule != Rule::Weighted && self.weights.is_some() => {
                usage("--weights are for --rule weighted")
            }
            Rule::Weighted if weights.len() != self.files.len() => usage(&format!(
                "--weights: expected one for each of {}, got {}",
                out::counted(self.files.len(), "file"),
                weights.len()
            )),
            Rule::Weighted => Ok(fusion::Rule::Weighted(weights)),
            Rule::Mean => Ok(fusion::Rule::Mean),
            Rule::Max => Ok(fusion::Rule::Max),
            Rule::Product => Ok(fusion::Rule::Product),
            Rule::Sci => Ok(fusion::Rule::Sci),
        }
    }
}

/// The scores of a stream.
struct File<'a> {
    path: &'a Path,
    /// `[N, K]`, f64.
    scores: Tensor,
    labels: Option<Vec<u32>>,
}

impl<'a> File<'a> {
    fn read(path: &'a Path) -> anyhow::Result<Self> {
        let name = path.display();
        let corrupt = |message: String| failure(exit::CORRUPT, format!("{name}: {message}"));
        let mut tensors = tensors::read(path)?;
        let (values, kind) = match (tensors.remove("scores"), tensors.remove("logits")) {
            (Some(scores), None) => (scores, Values::Scores),
            (None, Some(logits)) => (logits, Values::Logits),
            (Some(_), Some(_)) => {
                return Err(corrupt("it has `scores` and `logits`; which is meant?".into()));
            }
            (None, None) => {
                let names = tensors::names(&tensors);
                return Err(corrupt(format!("expected `scores` or `logits`, got {names}")));
            }
        };
        if values.rank() != 2 {
            let shape = values.dims();
            return Err(corrupt(format!("expected scores as [N, K], got {shape:?}")));
        }
        let scores = kind
            .scores(&values, "its values")
            .map_err(|error| corrupt(exit::line(&error.into())))?;
        let (videos, classes) = scores.dims2()?;
        let Some(labels) = tensors.remove("labels") else {
            return Ok(Self { path, scores, labels: None });
        };
        if labels.dims() != [videos] {
            let shape = labels.dims();
            return Err(corrupt(format!("expected `labels` as [{videos}], got {shape:?}")));
        }
        let labels = labels.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        let class = |label: &f64| {
            let inside = label.fract() == 0. && (0. ..classes as f64).contains(label);
            inside.then_some(*label as u32)
        };
        match labels.iter().position(|label| class(label).is_none()) {
            Some(at) => Err(corrupt(format!(
                "label {at} is {}, of {classes} classes, which count from 0",
                labels[at]
            ))),
            None => {
                Ok(Self { path, scores, labels: Some(labels.iter().filter_map(class).collect()) })
            }
        }
    }
}

/// The first file and the labels, where all are of the same videos and classes.
fn agreed<'a>(files: &'a [File<'a>]) -> anyhow::Result<(&'a File<'a>, Option<&'a [u32]>)> {
    let Some(first) = files.first() else { return Err(failure(exit::USAGE, "no file")) };
    let mut known: Option<(&File, &[u32])> = None;
    for file in files {
        let differs = |other: &File, what: String| {
            let (file, other) = (file.path.display(), other.path.display());
            Err(failure(exit::CORRUPT, format!("{file}: {what} as {other} has; other videos?")))
        };
        if file.scores.dims() != first.scores.dims() {
            let (got, want) = (file.scores.dims(), first.scores.dims());
            return differs(first, format!("its scores are {got:?}, not {want:?}"));
        }
        let Some(labels) = &file.labels else { continue };
        let differing = |known: &[u32]| labels.iter().zip(known).position(|(a, b)| a != b);
        if let Some((other, known)) = known
            && let Some(at) = differing(known)
        {
            return differs(other, format!("label {at} is {}, not {}", labels[at], known[at]));
        }
        known = known.or(Some((file, labels)));
    }
    Ok((first, known.map(|(_, labels)| labels)))
}

fn accuracy(scores: &Tensor, labels: Option<&[u32]>) -> anyhow::Result<Accuracy> {
    let Some(labels) = labels else { return Ok(Accuracy { top1: None, top5: None }) };
    let rows = scores.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let of = |k| Some(top_k(&rows, labels, k));
    Ok(Accuracy { top1: of(1), top5: of(5) })
}

fn write(path: &Path, scores: &Tensor, labels: Option<&[u32]>) -> anyhow::Result<()> {
    let mut tensors = HashMap::from([("scores".to_string(), scores.to_dtype(DType::F32)?)]);
    if let Some(labels) = labels {
        tensors.insert("labels".into(), Tensor::new(labels, &Device::Cpu)?);
    }
    let bytes = safetensors::serialize(&tensors, None).context("the fused scores")?;
    Ok(marey::weights::write_atomically(path, &bytes)?)
}
