//! `summary`: what a network costs.

use serde::Serialize;

use crate::cli::{Network, count};
use crate::reproduce::structure::{Printed, printed};
use crate::{exit, out};

/// Show a network's parameters, multiply-adds and the shape after every stage
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask summary c3d\n  cargo xtask summary i3d --classes 101 --frames 16 --json"
)]
pub struct Args {
    #[command(flatten)]
    network: Network,
    /// Number of classes [default: the paper's]
    #[arg(long, value_parser = count)]
    classes: Option<usize>,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    model: &'static str,
    paper: &'static str,
    classes: usize,
    /// `[N, C, T, H, W]`.
    input: [usize; 5],
    /// All trainable numbers.
    parameters: u64,
    /// Those of convolution and linear kernels.
    weights: u64,
    /// Of convolutions and linear layers.
    multiply_adds: u64,
    /// Pairs of channels that a kernel sees together.
    interactions: u64,
    /// What tables print of it, for these clips and classes.
    published: Vec<Printed>,
    stages: Vec<Stage>,
}

#[derive(Serialize)]
struct Stage {
    name: String,
    shape: Vec<usize>,
    multiply_adds: u64,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let (model, sizes) = args.network.find(args.classes)?;
    let summary = model.summary(&sizes)?;
    let [t, h, w] = sizes.input;
    let stages = summary.stages.into_iter();
    let report = Report {
        model: model.name,
        paper: model.paper,
        classes: sizes.classes,
        input: [1, sizes.c_in, t, h, w],
        parameters: summary.parameters,
        weights: summary.weights,
        multiply_adds: summary.multiply_adds,
        interactions: summary.interactions,
        published: printed(model, sizes.classes, [sizes.c_in, t, h, w])?,
        stages: stages
            .map(|s| Stage { name: s.name, shape: s.shape, multiply_adds: s.multiply_adds })
            .collect(),
    };
    if args.json {
        out::json(&report)?;
    } else {
        out::text(&text(&report))?;
    }
    Ok(exit::OK)
}

fn text(report: &Report) -> String {
    let [n, c, t, h, w] = report.input;
    let sizes = |shape: &[usize]| shape.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
    let cells = |stage: &Stage| {
        vec![stage.name.clone(), sizes(&stage.shape), out::thousands(stage.multiply_adds)]
    };
    let rows: Vec<_> = report.stages.iter().map(cells).collect();
    let mut text = format!(
        "{}: {}, {} classes, clip {n}x{c}x{t}x{h}x{w}\n\n{}\n\nparameters     {}\nweights        {}\nmultiply-adds  {} ({:.3} G)\ninteractions   {}",
        report.model,
        report.paper,
        report.classes,
        out::table(&["stage", "shape", "multiply-adds"], &rows),
        out::thousands(report.parameters),
        out::thousands(report.weights),
        out::thousands(report.multiply_adds),
        report.multiply_adds as f64 / 1e9,
        out::thousands(report.interactions),
    );
    for printed in &report.published {
        text += &format!("\npublished      {printed}");
    }
    text
}
