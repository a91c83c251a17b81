//! What a reference implementation makes of formula weights and a formula clip.

use std::path::Path;

use candle::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::Network;

use crate::formula::{clip, difference, formula};

/// A golden file: results of a network from formula weights, and no weights.
#[derive(Debug, Clone)]
pub struct Golden {
    /// The clip's `[N, C, T, H, W]`.
    pub input: Vec<usize>,
    /// The clip is in `[-scale, scale)`.
    pub scale: f32,
    /// `[N, K]`.
    pub logits: Tensor,
    /// `[N, D]`.
    pub features: Tensor,
    /// The reference's tensors, `name [shape]` each, in order.
    pub tensors: Vec<String>,
}

/// A network with formula weights, beside its golden file.
pub struct Compared {
    network: Box<dyn Network>,
    clip: Tensor,
    /// The tensors it asked for, as those of [`Golden`].
    pub tensors: Vec<String>,
}

impl Golden {
    /// Reads a file that `tests/golden/make.py` wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let file = candle::safetensors::load(path, &Device::Cpu)?;
        let find = |name: &str| match file.get(name) {
            Some(tensor) => Ok(tensor),
            None => candle::bail!("{}: expected a tensor `{name}`", path.display()),
        };
        let input = find("input")?.to_vec1::<i64>()?;
        let tensors =
            String::from_utf8(find("tensors")?.to_vec1()?).map_err(candle::Error::wrap)?;
        Ok(Self {
            input: input.into_iter().map(|size| size as usize).collect(),
            scale: find("scale")?.to_vec1::<f32>()?[0],
            logits: find("logits")?.clone(),
            features: find("features")?.clone(),
            tensors: tensors.lines().map(String::from).collect(),
        })
    }

    /// The network that `build` builds of formula weights, and the clip.
    pub fn network(
        &self,
        build: impl FnOnce(VarBuilder) -> Result<Box<dyn Network>>,
    ) -> Result<Compared> {
        let (vb, asked) = formula(&Device::Cpu);
        let network = build(vb)?;
        let asked = asked.lock().map(|asked| asked.clone()).unwrap_or_default();
        let mut tensors: Vec<String> =
            asked.iter().map(|tensor| format!("{} {:?}", tensor.name, tensor.shape)).collect();
        tensors.sort();
        Ok(Compared { network, clip: clip(&self.input, self.scale)?, tensors })
    }

    /// How far logits and features are from the reference's, as shares of their largest. Errors where shapes differ.
    pub fn differences(&self, compared: &Compared) -> Result<[f32; 2]> {
        let Compared { network, clip, .. } = compared;
        let got = [network.forward_t(clip, false)?, network.features_t(clip, false)?];
        let mut differences = [0.; 2];
        for ((difference_of, got), want) in
            differences.iter_mut().zip(&got).zip([&self.logits, &self.features])
        {
            if got.dims() != want.dims() {
                candle::bail!("expected {:?}, got {:?}", want.dims(), got.dims())
            }
            *difference_of = difference(got, want)?;
        }
        Ok(differences)
    }
}
