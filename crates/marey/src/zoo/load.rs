//! Weights from files, every tensor accounted for.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle::{DType, Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use marey_layers::Network;
use marey_weights::{Account, Dialect, Wanted};

use super::{Model, Sizes};

/// A checkpoint fitted to a network.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its tensors under our names, in our shapes.
    pub tensors: BTreeMap<String, marey_weights::Tensor>,
    /// What became of every tensor of both sides.
    pub account: Account,
    /// The release whose names it has.
    pub dialect: &'static str,
}

/// Why a network could not be given its weights.
#[derive(Debug)]
pub enum LoadError {
    /// The file cannot be read; the error names it.
    Read(marey_weights::Error),
    /// It was read, but is not of this network.
    Fit {
        /// The file.
        path: PathBuf,
        /// The network.
        model: &'static str,
        /// Every tensor that is missing, of another shape, or left over.
        account: Box<Account>,
    },
    /// The network could not be built.
    Build(candle::Error),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Fit { path, model, account } => {
                write!(f, "{}: these are not the weights of {model}: {account}", path.display())
            }
            Self::Build(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<candle::Error> for LoadError {
    fn from(error: candle::Error) -> Self {
        Self::Build(error)
    }
}

impl Model {
    /// The tensors a checkpoint of it holds.
    pub fn wanted(&self, sizes: &Sizes) -> Result<Vec<Wanted>> {
        let tensors = self.summary(sizes)?.tensors;
        Ok(tensors
            .into_iter()
            .map(|tensor| Wanted { name: tensor.name, shape: tensor.shape })
            .collect())
    }

    /// Reads a checkpoint in any format that `marey-weights` knows and fits it to the network: its tensors under our
    /// names, and what became of each. The dialect is the one that finds most of what is wanted.
    ///
    /// Errors where a tensor is missing or has another shape. Tensors left over are in the account.
    pub fn import(&self, sizes: &Sizes, path: &Path) -> std::result::Result<Imported, LoadError> {
        let wanted = self.wanted(sizes)?;
        let checkpoint = marey_weights::read(path).map_err(LoadError::Read)?;
        let found = |dialect: &Dialect| marey_weights::found(dialect, &checkpoint.tensors, &wanted);
        let mut dialect = &Dialect::SAME;
        for other in self.dialects {
            if found(other) > found(dialect) {
                dialect = other;
            }
        }
        match marey_weights::fit(dialect, &checkpoint.tensors, &wanted) {
            Ok((tensors, account)) => Ok(Imported { tensors, account, dialect: dialect.name }),
            Err(marey_weights::Error::Incomplete(account)) => Err(self.misfit(path, account)),
            Err(error) => Err(LoadError::Read(error)),
        }
    }

    /// The network with the weights of a checkpoint, read by [`Self::import`]. One with tensors left over is of another
    /// network, and refused.
    pub fn load(
        &self,
        sizes: &Sizes,
        path: &Path,
        device: &Device,
    ) -> std::result::Result<Box<dyn Network>, LoadError> {
        let Imported { tensors, account, .. } = self.import(sizes, path)?;
        if !account.left_over.is_empty() {
            return Err(self.misfit(path, Box::new(account)));
        }
        let on_device = |tensor: marey_weights::Tensor| -> Result<Tensor> {
            let Some(values) = tensor.to_f32() else { bail!("a tensor of {:?}", tensor.dtype) };
            Tensor::from_vec(values, tensor.shape, device)
        };
        let mut named = HashMap::new();
        for (name, tensor) in tensors {
            named.insert(name, on_device(tensor)?);
        }
        Ok(self.build(sizes, VarBuilder::from_tensors(named, DType::F32, device))?)
    }

    fn misfit(&self, path: &Path, account: Box<Account>) -> LoadError {
        LoadError::Fit { path: path.into(), model: self.name, account }
    }
}
