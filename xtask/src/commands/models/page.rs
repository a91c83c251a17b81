//! The page of all networks, as Markdown.

use std::path::Path;

use anyhow::Context;
use marey::inspect::Golden;
use marey::layers::{Precision, in_pool, with_precision};
use marey::zoo::{self, Sizes};
use serde::Deserialize;

use super::Row;
use crate::out;

/// What is said of networks elsewhere.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    network: Vec<Network>,
}

/// Accuracies of a network as they were printed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    name: String,
    published: String,
    protocol: String,
    seen: String,
}

fn said() -> anyhow::Result<Vec<Network>> {
    let said: Said = toml::from_str(include_str!("../../../recipes/zoo.toml"))?;
    Ok(said.network)
}

/// The page; with the differences from golden files, if there is a folder of them.
pub fn markdown(rows: &[Row], golden: Option<&Path>) -> anyhow::Result<String> {
    let said = said()?;
    let mut text = String::from(HEAD);
    let mut family = "";
    for row in rows {
        if row.family != family {
            family = row.family;
            text += &format!("\n## {family}\n\n{COLUMNS}");
        }
        let [c, t, h, w] = row.input;
        let found = said.iter().find(|network| network.name == row.name);
        let published = found.map_or("-".into(), |network| {
            format!("{} ({}; seen in {})", network.published, network.protocol, network.seen)
        });
        let parity = golden.map(|folder| parity(row.name, folder)).transpose()?;
        let cells = [
            format!("`{}`", row.name),
            format!("{} ({})", row.paper, row.year),
            format!("{}, {c}x{t}x{h}x{w}", row.modality),
            row.classes.to_string(),
            out::thousands(row.parameters),
            format!("{:.3} G", row.multiply_adds as f64 / 1e9),
            if row.dialects.is_empty() { "own names".into() } else { row.dialects.join(", ") },
            published,
            parity.map_or("-".into(), |parity| format!("{parity:.0e}")),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
    }
    Ok(text)
}

/// How far a network's logits are from its reference's, as a share of the largest, by the most exact algorithms.
fn parity(name: &str, folder: &Path) -> anyhow::Result<f32> {
    let path = folder.join(format!("{name}.safetensors"));
    let run = || {
        let golden = Golden::read(&path)?;
        let [_, c_in, t, h, w] = golden.input[..] else {
            candle::bail!("expected a clip [N, C, T, H, W], got {:?}", golden.input)
        };
        let classes = golden.logits.dim(1)?;
        let sizes = Sizes { c_in, classes, input: [t, h, w], shrink: 1, dropout: None };
        let compared = golden.network(|vb| zoo::find(name)?.build(&sizes, vb))?;
        let [logits, _] = golden.differences(&compared)?;
        Ok(logits)
    };
    in_pool(|| with_precision(Precision::F32Exact, run)).with_context(|| path.display().to_string())
}

const HEAD: &str = "# Networks

Written by `cargo xtask models --markdown --golden tests/golden > docs/zoo.md`.

*Parameters* are all trainable numbers, *multiply-adds* those of convolutions and linear layers on one clip of this input. *Names* are those
of released checkpoints that load besides the network's own ([weights.md](weights.md) says where these are had). *Published* is what
others measured, by their protocol: none of it was measured here, and a number that was not seen is not printed. *Off by* is how far the
logits are from those of a reference implementation in f64, as a share of the largest, in `f32-exact`, as measured when this page was
written.
";

const COLUMNS: &str =
    "| model | paper | input | classes | parameters | multiply-adds | names | published | off by |
|---|---|---|---|---|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_of_networks_there_are() {
        for network in said().unwrap() {
            zoo::find(&network.name).unwrap();
            assert!(!network.seen.contains("memory"), "{}", network.name);
        }
    }

    #[test]
    fn the_page_is_as_it_would_be_written() {
        // But for what was measured, the last column.
        let page = include_str!("../../../../docs/zoo.md");
        let rows: Vec<Row> =
            zoo::MODELS.iter().map(super::super::row).collect::<Result<_, _>>().unwrap();
        let measured =
            |line: &str| match line.strip_suffix(" |").and_then(|line| line.rsplit_once(" | ")) {
                Some((line, _)) => line.to_string(),
                None => line.to_string(),
            };
        let [got, want] = [page, &markdown(&rows, None).unwrap()]
            .map(|text| text.lines().map(measured).collect::<Vec<_>>().join("\n"));
        assert!(got == want, "docs/zoo.md is out of date; its second line says how it is written");
    }
}
