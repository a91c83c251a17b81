//! The evaluation protocol: several clips of a video, one answer.

use candle::{DType, ModuleT, Tensor};
use serde::{Deserialize, Serialize};

use crate::average::{Average, mean};
use crate::error::{Error, Result};
use crate::metrics::{Metrics, rank};

/// How videos are scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvaluateConfig {
    /// What is averaged over the clips of a video.
    pub average: Average,
    /// At most so many clips run through the network at once, from 1.
    pub max_clips: usize,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self { average: Average::Softmax, max_clips: 8 }
    }
}

/// What [`evaluate`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Each video by its own scores.
    pub video: Metrics,
    /// Clips scored.
    pub clips: usize,
    /// The share of clips whose own scores rank the label first.
    pub clip_top1: f64,
    /// The share of clips whose own scores have the label among the first five.
    pub clip_top5: f64,
    /// The scores of each video `[videos][K]`, in the order they came, to save or to fuse.
    pub scores: Vec<Vec<f32>>,
    /// The label of each video.
    pub labels: Vec<u32>,
}

/// What came of one video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoScore {
    /// The average over its clips, `[K]`.
    pub scores: Vec<f32>,
    /// Its class.
    pub label: u32,
    /// Its clips.
    pub clips: usize,
    /// How many of them rank the label first.
    pub first: usize,
    /// How many of them have it among the first five.
    pub five: usize,
}

/// Scores a video by the average over its clips `[n, C, T, H, W]`, which run in batches of one size (the last may go back
/// over clips already scored): a clip's numbers do not depend on its place, and the average on no order.
///
/// # Errors
///
/// A video without clips, a label beyond the classes, logits that are not finite or not `[n, K]`.
pub fn score(
    network: &dyn ModuleT,
    clips: &Tensor,
    label: u32,
    config: &EvaluateConfig,
) -> Result<VideoScore> {
    if config.max_clips == 0 {
        return Err(Error::Config("evaluation: at most 0 clips at once".into()));
    }
    let logits = logits(network, clips, config.max_clips)?;
    if let Some(cause) = fault(&logits, label) {
        return Err(Error::Video { index: 0, cause });
    }
    let ranks: Vec<usize> = logits.iter().map(|row| rank(row, label as usize)).collect();
    let among = |k: usize| ranks.iter().filter(|rank| **rank < k).count();
    let rows: Vec<_> = logits.iter().map(|row| config.average.score(row)).collect();
    let (first, five) = (among(1), among(5));
    Ok(VideoScore { scores: mean(&rows), label, clips: logits.len(), first, five })
}

/// Scores videos, each by itself, as [`score`].
///
/// `videos` yields the clips of a video `[n, C, T, H, W]` and its label.
///
/// # Errors
///
/// No videos, those of [`score`], other numbers of classes than that of the first, and the first error of `videos`.
pub fn evaluate<E>(
    network: &dyn ModuleT,
    videos: impl IntoIterator<Item = std::result::Result<(Tensor, u32), E>>,
    config: &EvaluateConfig,
) -> Result<Evaluation>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut scored = Vec::new();
    for (index, video) in videos.into_iter().enumerate() {
        let (clips, label) =
            video.map_err(|error| Error::Data { index: index as u64, source: error.into() })?;
        let video = score(network, &clips, label, config).map_err(|error| match error {
            Error::Video { cause, .. } => Error::Video { index, cause },
            error => error,
        })?;
        scored.push(video);
    }
    Evaluation::of(scored)
}

impl Evaluation {
    /// Of videos that were scored, in their order.
    ///
    /// # Errors
    ///
    /// No videos, or one whose number of classes is another than that of the first.
    pub fn of(videos: Vec<VideoScore>) -> Result<Self> {
        let classes = videos.first().ok_or(Error::NoVideos)?.scores.len();
        if let Some(index) = videos.iter().position(|video| video.scores.len() != classes) {
            let cause =
                format!("{} classes, the video before had {classes}", videos[index].scores.len());
            return Err(Error::Video { index, cause });
        }
        let sum = |of: fn(&VideoScore) -> usize| videos.iter().map(of).sum::<usize>();
        let clips = sum(|video| video.clips);
        let share = |of| sum(of) as f64 / clips as f64;
        let (clip_top1, clip_top5) = (share(|video| video.first), share(|video| video.five));
        let (scores, labels): (Vec<_>, Vec<_>) =
            videos.into_iter().map(|video| (video.scores, video.label)).unzip();
        let video = Metrics::new(&scores, &labels);
        Ok(Self { video, clips, clip_top1, clip_top5, scores, labels })
    }
}

/// The logits `[n][K]` of clips `[n, ..]`.
fn logits(network: &dyn ModuleT, xs: &Tensor, max_clips: usize) -> Result<Vec<Vec<f32>>> {
    let clips = xs.dims().first().copied().unwrap_or(0);
    let batches = clips.div_ceil(max_clips);
    let size = clips.div_ceil(batches.max(1));
    let mut rows = Vec::with_capacity(clips);
    while rows.len() < clips {
        let start = rows.len().min(clips - size);
        let ys = network.forward_t(&xs.narrow(0, start, size)?.contiguous()?, false)?;
        let ys = ys.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        if ys.len() != size {
            let cause = format!("evaluation: {size} clips gave {} rows of logits", ys.len());
            return Err(candle::Error::Msg(cause).into());
        }
        rows.extend(ys.into_iter().skip(rows.len() - start));
    }
    Ok(rows)
}

/// Why a video with these logits cannot be scored.
fn fault(logits: &[Vec<f32>], label: u32) -> Option<String> {
    let Some(row) = logits.first() else { return Some("it has no clips".into()) };
    if label as usize >= row.len() {
        return Some(format!("label {label}, but the network knows {} classes", row.len()));
    }
    let bad = |row: &Vec<f32>| row.iter().any(|x| !x.is_finite());
    let clip = logits.iter().position(bad)?;
    Some(format!("the logits of clip {clip} are not finite"))
}
