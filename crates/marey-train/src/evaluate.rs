//! The evaluation protocol: several clips of a video, one answer.

use candle::{DType, ModuleT, Tensor};

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

/// Scores videos by the average over their clips.
///
/// `videos` yields the clips of a video `[n, C, T, H, W]` and its label. Each video runs by itself,
/// in batches of one size (the last may go back over clips already scored): a clip's numbers
/// depend neither on the video before nor on the clip's place, and the average on no order.
///
/// # Errors
///
/// No videos, a video without clips, a label beyond the classes, logits that are not finite or
/// not `[n, K]` with the same `K` throughout, and the first error of `videos`.
pub fn evaluate<E>(
    network: &dyn ModuleT,
    videos: impl IntoIterator<Item = std::result::Result<(Tensor, u32), E>>,
    config: &EvaluateConfig,
) -> Result<Evaluation>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    if config.max_clips == 0 {
        return Err(Error::Config("evaluation: at most 0 clips at once".into()));
    }
    let (mut scores, mut labels) = (Vec::<Vec<f32>>::new(), Vec::new());
    let (mut clips, mut first, mut five) = (0, 0, 0);
    for (index, video) in videos.into_iter().enumerate() {
        let (xs, label) =
            video.map_err(|error| Error::Data { index: index as u64, source: error.into() })?;
        let logits = logits(network, &xs, config.max_clips)?;
        let classes = scores.first().map(Vec::len);
        if let Some(cause) = fault(&logits, classes, label) {
            return Err(Error::Video { index, cause });
        }
        for row in &logits {
            let rank = rank(row, label as usize);
            clips += 1;
            first += usize::from(rank < 1);
            five += usize::from(rank < 5);
        }
        let rows: Vec<_> = logits.iter().map(|row| config.average.score(row)).collect();
        scores.push(mean(&rows));
        labels.push(label);
    }
    if scores.is_empty() {
        return Err(Error::NoVideos);
    }
    Ok(Evaluation {
        video: Metrics::new(&scores, &labels),
        clips,
        clip_top1: first as f64 / clips as f64,
        clip_top5: five as f64 / clips as f64,
        scores,
        labels,
    })
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
fn fault(logits: &[Vec<f32>], classes: Option<usize>, label: u32) -> Option<String> {
    let Some(row) = logits.first() else { return Some("it has no clips".into()) };
    let classes = classes.unwrap_or(row.len());
    if row.len() != classes {
        return Some(format!("{} classes, the video before had {classes}", row.len()));
    }
    if label as usize >= classes {
        return Some(format!("label {label}, but the network knows {classes} classes"));
    }
    let bad = |row: &Vec<f32>| row.iter().any(|x| !x.is_finite());
    let clip = logits.iter().position(bad)?;
    Some(format!("the logits of clip {clip} are not finite"))
}
