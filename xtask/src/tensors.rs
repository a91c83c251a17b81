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

/// Their names, in order, between commas.
pub fn names(tensors: &HashMap<String, Tensor>) -> String {
    let mut names: Vec<_> = tensors.keys().map(String::as_str).collect();
    names.sort_unstable();
    names.join(", ")
}
