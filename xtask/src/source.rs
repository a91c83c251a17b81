//! Videos to learn from and to be judged by.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use marey::clip::{Clip, Normalize, center_crop, normalize, random_crop, resize_short_side};
use marey::data::extract::{ExtractConfig, Range, Size};
use marey::data::{self, Dataset, Listed, Marionettes, MarionettesConfig, Shards, Subset};
use marey::flow::Preset;
use marey::layers::rng::{ChaCha8Rng, fnv1a};
use marey::video::Options;
use serde::{Deserialize, Serialize};

use crate::cache;
use crate::exit::{self, failure};
use crate::out::{bar, counted, note};

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
    /// Draws them, in place of the seed of all else.
    pub seed: Option<u64>,
}

impl Default for Scale {
    fn default() -> Self {
        let (variation, background, camera) = (0.5, 0.5, 0.5);
        let (train, test, distractors, seed) = (2400, 240, 1, None);
        Self { side: 64, train, test, variation, background, distractors, camera, seed }
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
    /// How its flow was extracted, where it was.
    pub flow: Option<String>,
}

impl Source {
    /// The generated benchmark.
    pub fn marionettes(scale: &Scale, seed: u64) -> anyhow::Result<Self> {
        let Scale { side, train, test, variation, background, distractors, camera, .. } = *scale;
        let seed = scale.seed.unwrap_or(seed);
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
            flow: None,
        })
    }

    /// What `data prepare --format shards` wrote.
    fn shards(root: &Path) -> anyhow::Result<Self> {
        let open = |subset| Shards::open(root, subset, Default::default());
        let (train, test) = (open(Subset::Train)?, open(Subset::Test)?);
        let (learnt, judged) = (train.len(), test.len());
        let name = root.file_name().unwrap_or(root.as_os_str()).to_string_lossy().into_owned();
        Ok(Self {
            name: format!("{name}, {learnt} to learn from, {judged} to be judged by"),
            fingerprint: format!("shards {}", indices(root)?),
            dataset: name,
            flow: None,
            train: Arc::new(train),
            test: Arc::new(test),
        })
    }

    /// The dataset that lies as `layout` says under `root`; its first split where no other is asked for. The flow of its videos
    /// is that of the images below `flow`, where there are some.
    pub fn on_disk(
        layout: &str,
        root: &Path,
        split: Option<usize>,
        flow: Option<&Path>,
    ) -> anyhow::Result<Self> {
        match (layout, flow) {
            ("shards", None) => return Self::shards(root),
            ("shards", Some(_)) => {
                return Err(failure(exit::USAGE, "shards: they take no flow images"));
            }
            _ => {}
        }
        let layout = data::layouts::find(layout)?;
        let split = split.unwrap_or(layout.first_split);
        let options = Options { threads: 1, ..Options::default() };
        let open = |subset| -> anyhow::Result<Listed> {
            let mut set = layout.open(root, subset, split, options.clone())?;
            if let Some(folder) = flow {
                set = set.with_flow(folder)?;
            }
            indexed(set, layout.name, root)
        };
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
            flow: flow_of(&train, &test)?,
            dataset,
            train: Arc::new(train),
            test: Arc::new(test),
        })
    }
}

/// `set`, a part of the dataset `name` under `root`, with its videos looked up in their index.
pub fn indexed(set: Listed, name: &str, root: &Path) -> anyhow::Result<Listed> {
    let Some(index) = cache::index(name, root) else {
        note("neither XDG_CACHE_HOME nor HOME is set: no index is kept");
        return Ok(set);
    };
    let begun = Instant::now();
    let bar = bar("index", set.len() as u64, "videos");
    let (set, found) = set.with_index(&index, rayon::current_num_threads(), |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let (seconds, broken) =
        (begun.elapsed().as_secs_f64(), found.broken.len() + found.failed.len());
    if found.made + broken > 0 {
        note(format_args!(
            "{}: {} known, {} looked through in {seconds:.1} s, {broken} of them no good",
            index.display(),
            counted(found.known, "video"),
            found.made + found.failed.len(),
        ));
    }
    found.notes.iter().for_each(note);
    for (_, cause) in found.broken.iter().chain(&found.failed) {
        note(format_args!("unreadable: {cause}"));
    }
    Ok(set)
}

/// The indices of all shards under `root`, which have the hashes of their content, in short.
fn indices(root: &Path) -> anyhow::Result<String> {
    let said = || root.display().to_string();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(root).with_context(said)? {
        let path = entry.with_context(said)?.path();
        paths.extend(path.extension().is_some_and(|end| end == "json").then_some(path));
    }
    paths.sort();
    let mut all = String::new();
    for path in paths {
        all += &std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    }
    Ok(format!("{:016x}", fnv1a(&all)))
}

/// How the flow of both was extracted, if it was: by the same settings.
fn flow_of(train: &Listed, test: &Listed) -> anyhow::Result<Option<String>> {
    let settings = |set: &'_ Listed| set.flows().map(|flows| *flows.settings());
    let own: Vec<ExtractConfig> = [train, test].into_iter().filter_map(settings).collect();
    if own.windows(2).any(|pair| pair[0] != pair[1]) {
        let what = "flow images of training and test videos were made by different settings";
        return Err(failure(exit::USAGE, what));
    }
    Ok(own.first().map(|settings| {
        let preset = settings.preset().map_or("own parameters", Preset::name);
        let warped = if settings.warped.is_some() { "warped " } else { "" };
        let size = match settings.size {
            Size::Source => "the videos' size".into(),
            Size::ShortSide(side) => format!("a shorter side of {side}"),
            Size::Exact(width, height) => format!("{width}x{height}"),
        };
        let range = match settings.range {
            Range::Bound(bound) => format!("a bound of {bound}"),
            Range::Own => "their own range".into(),
        };
        format!("{warped}TV-L1 ({preset}) from images of {size} and {range}")
    }))
}

/// The names, labels and sizes of a dataset's files, in short: another dataset has another, a copy the same.
fn digest(videos: &Listed) -> anyhow::Result<String> {
    let mut all = String::new();
    for index in 0..videos.len() {
        let path = videos.path(index);
        let file = std::fs::metadata(&path).with_context(|| path.display().to_string())?;
        // How large a folder of frames is depends on the file system.
        let size = if file.is_dir() { 0 } else { file.len() };
        let _ = writeln!(all, "{} {} {size}", videos.name(index), videos.label(index));
    }
    if let Some(flows) = videos.flows() {
        let _ = writeln!(all, "flow {:016x} {:?}", flows.digest(), flows.settings());
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
