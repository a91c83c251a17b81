//! Tensors that commands are given in safetensors files.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use candle::{Device, Tensor};

use crate::exit::{self, failure};

/// The tensors of the file at `path`.
pub fn read(path: &Path) -> anyhow::Result<HashMap<String, Tensor>> {
    Ok(read_all(path)?.0)
}

/// The tensors of the file at `path`, and what it says of them.
pub fn read_all(path: &Path) -> anyhow::Result<(HashMap<String, Tensor>, HashMap<String, String>)> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| name.to_string())?;
    let no_file = |error: &dyn std::fmt::Display| {
        failure(exit::CORRUPT, format!("{name}: not a safetensors file: {error}"))
    };
    let tensors =
        candle::safetensors::load_buffer(&bytes, &Device::Cpu).map_err(|error| no_file(&error))?;
    let (_, header) =
        safetensors::SafeTensors::read_metadata(&bytes).map_err(|error| no_file(&error))?;
    Ok((tensors, header.metadata().clone().unwrap_or_default()))
}

/// A file of the scores of videos: as `kind` `[N, K]`, `scores` or `logits`, with `labels` `[N]` and their names.
pub fn of_videos(
    kind: &str,
    rows: &[Vec<f32>],
    labels: &[u32],
    names: &[String],
) -> anyhow::Result<Vec<u8>> {
    let (size, cpu) = ((rows.len(), rows.first().map_or(0, Vec::len)), &Device::Cpu);
    let labels: Vec<i64> = labels.iter().map(|label| i64::from(*label)).collect();
    let tensors = HashMap::from([
        (kind, Tensor::from_vec(rows.concat(), size, cpu)?),
        ("labels", Tensor::from_vec(labels, size.0, cpu)?),
    ]);
    let names = HashMap::from([("videos".to_string(), serde_json::to_string(names)?)]);
    Ok(safetensors::serialize(tensors, Some(names))?)
}

/// Their names, in order, between commas.
pub fn names(tensors: &HashMap<String, Tensor>) -> String {
    let mut names: Vec<_> = tensors.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.join(", ")
}
