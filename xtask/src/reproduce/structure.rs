//! Tables of sizes: what papers print of parameters and multiply-adds, counted again. They need no data and take seconds.

use anyhow::Context;
use marey::inspect::Summary;
use marey::zoo;
use serde::{Deserialize, Serialize};

use crate::out;

/// A table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// What `reproduce` calls it.
    pub id: String,
    /// What the table shows.
    pub title: String,
    /// Where the numbers were printed.
    pub source: String,
    /// The rows.
    pub row: Vec<Row>,
}

/// A network on a clip.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// As printed.
    pub network: String,
    /// Why it cannot be counted yet.
    pub waits: Option<String>,
    /// A name of the zoo.
    pub model: Option<String>,
    /// Number of classes, the paper's where there is none.
    pub classes: Option<usize>,
    /// `[C, T, H, W]`.
    #[serde(default)]
    pub input: [usize; 4],
    /// What is counted.
    pub counts: Option<Counts>,
    /// Tensors that are left out: those whose names begin with one of these.
    #[serde(default)]
    pub without: Vec<String>,
    /// What the count must be, worked out from the layers apart from this code.
    pub exact: Option<u64>,
    /// The printed count in millions, with its digits.
    pub published_millions: Option<String>,
    /// Where that was seen.
    pub millions_seen: Option<String>,
    /// The printed multiply-adds, in units of 10^9.
    pub published_gigas: Option<String>,
    /// Where these were seen.
    pub gigas_seen: Option<String>,
    /// Why what is printed is not what is counted.
    pub differs: Option<String>,
}

/// What papers count.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counts {
    /// All that is trained.
    Parameters,
    /// Kernels of convolutions and linear layers only.
    Weights,
}

/// A row, counted.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    network: &'a str,
    model: Option<&'a str>,
    input: Option<[usize; 4]>,
    counts: Option<Counts>,
    count: Option<u64>,
    published_millions: Option<&'a str>,
    millions_seen: Option<&'a str>,
    multiply_adds: Option<u64>,
    published_gigas: Option<&'a str>,
    gigas_seen: Option<&'a str>,
    /// Whether all that is printed is what is counted, to its last digit; nothing where nothing is printed.
    agrees: Option<bool>,
    differs: Option<&'a str>,
    skipped: Option<&'a str>,
    /// Whether the count is the one it must be, and what is printed agrees or is known not to.
    as_expected: bool,
}

/// A table, counted.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    id: &'a str,
    title: &'a str,
    source: &'a str,
    pub rows: Vec<Line<'a>>,
}

/// How the evidence of a number begins that is remembered, not seen.
const MEMORY: &str = "from memory";

const TABLES: [&str; 10] = [
    include_str!("../../recipes/structure/i3d-table1.toml"),
    include_str!("../../recipes/structure/i3d-structure.toml"),
    include_str!("../../recipes/structure/r2plus1d-structure-8f.toml"),
    include_str!("../../recipes/structure/r2plus1d-structure-16f.toml"),
    include_str!("../../recipes/structure/r2plus1d-zoo-structure.toml"),
    include_str!("../../recipes/structure/c3d-structure.toml"),
    include_str!("../../recipes/structure/tsfusion-structure.toml"),
    include_str!("../../recipes/structure/s3d-structure.toml"),
    include_str!("../../recipes/structure/csn-structure.toml"),
    include_str!("../../recipes/structure/other-structure.toml"),
];

/// All tables.
pub fn all() -> anyhow::Result<Vec<Table>> {
    TABLES.into_iter().map(|text| Ok(toml::from_str(text)?)).collect()
}

/// What a table prints of a network.
#[derive(Debug, Serialize)]
pub struct Printed {
    /// The table, as `reproduce` calls it.
    table: String,
    /// Parameters or weights in millions.
    millions: Option<String>,
    /// Multiply-adds in units of 10^9.
    gigas: Option<String>,
    /// Where these were seen, one after the other.
    seen: Vec<String>,
    /// Why it is not what is counted here.
    differs: Option<String>,
}

/// What tables print of `model` for this many classes and clips `[C, T, H, W]`.
pub fn printed(
    model: &zoo::Model,
    classes: usize,
    input: [usize; 4],
) -> anyhow::Result<Vec<Printed>> {
    let mut all = Vec::new();
    for Table { id, row, .. } in self::all()? {
        let of_it = row.into_iter().filter(|row| {
            row.model.as_deref() == Some(model.name)
                && row.input == input
                && row.classes.unwrap_or(model.classes) == classes
                && row.without.is_empty()
                && (row.published_millions.is_some() || row.published_gigas.is_some())
        });
        all.extend(of_it.map(|row| Printed {
            table: id.clone(),
            millions: row.published_millions,
            gigas: row.published_gigas,
            seen: row.millions_seen.into_iter().chain(row.gigas_seen).collect(),
            differs: row.differs,
        }));
    }
    Ok(all)
}

impl std::fmt::Display for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { table, millions, gigas, seen, differs } = self;
        let numbers = [(millions, "M"), (gigas, "G")];
        let numbers = numbers
            .into_iter()
            .filter_map(|(number, unit)| number.as_ref().map(|n| format!("{n} {unit}")));
        let mut seen = seen.clone();
        seen.dedup();
        write!(f, "{} ({}; {table})", numbers.collect::<Vec<_>>().join(", "), seen.join(", "))?;
        match differs {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

impl Table {
    /// Counts every row.
    pub fn count(&self) -> anyhow::Result<Report<'_>> {
        let line = |row| Line::of(row).with_context(|| format!("{}: {}", self.id, row.network));
        let rows = self.row.iter().map(line).collect::<anyhow::Result<_>>()?;
        Ok(Report { id: &self.id, title: &self.title, source: &self.source, rows })
    }
}

