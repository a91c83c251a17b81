//! Videos to learn from and to be judged by.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use anyhow::Context;
use marey::clip::{Clip, Normalize, center_crop, normalize, random_crop, resize_short_side};
use marey::data::{self, Dataset, Listed, Marionettes, MarionettesConfig, Subset};
use marey::layers::rng::{ChaCha8Rng, fnv1a};
use marey::video::Options;
use serde::{Deserialize, Serialize};

/// How much is drawn of the generated benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scale {
    /// Side of a frame.
    pub side: usize,
    /// Videos to learn from.
    pub train: usize,
    /// Videos to be judged by.
    pub test: usize,
    /// How much figures differ, from 0 to 1.
    pub variation: f32,
    /// Contrast of the background, from 0 to 1.
    pub background: f32,
    /// The most shapes that move in the background.
    pub distractors: usize,
    /// How much the camera moves, from 0 to 1.
    pub camera: f32,
}

impl Default for Scale {
    fn default() -> Self {
        let (variation, background, camera) = (0.5, 0.5, 0.5);
        Self { side: 64, train: 2400, test: 240, variation, background, distractors: 1, camera }
    }
}

/// Training and test videos, and what they are called.
pub struct Source {
    pub train: Arc<dyn Dataset>,
    pub test: Arc<dyn Dataset>,
    /// For the table.
    pub name: String,
    /// What the results depend on.
    pub fingerprint: String,
    /// Without its size.
    pub dataset: String,
}

impl Source {
    /// The generated benchmark.
    pub fn marionettes(scale: &Scale, seed: u64) -> anyhow::Result<Self> {
        let Scale { side, train, test, variation, background, distractors, camera } = *scale;
        let config = MarionettesConfig {
            width: side,
            height: side,
            train,
            test,
            seed,
            variation,
            background,
            distractors,
            camera,
            ..Default::default()
        };
        Ok(Self {
            train: Arc::new(Marionettes::new(config, Subset::Train)?),
            test: Arc::new(Marionettes::new(config, Subset::Test)?),
            name: format!(
                "Marionettes, {side}x{side}, {train} to learn from, {test} to be judged by \
                 (variation {variation}, background {background}, distractors {distractors}, camera {camera})"
            ),
            fingerprint: format!("{config:?}"),
            dataset: "Marionettes".into(),
        })
    }

    /// The dataset that lies as `layout` says under `root`; its first split where no other is asked for.
    pub fn on_disk(layout: &str, root: &Path, split: Option<usize>) -> anyhow::Result<Self> {
        let layout = data::layouts::find(layout)?;
        let split = split.unwrap_or(layout.first_split);
        let options = Options { threads: 1, ..Options::default() };
        let open = |subset| layout.open(root, subset, split, options.clone());
        let (train, test) = (open(Subset::Train)?, open(Subset::Test)?);
        let (learnt, judged) = (train.len(), test.len());
        let name = match layout.title.starts_with("a ") {
            true => root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned(),
            false => layout.title.to_string(),
        };
        let dataset = format!("{name} split {split}");
        Ok(Self {
            name: format!("{dataset}, {learnt} to learn from, {judged} to be judged by"),
            fingerprint: format!(
                "{} split {split}, {} {}",
                layout.name,
                digest(&train)?,
                digest(&test)?
            ),
            dataset,
            train: Arc::new(train),
            test: Arc::new(test),
        })
    }
}

/// The names, labels, sizes and times of a dataset's files, in short: another dataset has another.
fn digest(videos: &Listed) -> anyhow::Result<String> {
    let mut all = String::new();
    for index in 0..videos.len() {
        let path = videos.path(index);
        let file = std::fs::metadata(&path).with_context(|| path.display().to_string())?;
        let time = file.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let (name, label) = (videos.name(index), videos.label(index));
        let _ =
            writeln!(all, "{name} {label} {} {}", file.len(), time.unwrap_or_default().as_nanos());
    }
    Ok(format!("{:016x}", fnv1a(&all)))
}

/// What is done to a training clip: a random crop, values in `[-1, 1]`.
pub fn train_transform(
    side: usize,
    crop: usize,
) -> impl Fn(Clip, &mut ChaCha8Rng) -> candle::Result<Clip> + Send + Sync {
    move |clip, rng| {
        normalize(&random_crop(&sized(clip, side)?, crop, crop, rng)?, &Normalize::SIGNED)
    }
}

/// What is done to a test clip: the crop in the middle, values in `[-1, 1]`.
pub fn test_transform(
    side: usize,
    crop: usize,
) -> impl Fn(Clip, &mut ChaCha8Rng) -> candle::Result<Clip> + Send + Sync {
    move |clip, _| normalize(&center_crop(&sized(clip, side)?, crop, crop)?, &Normalize::SIGNED)
}

/// The clip with a shorter side of `side`.
fn sized(clip: Clip, side: usize) -> candle::Result<Clip> {
    let (_, _, h, w) = clip.dims();
    if h.min(w) == side { Ok(clip) } else { resize_short_side(&clip, side) }
}
