//! What a test leaves behind: numbers with their protocol, scores, pictures and a page.

use std::path::Path;

use marey::data::Skipped;
use marey::data::preview::thumbnails;
use marey::inspect::plot::{Curve, Matrix};
use marey::layers::rng::fnv1a;
use marey::train::average::softmax;
use marey::train::{Evaluation, TrainState};
use marey::weights::write_atomically;
use serde::{Deserialize, Serialize};

use super::plan::Plan;
use super::sections::Averaged;
use super::testing::Passed;
use crate::exit::{self, failure};
use crate::out::counted;
use crate::report::{Hard, Page};
use crate::tensors;

/// What came of a test.
pub struct Tested {
    pub evaluation: Evaluation,
    pub videos: Passed<()>,
    /// Training videos that were left out.
    pub skipped: Vec<Unreadable>,
}

/// What was measured, and how.
#[derive(Debug, Serialize, Deserialize)]
pub struct Numbers {
    pub model: String,
    pub width: f64,
    pub dataset: String,
    /// What was seen of a video, and what was averaged.
    pub protocol: String,
    pub videos: usize,
    pub clips: usize,
    pub top1: f64,
    /// The 95 % interval of `top1` over videos (Wilson).
    pub interval: (f64, f64),
    /// None of so few classes that all are among the first five.
    pub top5: Option<f64>,
    pub mean_class: f64,
    pub clip_top1: f64,
    pub clip_top5: Option<f64>,
    pub classes: Vec<Class>,
    /// `confusion[label][answer]`.
    pub confusion: Vec<Vec<u64>>,
    pub unreadable: Vec<Unreadable>,
    /// Training videos that were left out.
    pub skipped: Vec<Unreadable>,
    /// Steps of the run that the weights are of; none where they are from elsewhere.
    pub steps: Option<u64>,
    pub weights: String,
    /// What all of it follows from, in short.
    pub fingerprint: String,
}