impl<'a> Line<'a> {
    fn of(row: &'a Row) -> anyhow::Result<Self> {
        let mut line = Self {
            network: &row.network,
            model: row.model.as_deref(),
            input: None,
            counts: row.counts,
            count: None,
            published_millions: row.published_millions.as_deref(),
            millions_seen: row.millions_seen.as_deref(),
            multiply_adds: None,
            published_gigas: row.published_gigas.as_deref(),
            gigas_seen: row.gigas_seen.as_deref(),
            agrees: None,
            differs: row.differs.as_deref(),
            skipped: row.waits.as_deref(),
            as_expected: true,
        };
        let (Some(model), Some(counts)) = (line.model, line.counts) else { return Ok(line) };
        let model = zoo::find(model)?;
        let [c_in, t, h, w] = row.input;
        let mut sizes = model.sizes(row.classes.unwrap_or(model.classes));
        (sizes.c_in, sizes.input) = (c_in, [t, h, w]);
        let summary = model.summary(&sizes)?;
        let count = match counts {
            Counts::Parameters => summary.parameters,
            Counts::Weights => summary.weights,
        };
        let count = count - left_out(&summary, &row.without);
        let of = |published: Option<&str>, value: u64, unit: f64| {
            published.is_none_or(|text| same_digits(text, value as f64 / unit))
        };
        let agrees = of(line.published_millions, count, 1e6)
            && of(line.published_gigas, summary.multiply_adds, 1e9);
        line.input = Some(row.input);
        line.count = Some(count);
        line.multiply_adds = Some(summary.multiply_adds);
        let printed = line.published_millions.or(line.published_gigas);
        line.agrees = printed.map(|_| agrees);
        line.as_expected =
            row.exact.is_none_or(|exact| exact == count) && agrees == row.differs.is_none();
        Ok(line)
    }
}

/// Numbers in tensors whose names begin with one of `prefixes`.
fn left_out(summary: &Summary, prefixes: &[String]) -> u64 {
    let out = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
    let tensors = summary.tensors.iter().filter(|tensor| out(&tensor.name));
    tensors.map(|tensor| tensor.shape.iter().product::<usize>() as u64).sum()
}

/// Whether `value` has the digits of `printed` when it is rounded to as many.
fn same_digits(printed: &str, value: f64) -> bool {
    let places = printed.split_once('.').map_or(0, |(_, places)| places.len());
    format!("{value:.places$}") == printed
}

impl Report<'_> {
    /// As Markdown.
    pub fn markdown(&self) -> String {
        let head =
            ["network", "clip", "counted", "published, M", "multiply-adds", "published, G", ""];
        let cells = |line: &Line| {
            // What nobody saw is never shown as if it had been seen.
            let published = |text: Option<&str>, seen: Option<&str>| match (text, seen) {
                (None, _) => "-".to_string(),
                (Some(text), Some(seen)) if !seen.starts_with(MEMORY) => text.to_string(),
                (Some(text), _) => format!("{text} ({MEMORY})"),
            };
            vec![
                line.network.to_string(),
                line.input.map_or("-".into(), |[c, t, h, w]| format!("{c}x{t}x{h}x{w}")),
                line.count.map_or("-".into(), out::thousands),
                published(line.published_millions, line.millions_seen),
                line.multiply_adds.map_or("-".into(), |n| format!("{:.3} G", n as f64 / 1e9)),
                published(line.published_gigas, line.gigas_seen),
                match (line.skipped, line.agrees) {
                    (Some(_), _) => "skipped".into(),
                    _ if !line.as_expected => "NOT AS EXPECTED".into(),
                    (None, None) => "counted".into(),
                    (None, Some(true)) => "agrees".into(),
                    (None, Some(false)) => "differs".into(),
                },
            ]
        };
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let mut text = format!("# {}\n\n{}\n\n", self.title, self.source);
        text += &row(head.map(String::from).to_vec());
        text += &format!("|{}\n", "---|".repeat(head.len()));
        self.rows.iter().for_each(|line| text += &row(cells(line)));
        text.push('\n');
        for line in &self.rows {
            let clip = line.input.map_or(String::new(), |[_, t, h, w]| format!(", {t}x{h}x{w}"));
            let notes = [
                line.skipped.map(|why| format!("skipped: {why}")),
                line.differs.map(String::from),
                line.millions_seen.map(|seen| format!("count: {seen}")),
                line.gigas_seen.map(|seen| format!("multiply-adds: {seen}")),
            ];
            let notes: Vec<String> = notes.into_iter().flatten().collect();
            if !notes.is_empty() {
                text += &format!("* {}{clip}: {}.\n", line.network, notes.join("; "));
            }
        }
        text
    }

    /// Whether every row is as it must be.
    pub fn as_expected(&self) -> bool {
        self.rows.iter().all(|line| line.as_expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_as_expected() {
        for table in all().unwrap() {
            let report = table.count().unwrap();
            assert!(report.as_expected(), "{}", report.markdown());
            for (row, line) in table.row.iter().zip(&report.rows) {
                assert_eq!(row.waits.is_some(), line.count.is_none(), "{}", row.network);
            }
        }
    }

    #[test]
    fn digits_are_those_printed() {
        assert!(same_digits("33.4", 33.361_472) && !same_digits("33.4", 33.344));
        assert!(same_digits("20", 19.95) && !same_digits("20.00", 19.95));
    }
}
