//! `reproduce`: a published table again.

use std::path::PathBuf;

use anyhow::Context;
use marey::inspect::plot::curves::{self, Curve};
use marey::weights::write_atomically;

use crate::cli::Device;
use crate::exit::{self, failure};
use crate::interrupt;
use crate::out;
use crate::reproduce::recipe::{self, Length, Recipe};
use crate::reproduce::report::{Line, Report};
use crate::reproduce::structure;
use crate::reproduce::trial::Trial;
use crate::source::Source;

/// Rerun a published table: train its rows, or count the networks' sizes, and print published beside measured
///
/// Without a dataset, on videos that are generated (Marionettes), with small networks, in about ten minutes on two cores.
/// Markdown, JSON and a picture of the curves go to the run's folder; run again, it goes on where it was stopped.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask reproduce table4\n  cargo xtask reproduce table4 --seed 2 --json\n  cargo xtask reproduce table4 --dataset ucf101 --root DIR --full\n  cargo xtask reproduce csn-structure\n  cargo xtask reproduce --list"
)]
pub struct Args {
    /// The table, as `--list` has it
    #[arg(required_unless_present = "list")]
    table: Option<String>,
    /// List the tables there are
    #[arg(long)]
    list: bool,
    /// What to train and test on
    #[arg(long, default_value = "marionettes", value_parser = ["marionettes", "ucf101"])]
    dataset: String,
    /// Where a dataset lies that is not generated
    #[arg(long, default_value = "data/ucf101")]
    root: PathBuf,
    /// Which split of UCF101
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=3))]
    split: u8,
    /// A run of seconds that shows that everything works; its numbers mean nothing
    #[arg(long, conflicts_with = "full")]
    quick: bool,
    /// The paper's own sizes and schedules: days on a CPU
    #[arg(long)]
    full: bool,
    /// Seeds data, first weights and training
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The folder runs are kept in
    #[arg(long, default_value = "runs")]
    runs: PathBuf,
    /// Where to compute
    #[arg(long, value_enum, default_value = "cpu")]
    device: Device,
    /// Print JSON in place of Markdown
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<u8> {
    let (recipes, tables) = (recipe::all()?, structure::all()?);
    if args.list {
        let trained =
            recipes.iter().map(|r| vec![r.id.clone(), r.aliases.join(", "), r.title.clone()]);
        let counted = tables.iter().map(|t| {
            vec![t.id.clone(), String::new(), format!("{} (counted, in seconds)", t.title)]
        });
        let rows: Vec<_> = trained.chain(counted).collect();
        out::text(&out::table(&["table", "also called", "shows"], &rows))?;
        return Ok(exit::OK);
    }
    let name = args.table.as_deref().unwrap_or_default();
    if let Some(table) = tables.iter().find(|table| table.id == name) {
        let report = table.count()?;
        if args.json {
            out::json(&report)?;
        } else {
            out::text(&report.markdown())?;
        }
        return Ok(if report.as_expected() { exit::OK } else { exit::OFF });
    }
    let Some(recipe) = recipes.iter().find(|r| r.id == name || r.aliases.iter().any(|a| a == name))
    else {
        return Err(failure(
            exit::USAGE,
            format!("no table is called `{name}`; `reproduce --list` has those there are"),
        ));
    };
    table(args, recipe)
}

fn table(args: &Args, recipe: &Recipe) -> anyhow::Result<u8> {
    let length = match (args.quick, args.full) {
        (true, _) => Length::Quick,
        (_, true) => Length::Full,
        _ => Length::Default,
    };
    let source = match args.dataset.as_str() {
        "ucf101" => Source::on_disk("ucf101", &args.root, Some(args.split.into()), None)?,
        _ => Source::marionettes(recipe.scale.of(length), args.seed)?,
    };
    let device = args.device.open()?;
    let folder = args.runs.join(format!(
        "{}-{}-{}-seed{}",
        recipe.id,
        source.dataset.to_lowercase().replace(' ', "-"),
        length.name(),
        args.seed
    ));
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    interrupt::watch();
    let mut report = Report::new(recipe, &source, args.seed);
    for row in &recipe.row {
        let Some((model, training)) = row.trial(length) else {
            report.skip(row);
            continue;
        };
        let (seed, source, device, folder) = (args.seed, &source, &device, &folder);
        let trial = Trial { method: &row.method, model, training, source, seed, device, folder };
        report.add(row, trial.run()?);
    }
    let (markdown, json) = (report.markdown(), serde_json::to_string_pretty(&report)?);
    let curve =
        |line: &'_ Line| line.measured.clone().map(|measured| (line.method.to_string(), measured));
    let measured: Vec<_> = report.rows.iter().filter_map(curve).collect();
    let curves: Vec<_> = measured
        .iter()
        .map(|(name, m)| Curve {
            name,
            losses: &m.losses,
            accuracies: &m.accuracies,
            ..Curve::default()
        })
        .collect();
    for (name, text) in [
        ("report.md", &markdown),
        ("report.json", &json),
        (
            "curves.svg",
            &curves::svg(&format!("{}, training on {}", recipe.id, source.dataset), &curves),
        ),
    ] {
        write_atomically(folder.join(name), text.as_bytes())?;
    }
    out::text(if args.json { &json } else { &markdown })?;
    out::note(format_args!("report.md, report.json and curves.svg are in {}", folder.display()));
    Ok(exit::OK)
}
