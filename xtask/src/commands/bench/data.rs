//! `bench data`: how many clips a second the loader makes, and whether a network waits for them.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use candle::DType;
use candle_nn::VarMap;
use marey::clip::{ClipSampler, Window};
use marey::data::{Dataset, Loader, LoaderConfig, Shards, Subset, layouts};
use marey::layers::seeded;
use marey::train::{FitConfig, Outcome, TrainState, fit};
use marey::zoo::{self, Sizes};
use serde::Serialize;

use crate::cli::count;
use crate::exit;
use crate::out::{self, counted};
use crate::source::{indexed, train_transform};

/// Time how fast clips of a dataset are loaded, and with --model how long training waits for them
///
/// Clips are taken from random places of the training videos, resized to a shorter side, cropped at random and brought to [-1, 1].
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench data ucf101 --root UCF --threads 8\n  cargo xtask bench data shards --root ucf-128 --model r3d-18 --json"
)]
pub struct Args {
    /// The dataset, as `data check` knows it, or `shards`
    dataset: String,
    /// Where it lies
    #[arg(long)]
    root: PathBuf,
    /// Which of its splits [default: the first]
    #[arg(long)]
    split: Option<usize>,
    /// Frames of a clip
    #[arg(long, default_value_t = 16, value_parser = count)]
    frames: usize,
    /// From one frame of a clip to the next
    #[arg(long, default_value_t = 2, value_parser = count)]
    stride: usize,
    /// Pixels of the shorter side
    #[arg(long, default_value_t = 128, value_parser = count)]
    side: usize,
    /// Side of the crop
    #[arg(long, default_value_t = 112, value_parser = count)]
    crop: usize,
    /// Clips of a batch
    #[arg(long, default_value_t = 8, value_parser = count)]
    batch: usize,
    /// How often each video is taken
    #[arg(long, default_value_t = 1, value_parser = count)]
    epochs: usize,
    /// Train this network on the clips, as `models` lists it
    #[arg(long)]
    model: Option<String>,
    /// Divide its channels by this
    #[arg(long, default_value_t = 1, value_parser = count, requires = "model")]
    shrink: usize,
    /// Print one JSON object (docs/json.md)
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    dataset: &'a str,
    root: &'a PathBuf,
    videos: usize,
    /// `[T, H, W]`.
    clip: [usize; 3],
    batch: usize,
    threads: usize,
    clips: usize,
    seconds: f64,
    clips_per_second: f64,
    /// Of what the loader's threads were busy with.
    read_share: f64,
    transform_share: f64,
    skipped: usize,
    training: Option<Training<'a>>,
}

/// Real steps of training.
#[derive(Serialize)]
struct Training<'a> {
    model: &'a str,
    steps: usize,
    seconds: f64,
    /// Seconds of these that waited for a batch.
    waited: f64,
    wait_share: f64,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let threads = rayon::current_num_threads();
    let dataset = open(args)?;
    let config = LoaderConfig {
        batch: args.batch,
        sampler: ClipSampler::Random(Window { length: args.frames, stride: args.stride }),
        seed: 1,
        drop_last: false,
        skip_broken: true,
        threads,
        ..Default::default()
    };
    let loader = || Loader::new(dataset.clone(), config, train_transform(args.side, args.crop));
    let (measured, begun) = (loader()?, Instant::now());
    let bar = out::bar("bench data", args.epochs as u64 * measured.steps_per_epoch(), "batches");
    let mut clips = 0;
    for epoch in 0..args.epochs {
        for batch in measured.epoch(epoch as u64)? {
            clips += batch?.indices.len();
            bar.inc(1);
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let timings = measured.timings();
    let busy = (timings.read + timings.transform).as_secs_f64();
    let report = Report {
        dataset: &args.dataset,
        root: &args.root,
        videos: dataset.len(),
        clip: [args.frames, args.crop, args.crop],
        batch: args.batch,
        threads,
        clips,
        seconds,
        clips_per_second: clips as f64 / seconds,
        read_share: timings.read.as_secs_f64() / busy,
        transform_share: timings.transform.as_secs_f64() / busy,
        skipped: measured.skipped().len(),
        training: args.model.as_deref().map(|model| train(args, model, &loader()?)).transpose()?,
    };
    if args.json {
        out::json(&report)?
    } else {
        out::text(&text(&report))?
    }
    Ok(exit::OK)
}

/// The training videos, those of files looked up in their index.
fn open(args: &Args) -> anyhow::Result<Arc<dyn Dataset>> {
    if args.dataset == "shards" {
        return Ok(Arc::new(Shards::open(&args.root, Subset::Train, Default::default())?));
    }
    let layout = layouts::find(&args.dataset)?;
    let split = args.split.unwrap_or(layout.first_split);
    let set = layout.open(&args.root, Subset::Train, split, Default::default())?;
    Ok(Arc::new(indexed(set, &args.dataset, &args.root)?))
}

/// As many steps as the loader has batches.
fn train<'a>(args: &Args, name: &'a str, loader: &Loader) -> anyhow::Result<Training<'a>> {
    let model = zoo::find(name)?;
    let input = [args.frames, args.crop, args.crop];
    let sizes =
        Sizes { input, shrink: args.shrink, ..model.sizes(loader.dataset().classes().len()) };
    let vars = VarMap::new();
    let network = model.build(&sizes, seeded(&vars, 1, DType::F32, &candle::Device::Cpu))?;
    let steps = args.epochs as u64 * loader.steps_per_epoch();
    let bar = out::bar(name, steps, "steps");
    let mut observe = |_: &marey::train::StepReport<'_>| {
        bar.inc(1);
        ControlFlow::Continue(())
    };
    let batches = loader.batches_from(0)?;
    let batches = batches.map(|batch| batch.map(|batch| (batch.clips, batch.labels)));
    let config = FitConfig { steps, ..Default::default() };
    let mut state = TrainState::new("bench data");
    let outcome = fit(&*network, &vars, batches, &config, &mut state, &mut observe)?;
    anyhow::ensure!(
        matches!(outcome, Outcome::Finished),
        "{name}: training ended early: {outcome:?}"
    );
    bar.finish_and_clear();
    let sum = |f: fn(&marey::train::Point) -> f64| state.curve().iter().map(f).sum::<f64>();
    let (waited, busy) = (sum(|point| point.wait), sum(|point| point.seconds));
    let seconds = waited + busy;
    let steps = state.curve().len();
    Ok(Training { model: name, steps, seconds, waited, wait_share: waited / seconds })
}

fn text(report: &Report) -> String {
    let skipped = match report.skipped {
        0 => String::new(),
        n => format!("; {} left out", counted(n, "broken video")),
    };
    let training = report.training.as_ref().map_or(String::new(), |training| {
        format!(
            "\n{}: {} in {:.1} s, of which {:.1} s ({:.0} %) waited for clips",
            training.model,
            counted(training.steps, "step"),
            training.seconds,
            training.waited,
            100. * training.wait_share
        )
    });
    format!(
        "{} of {:?} in {:.1} s by {}: {:.1} clips/s; reading {:.0} %, resizing and cropping {:.0} % of their time{skipped}{training}",
        counted(report.clips, "clip"),
        report.clip,
        report.seconds,
        counted(report.threads, "thread"),
        report.clips_per_second,
        100. * report.read_share,
        100. * report.transform_share,
    )
}
