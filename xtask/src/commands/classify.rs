//! `classify`: what action is this?

use std::path::{Path, PathBuf};

use anyhow::Context;
use candle::Tensor;
use candle_nn::ops::softmax;
use marey::clip::{View, stack};
use marey::flow::{Preset, TvL1};
use marey::layers::Network;
use marey::train::metrics::best;
use marey::zoo::{self, Model, Source, Views};
use marey::{data, video};
use serde::Serialize;
use serde_json::json;

use crate::cli::Device;
use crate::commands::train::{ALSO, LABELS, RECIPE, WEIGHTS};
use crate::exit::{self, failure};
use crate::out::{self, counted};
use crate::training::clips::Clips;
use crate::training::plan::sizes;
use crate::training::recipe::Recipe;

/// Name the actions in videos
///
/// A video is a file of any kind that marey reads natively (GIF, Motion-JPEG AVI, y4m) or that the ffmpeg program reads, or
/// a folder of frames. Clips are spread evenly over it, one crop of each from the middle, and their scores averaged.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask classify video.mp4 --model i3d --weights i3d.safetensors\n  cargo xtask classify *.avi --model i3d --weights i3d.safetensors --top 3 --json\n  cargo xtask classify video.mp4 --run runs/fight-i3d"
)]
pub struct Args {
    /// Video files, or folders of frames
    #[arg(required = true, value_name = "VIDEO")]
    videos: Vec<PathBuf>,
    /// As `models` lists it
    #[arg(long, required_unless_present = "run", requires = "weights")]
    model: Option<String>,
    /// The folder of a run of `train`, whose network, clips, weights and labels are taken, in place of a model
    #[arg(long, value_name = "DIR", conflicts_with = "model")]
    run: Option<PathBuf>,
    /// Its weights, in any format `import-weights` takes
    #[arg(long)]
    weights: Option<PathBuf>,
    /// Whose names its tensors have, as `models --json` lists them, or `same` [default: whose most tensors are found by]
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// Names of the classes, one a line [default: those of the run, or of Kinetics-400 where a model has 400 classes]
    #[arg(long)]
    labels: Option<PathBuf>,
    /// Classes to print
    #[arg(long, default_value_t = 5)]
    top: usize,
    /// Clips to take of a video [default: as the run was tested; 6 for i3d, 10 or 25 for other models]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    clips: Option<u16>,
    /// Frames of a clip [default: those of the run; 32 for i3d, 16 for other models of 3D]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    frames: Option<u16>,
    /// Frames of the video from one of a clip to the next [default: as in the run; 2 for i3d, 1 for other models]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    stride: Option<u16>,
    /// TV-L1 of networks that see flow: ipol, opencv or fast [default: that of the run, or opencv]
    #[arg(long, value_name = "PRESET")]
    flow: Option<Preset>,
    /// Take the frames that are there of a truncated video
    #[arg(long)]
    lenient: bool,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

/// What came of a video.
#[derive(Serialize)]
struct Answer {
    video: String,
    frames: usize,
    clips: usize,
    top: Vec<Action>,
}

#[derive(Serialize)]
struct Action {
    score: f32,
    class: usize,
    label: String,
}

/// Frames that are kept decoded at once, in bytes; a longer or larger video is decoded in several passes.
const DECODED: usize = 1 << 29;

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let trained = Trained::load(args)?;
    let (mut answers, mut worst) = (Vec::new(), exit::OK);
    for path in &args.videos {
        match trained.classify(args, path) {
            Ok(answer) => {
                if !args.json {
                    out::text(&text(&answer))?;
                }
                answers.push(json!(answer));
            }
            Err(error) => {
                let line = exit::line(&error);
                out::note(format_args!("error: {line}"));
                answers.push(json!({ "video": path.display().to_string(), "error": line }));
                worst = worst.max(exit::code(&error));
            }
        }
    }
    if args.json {
        out::json(&json!({ "model": trained.model.name, "videos": answers }))?;
    }
    Ok(worst)
}

fn text(answer: &Answer) -> String {
    let counts = format!("{}, {}", counted(answer.frames, "frame"), counted(answer.clips, "clip"));
    let head = format!("{} ({counts})", answer.video);
    let lines = answer.top.iter().map(|action| format!("  {:.4}  {}", action.score, action.label));
    [head].into_iter().chain(lines).collect::<Vec<_>>().join("\n")
}