/// What was measured of one class.
#[derive(Debug, Serialize, Deserialize)]
pub struct Class {
    pub class: String,
    pub videos: u64,
    /// The share that was recognised; none without videos.
    pub accuracy: Option<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Unreadable {
    pub video: String,
    pub cause: String,
}

impl Numbers {
    pub fn new(
        plan: &Plan,
        tested: &Tested,
        steps: Option<u64>,
        weights: &str,
        fingerprint: &str,
    ) -> Self {
        let evaluation = &tested.evaluation;
        let metrics = &evaluation.video;
        let shares = metrics.confusion.class_accuracies();
        let classes = plan.test.classes().iter().zip(shares).enumerate();
        let row = |label: usize| metrics.confusion.row(label).to_vec();
        Self {
            model: plan.model.name.into(),
            width: plan.recipe.width,
            dataset: plan.dataset.clone(),
            protocol: protocol(plan),
            videos: metrics.count,
            clips: evaluation.clips,
            top1: metrics.top1,
            interval: metrics.interval,
            top5: (metrics.confusion.classes() > 5).then_some(metrics.top5),
            mean_class: metrics.mean_class,
            clip_top1: evaluation.clip_top1,
            clip_top5: (metrics.confusion.classes() > 5).then_some(evaluation.clip_top5),
            classes: classes
                .map(|(label, (class, accuracy))| Class {
                    class: class.clone(),
                    videos: row(label).iter().sum(),
                    accuracy,
                })
                .collect(),
            confusion: (0..metrics.confusion.classes()).map(row).collect(),
            unreadable: tested
                .videos
                .unreadable
                .iter()
                .map(|(video, cause)| Unreadable { video: video.clone(), cause: cause.clone() })
                .collect(),
            skipped: tested.skipped.clone(),
            steps,
            weights: weights.to_string(),
            fingerprint: short(fingerprint),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let percent = |share: f64| format!("{:.1} %", 100. * share);
        let top5 =
            |share: Option<f64>| share.map_or(String::new(), |s| format!(", top-5 {}", percent(s)));
        let (low, high) = self.interval;
        let mut lines = vec![
            format!("{} of width {} on {}: {}", self.model, self.width, self.dataset, self.weights),
            format!("each video seen as {}", self.protocol),
            format!(
                "video top-1 {} (95 % interval {:.1} to {:.1}){}, mean over classes {}, of {}",
                percent(self.top1),
                100. * low,
                100. * high,
                top5(self.top5),
                percent(self.mean_class),
                counted(self.videos, "video")
            ),
            format!(
                "clip top-1 {}{}, of {}",
                percent(self.clip_top1),
                top5(self.clip_top5),
                counted(self.clips, "clip")
            ),
        ];
        if !self.unreadable.is_empty() {
            let unreadable = counted(self.unreadable.len(), "video");
            lines.push(format!("{unreadable} could not be read and count for nothing:"));
        }
        lines.extend(self.unreadable.iter().map(|v| format!("  {}: {}", v.video, v.cause)));
        if !self.skipped.is_empty() {
            let skipped = counted(self.skipped.len(), "training video");
            lines.push(format!("{skipped} could not be read and were left out:"));
        }
        lines.extend(self.skipped.iter().map(|v| format!("  {}: {}", v.video, v.cause)));
        lines.join("\n")
    }
}

fn protocol(plan: &Plan) -> String {
    let averaged = match plan.recipe.test.average {
        Averaged::Softmax => "softmax scores averaged",
        Averaged::Logits => "logits averaged",
    };
    format!("{}; {averaged}", plan.clips.protocol())
}

/// Writes `numbers.json`, `scores.safetensors`, `confusion.svg`, `confusion.png` and `report.html` into `folder`.
pub fn write(
    folder: &Path,
    plan: &Plan,
    numbers: &Numbers,
    tested: &Tested,
    state: Option<&TrainState>,
) -> anyhow::Result<()> {
    let classes = plan.test.classes();
    let matrix = Matrix::new(classes.to_vec(), numbers.confusion.clone())?;
    let title = format!("{} on {}", numbers.model, numbers.dataset);
    let put = |name: &str, bytes: &[u8]| write_atomically(folder.join(name), bytes);
    let shares = shares(plan, tested);
    let (labels, names) = (&tested.evaluation.labels, &tested.videos.names);
    put("scores.safetensors", &tensors::of_videos("scores", &shares, labels, names)?)?;
    put("confusion.svg", matrix.svg(&title).as_bytes())?;
    put("confusion.png", &matrix.png()?)?;
    let series = state.map(Series::of).unwrap_or_default();
    let page = Page {
        title,
        numbers: pairs(numbers),
        protocol: vec![
            ("Dataset".into(), numbers.dataset.clone()),
            ("Seen of a video".into(), numbers.protocol.clone()),
            ("Level".into(), "of videos, unless said otherwise".into()),
            ("Weights".into(), numbers.weights.clone()),
            ("Seed".into(), plan.recipe.seed.to_string()),
        ],
        curves: series.curve(plan.model.name).into_iter().collect(),
        confusion: Some(matrix),
        hardest: hardest(plan, tested, &shares)?,
        skipped: numbers
            .unreadable
            .iter()
            .chain(&numbers.skipped)
            .map(|v| (v.video.clone(), v.cause.clone()))
            .collect(),
        settings: plan.recipe.to_toml()?,
    };
    page.write(&folder.join("report.html"))?;
    // The last: where it is, all is.
    Ok(put(NUMBERS, serde_json::to_string_pretty(numbers)?.as_bytes())?)
}

const NUMBERS: &str = "numbers.json";

/// The numbers that are in `folder` already, if they follow from `fingerprint`.
pub fn finished(folder: &Path, fingerprint: &str) -> Option<Numbers> {
    let text = std::fs::read_to_string(folder.join(NUMBERS)).ok()?;
    let numbers: Numbers = serde_json::from_str(&text).ok()?;
    (numbers.fingerprint == short(fingerprint)).then_some(numbers)
}

fn short(fingerprint: &str) -> String {
    format!("{:016x}", fnv1a(fingerprint))
}

/// The training videos that were left out now and whenever the run was taken up before, kept in its folder.
pub fn all_skipped(folder: &Path, now: Vec<Skipped>) -> anyhow::Result<Vec<Unreadable>> {
    let path = folder.join("skipped.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| "[]".into());
    let mut all: Vec<Unreadable> = serde_json::from_str(&text)
        .map_err(|error| failure(exit::CORRUPT, format!("{}: {error}", path.display())))?;
    let known = all.len();
    for Skipped { name, cause, .. } in now {
        if !all.iter().any(|video| video.video == name) {
            all.push(Unreadable { video: name, cause });
        }
    }
    if all.len() > known {
        write_atomically(&path, serde_json::to_string_pretty(&all)?.as_bytes())?;
    }
    Ok(all)
}

fn pairs(numbers: &Numbers) -> Vec<(String, String)> {
    let percent = |share: f64| format!("{:.1} %", 100. * share);
    let (low, high) = numbers.interval;
    let top1 = format!(
        "{} (95 % interval {:.1} to {:.1}), {} videos",
        percent(numbers.top1),
        100. * low,
        100. * high,
        numbers.videos
    );
    let clips = |share: f64| format!("{}, {} clips", percent(share), numbers.clips);
    let pairs = [
        ("Top-1", Some(top1)),
        ("Top-5", numbers.top5.map(percent)),
        ("Mean over classes", Some(percent(numbers.mean_class))),
        ("Top-1 of clips", Some(clips(numbers.clip_top1))),
        ("Top-5 of clips", numbers.clip_top5.map(clips)),
    ];
    pairs.into_iter().filter_map(|(name, value)| Some((name.to_string(), value?))).collect()
}

/// The scores of the videos `[N][K]`, shares of 1: where logits were averaged, their softmax.
fn shares(plan: &Plan, tested: &Tested) -> Vec<Vec<f32>> {
    let scores = &tested.evaluation.scores;
    match plan.recipe.test.average {
        Averaged::Softmax => scores.clone(),
        Averaged::Logits => {
            let shares = |row: &Vec<f32>| softmax(row).into_iter().map(|share| share as f32);
            scores.iter().map(|row| shares(row).collect()).collect()
        }
    }
}

/// What was recorded of a run's steps.
#[derive(Default)]
struct Series {
    losses: Vec<f32>,
    accuracies: Vec<Option<f32>>,
    rates: Vec<f64>,
    watched: Vec<(u64, f64)>,
}

impl Series {
    fn of(state: &TrainState) -> Self {
        Self {
            losses: state.curve().iter().map(|point| point.loss).collect(),
            accuracies: state.curve().iter().map(|point| point.accuracy).collect(),
            rates: state.curve().iter().map(|point| point.rate).collect(),
            watched: state.watched().to_vec(),
        }
    }

    fn curve<'a>(&'a self, name: &'a str) -> Option<Curve<'a>> {
        let Self { losses, accuracies, rates, watched } = self;
        (!losses.is_empty()).then_some(Curve { name, losses, accuracies, rates, watched })
    }
}

/// Videos on the page, and frames of each.
const SHOWN: (usize, usize) = (8, 6);

/// The videos whose own class has the least score, with frames spread over them.
fn hardest(plan: &Plan, tested: &Tested, shares: &[Vec<f32>]) -> anyhow::Result<Vec<Hard>> {
    let evaluation = &tested.evaluation;
    let own = |i: usize| shares[i][evaluation.labels[i] as usize];
    let mut order: Vec<usize> = (0..shares.len()).collect();
    let answer = |i: usize| marey::train::metrics::argmax(&evaluation.scores[i]);
    order.retain(|i| answer(*i) != evaluation.labels[*i] as usize);
    order.sort_by(|a, b| own(*a).total_cmp(&own(*b)));
    order.truncate(SHOWN.0);
    let class = |label: usize| plan.test.classes()[label].clone();
    let hard = |i: usize| -> anyhow::Result<Hard> {
        Ok(Hard {
            video: tested.videos.names[i].clone(),
            label: class(evaluation.labels[i] as usize),
            answer: class(answer(i)),
            score: own(i).into(),
            frames: thumbnails(&*plan.test, tested.videos.indices[i], SHOWN.1)?,
        })
    };
    order.into_iter().map(hard).collect()
}
