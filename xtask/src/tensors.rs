//! Tensors that commands are given in safetensors files.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use candle::{Device, Tensor};

use crate::exit::{self, failure};

/// The tensors of the file at `path`.
pub fn read(path: &Path) -> anyhow::Result<HashMap<String, Tensor>> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| name.to_string())?;
    candle::safetensors::load_buffer(&bytes, &Device::Cpu)
        .map_err(|error| failure(exit::CORRUPT, format!("{name}: not a safetensors file: {error}")))
}

/// What the file at `path` says of its tensors.
pub fn metadata(path: &Path) -> anyhow::Result<HashMap<String, String>> {
    let name = path.display();
    let bytes = std::fs::read(path).with_context(|| name.to_string())?;
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).map_err(|error| {
        failure(exit::CORRUPT, format!("{name}: not a safetensors file: {error}"))
    })?;
    Ok(metadata.metadata().clone().unwrap_or_default())
}

/// Their names, in order, between commas.
pub fn names(tensors: &HashMap<String, Tensor>) -> String {
    let mut names: Vec<_> = tensors.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.join(", ")
}
