//! `models`: the zoo.

use std::path::PathBuf;

use marey::zoo::{MODELS, Model};
use serde::Serialize;

use crate::{exit, out};

mod page;

/// List the networks there are
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask models\n  cargo xtask models --json\n  cargo xtask models --markdown --golden tests/golden > docs/zoo.md"
)]
pub struct Args {
    /// Print a JSON object
    #[arg(long)]
    json: bool,
    /// Print docs/zoo.md
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// A folder of golden files, to measure how far each network is from its reference
    #[arg(long, requires = "markdown", value_name = "DIR")]
    golden: Option<PathBuf>,
}

/// A row, with the costs of the paper's clip and classes.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    family: &'static str,
    year: u16,
    paper: &'static str,
    /// What the channels are.
    modality: &'static str,
    /// `[C, T, H, W]`.
    input: [usize; 4],
    classes: usize,
    parameters: u64,
    weights: u64,
    multiply_adds: u64,
    /// Releases whose names it loads, besides its own.
    dialects: Vec<&'static str>,
}

fn row(model: &Model) -> anyhow::Result<Row> {
    let sizes = model.sizes(model.classes);
    let summary = model.summary(&sizes)?;
    let [t, h, w] = sizes.input;
    Ok(Row {
        name: model.name,
        family: model.family,
        year: model.year,
        paper: model.paper,
        modality: model.modality.name(),
        input: [sizes.c_in, t, h, w],
        classes: model.classes,
        parameters: summary.parameters,
        weights: summary.weights,
        multiply_adds: summary.multiply_adds,
        dialects: model.dialects.iter().map(|dialect| dialect.name).collect(),
    })
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let rows = MODELS.iter().map(row).collect::<anyhow::Result<Vec<_>>>()?;
    if args.json {
        out::json(&serde_json::json!({ "models": rows }))?;
        return Ok(exit::OK);
    }
    if args.markdown {
        out::text(&page::markdown(&rows, args.golden.as_deref())?)?;
        return Ok(exit::OK);
    }
    let cells = |row: &Row| {
        let [c, t, h, w] = row.input;
        vec![
            row.name.into(),
            row.year.to_string(),
            format!("{c}x{t}x{h}x{w}"),
            row.classes.to_string(),
            out::thousands(row.parameters),
            format!("{:.3} G", row.multiply_adds as f64 / 1e9),
            row.family.into(),
            row.paper.into(),
        ]
    };
    let head =
        ["model", "year", "clip", "classes", "parameters", "multiply-adds", "crate", "paper"];
    out::text(&out::table(&head, &rows.iter().map(cells).collect::<Vec<_>>()))?;
    Ok(exit::OK)
}