/// A network with its weights, and what it sees of a video.
struct Trained {
    model: &'static Model,
    network: Box<dyn Network>,
    labels: Vec<String>,
    /// Where its weights are from.
    weights: PathBuf,
    views: Views,
    view: View,
    flow: TvL1,
    device: candle::Device,
}

impl Trained {
    fn load(args: &Args) -> anyhow::Result<Self> {
        let of_run = |name: &str| args.run.as_ref().map(|run| run.join(name));
        let recipe = match of_run(RECIPE) {
            Some(path) => Recipe::load(&path, &[])?,
            None => Recipe::of(args.model.as_deref().unwrap_or_default(), &[])?,
        };
        let model = zoo::find(&recipe.model)?;
        let clips = Clips::new(&recipe, model, None)?;
        let labels = match args.labels.clone().or(of_run(LABELS)) {
            Some(path) => labels(&path)?,
            None if model.classes == 400 => {
                data::labels::kinetics_400().into_iter().map(String::from).collect()
            }
            None => (0..model.classes).map(|class| format!("class {class}")).collect(),
        };
        let wanted = || failure(exit::USAGE, "whose weights? (--weights)");
        let weights = args.weights.clone().or(of_run(WEIGHTS)).ok_or_else(wanted)?;
        let device = args.device.open()?;
        let also = of_run(ALSO).filter(|path| path.exists()).map(|path| self::labels(&path));
        let others = also.transpose()?.map_or(0, |labels| labels.len());
        let sizes = sizes(&recipe, model, &clips, labels.len() + others)?;
        let source = Source { path: &weights, dialect: args.dialect.as_deref() };
        let network = model.load(&sizes, source, &device)?;
        let mut views = if args.run.is_some() { clips.views } else { model.views };
        views.clips = args.clips.map_or(views.clips, usize::from);
        views.window.length = args.frames.map_or(views.window.length, usize::from);
        views.window.stride = args.stride.map_or(views.window.stride, usize::from);
        let (view, flow) = (clips.view, TvL1::preset(args.flow.unwrap_or(clips.preset)));
        Ok(Self { model, network, labels, weights, views, view, flow, device })
    }

    fn classify(&self, args: &Args, path: &Path) -> anyhow::Result<Answer> {
        let Self { model, network, labels, views, view, flow, device, .. } = self;
        let options = video::Options {
            lenient: args.lenient,
            threads: rayon::current_num_threads(),
            ..Default::default()
        };
        let mut source = video::open(path, &options)?;
        let frames = source.len()?;
        let clips = views.clips(frames)?;
        let wanted = clips.iter().map(|clip| model.modality.frames(clip, frames));
        let clips: Vec<Vec<usize>> = wanted.collect();
        let (width, height) = source.size();
        let bytes =
            (clips.first().map_or(0, Vec::len) * width as usize * height as usize * 3).max(1);
        let mut scores: Option<Tensor> = None;
        for some in clips.chunks((DECODED / bytes).max(1)) {
            for clip in
                data::clips(&mut *source, some, |frames| model.modality.clip(&frames, view, flow))?
            {
                let xs = stack(&[clip])?.to_device(device)?;
                let ys = network.forward_t(&xs, false)?.narrow(1, 0, labels.len())?;
                let ys = softmax(&ys, 1)?;
                scores = Some(scores.map_or(Ok(ys.clone()), |scores| scores + &ys)?);
            }
        }
        let Some(scores) = scores else { anyhow::bail!("{}: no clip", path.display()) };
        let scores: Vec<f32> = (scores / clips.len() as f64)?.squeeze(0)?.to_vec1()?;
        let action =
            |class: usize| Action { score: scores[class], class, label: labels[class].clone() };
        if scores.iter().any(|score| !score.is_finite()) {
            let weights = self.weights.display();
            let what = format!("{}: {weights} give scores that are no numbers", path.display());
            return Err(failure(exit::CORRUPT, what));
        }
        let top = best(&scores, args.top).into_iter().map(action).collect();
        Ok(Answer { video: path.display().to_string(), frames, clips: clips.len(), top })
    }
}

fn labels(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    let text = String::from_utf8_lossy(&text);
    let labels: Vec<String> =
        text.lines().map(|line| line.trim().to_string()).filter(|l| !l.is_empty()).collect();
    if labels.is_empty() {
        return Err(failure(
            exit::CORRUPT,
            format!("{}: expected a class a line, got none", path.display()),
        ));
    }
    Ok(labels)
}
