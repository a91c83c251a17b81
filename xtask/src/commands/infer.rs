//! `infer`: a tensor in, a tensor out.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Context;
use candle::{DType, Tensor};
use marey::layers::{in_pool, with_precision};
use marey::zoo::{self, Source};

use crate::cli::{Device, Precision, count};
use crate::exit::{self, failure};
use crate::tensors;

/// Run a network on clips in a safetensors file
///
/// IN holds `clip`, `[N, C, T, H, W]`, ready for the network; OUT gets `logits`, `[N, K]`, and `features`, `[N, D]`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  cargo xtask infer --model r3d-18 --weights w.safetensors --input in.safetensors --output out.safetensors"
)]
pub struct Args {
    /// As `models` lists it
    #[arg(long)]
    model: String,
    /// Its weights, in any format `import-weights` takes
    #[arg(long)]
    weights: PathBuf,
    /// Whose names its tensors have, as `models --json` lists them, or `same` [default: whose most tensors are found by]
    #[arg(long, value_name = "NAME")]
    dialect: Option<String>,
    /// A safetensors file with `clip`
    #[arg(long)]
    input: PathBuf,
    /// Where the results go
    #[arg(long)]
    output: PathBuf,
    /// Number of classes [default: the paper's]
    #[arg(long, value_parser = count)]
    classes: Option<usize>,
    /// How exactly to compute
    #[arg(long, value_enum, default_value = "f32")]
    precision: Precision,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let precision = args.precision.layers()?;
    let model = zoo::find(&args.model)?;
    let device = args.device.open()?;
    let clip = clip(args)?.to_device(&device)?;
    let (_, c_in, t, h, w) = clip.dims5()?;
    let mut sizes = model.sizes(args.classes.unwrap_or(model.classes));
    (sizes.c_in, sizes.input) = (c_in, [t, h, w]);
    let weights = Source { path: &args.weights, dialect: args.dialect.as_deref() };
    let network = model.load(&sizes, weights, &device)?;
    let pass = || {
        candle::Result::Ok((network.forward_t(&clip, false)?, network.features_t(&clip, false)?))
    };
    let (logits, features) = in_pool(|| with_precision(precision, pass))?;
    let results = HashMap::from([
        ("logits".to_string(), logits.to_device(&candle::Device::Cpu)?),
        ("features".to_string(), features.to_device(&candle::Device::Cpu)?),
    ]);
    let bytes = safetensors::serialize(&results, None).context("the results")?;
    marey::weights::write_atomically(&args.output, &bytes)?;
    Ok(exit::OK)
}

/// The tensor `clip` of the input.
fn clip(args: &Args) -> anyhow::Result<Tensor> {
    let path = args.input.display();
    let tensors = tensors::read(&args.input)?;
    let Some(clip) = tensors.get("clip") else {
        return Err(failure(
            exit::CORRUPT,
            format!("{path}: expected a tensor `clip`, got {}", tensors::names(&tensors)),
        ));
    };
    if clip.rank() != 5 || clip.elem_count() == 0 {
        let shape = clip.dims();
        return Err(failure(
            exit::CORRUPT,
            format!("{path}: expected `clip` as [N, C, T, H, W], got {shape:?}"),
        ));
    }
    Ok(clip.to_dtype(DType::F32)?)
}
