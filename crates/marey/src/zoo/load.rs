//! Weights from files, every tensor accounted for.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle::{DType, Device, Result, Tensor, bail};
use candle_nn::VarBuilder;
use marey_layers::Network;
use marey_weights::{Account, Checkpoint, Dialect, Wanted};

use super::{Model, Sizes};

/// A checkpoint to be loaded. A path alone is one whose dialect is to be recognised.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The file.
    pub path: &'a Path,
    /// The name of its dialect; that which finds most of what is wanted if there is none.
    pub dialect: Option<&'a str>,
}

impl<'a, P: AsRef<Path> + ?Sized> From<&'a P> for Source<'a> {
    fn from(path: &'a P) -> Self {
        Self { path: path.as_ref(), dialect: None }
    }
}

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
        /// The release whose names were looked for.
        dialect: &'static str,
        /// Every tensor that is missing, of another shape, or left over.
        account: Box<Account>,
    },
    /// It was read, but has no tensor that the network wants, in any dialect.
    Strange {
        /// The file.
        path: PathBuf,
        /// The network.
        model: &'static str,
        /// All that were tried.
        dialects: Vec<&'static str>,
        /// The tensors that it has.
        tensors: Vec<String>,
    },
    /// It has the names of several dialects, and equally many of each.
    Ambiguous {
        /// The file.
        path: PathBuf,
        /// The network.
        model: &'static str,
        /// These.
        dialects: Vec<&'static str>,
    },
    /// A dialect was asked for that the network has not.
    Dialect {
        /// The network.
        model: &'static str,
        /// What was asked for.
        asked: String,
        /// All that there are.
        dialects: Vec<&'static str>,
    },
    /// No network begins from it.
    Begin {
        /// The file.
        path: PathBuf,
        /// The network.
        model: &'static str,
        /// Why.
        cause: String,
    },
    /// The network could not be built.
    Build(candle::Error),
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(error) => error.fmt(f),
            Self::Fit { path, model, dialect, account } => {
                let path = path.display();
                write!(f, "{path}: these are not the weights of {model}")?;
                if *dialect != Dialect::SAME.name {
                    write!(f, " as {dialect} names them")?;
                }
                write!(f, ": {account}")
            }
            Self::Strange { path, model, dialects, tensors } => {
                let (path, n, tried) = (path.display(), tensors.len(), dialects.join(", "));
                let some = tensors.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
                let more = if n > 3 { ", .." } else { "" };
                write!(
                    f,
                    "{path}: these are not the weights of {model}: none of its tensors is there under a name of the \
                     dialects {tried}; the file has {n} tensors ({some}{more})"
                )
            }
            Self::Ambiguous { path, model, dialects } => {
                let (path, dialects) = (path.display(), dialects.join(", "));
                write!(
                    f,
                    "{path}: the weights of {model} in several dialects: {dialects}; name the one to take"
                )
            }
            Self::Dialect { model, asked, dialects } => {
                let there = dialects.join(", ");
                write!(f, "{model} has no dialect called `{asked}`; there are {there}")
            }
            Self::Begin { path, model, cause } => {
                write!(f, "{}: {model} cannot begin from it: {cause}", path.display())
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

    /// All dialects it knows: its own names, called `same`, and those of its releases.
    pub fn all_dialects(&self) -> impl Iterator<Item = &'static Dialect> + use<> {
        [&Dialect::SAME].into_iter().chain(self.dialects)
    }

    /// Reads a checkpoint in any format that `marey-weights` knows and fits it to the network: its tensors under our
    /// names, and what became of each. Unless the source names its dialect, it is that which finds most of what is
    /// wanted.
    ///
    /// Errors where a tensor is missing or has another shape. Tensors left over are in the account.
    pub fn import<'a>(
        &self,
        sizes: &Sizes,
        source: impl Into<Source<'a>>,
    ) -> std::result::Result<Imported, LoadError> {
        let source = source.into();
        let wanted = self.wanted(sizes)?;
        let dialects: Vec<_> = self.all_dialects().collect();
        let (checkpoint, dialect) = self.open(source, &wanted, &dialects)?;
        let (tensors, account) = marey_weights::fit(dialect, &checkpoint.tensors, &wanted)
            .map_err(|error| self.unfit(source.path, dialect.name, error))?;
        Ok(Imported { tensors, account, dialect: dialect.name })
    }

    /// Reads a checkpoint, and tells which of `dialects` it is in: that which the source names, or which finds most.
    pub(super) fn open(
        &self,
        Source { path, dialect }: Source,
        wanted: &[Wanted],
        dialects: &[&'static Dialect],
    ) -> std::result::Result<(Checkpoint, &'static Dialect), LoadError> {
        let named = |name: &str| {
            dialects.iter().find(|dialect| dialect.name == name).ok_or_else(|| LoadError::Dialect {
                model: self.name,
                asked: name.into(),
                dialects: dialects.iter().map(|dialect| dialect.name).collect(),
            })
        };
        let asked = dialect.map(named).transpose()?;
        let checkpoint = marey_weights::read(path).map_err(LoadError::Read)?;
        let dialect = match asked {
            Some(dialect) => dialect,
            None => self.recognise(path, &checkpoint, wanted, dialects)?,
        };
        Ok((checkpoint, dialect))
    }

    /// The dialect that finds most.
    fn recognise(
        &self,
        path: &Path,
        checkpoint: &Checkpoint,
        wanted: &[Wanted],
        dialects: &[&'static Dialect],
    ) -> std::result::Result<&'static Dialect, LoadError> {
        let found = |dialect| marey_weights::found(dialect, &checkpoint.tensors, wanted);
        let all: Vec<_> = dialects.iter().map(|dialect| (found(dialect), *dialect)).collect();
        let most = all.iter().map(|(found, _)| *found).max().unwrap_or(0);
        let best: Vec<_> = all.iter().filter(|(found, _)| *found == most).collect();
        let dialects = best.iter().map(|(_, dialect)| dialect.name).collect();
        let (path, model) = (path.into(), self.name);
        match best[..] {
            _ if most == 0 => {
                let tensors = checkpoint.tensors.keys().cloned().collect();
                Err(LoadError::Strange { path, model, dialects, tensors })
            }
            [(_, dialect)] => Ok(dialect),
            _ => Err(LoadError::Ambiguous { path, model, dialects }),
        }
    }

    /// The network with the weights of a checkpoint, read by [`Self::import`]. One with tensors left over is of another
    /// network, and refused.
    pub fn load<'a>(
        &self,
        sizes: &Sizes,
        source: impl Into<Source<'a>>,
        device: &Device,
    ) -> std::result::Result<Box<dyn Network>, LoadError> {
        let source = source.into();
        let Imported { tensors, account, dialect } = self.import(sizes, source)?;
        if !account.left_over.is_empty() {
            return Err(self.misfit(source.path, dialect, Box::new(account)));
        }
        let mut named = HashMap::new();
        for (name, tensor) in tensors {
            named.insert(name, on_device(tensor, device)?);
        }
        Ok(self.build(sizes, VarBuilder::from_tensors(named, DType::F32, device))?)
    }

    /// What a checkpoint that could be read was refused for.
    pub(super) fn unfit(
        &self,
        path: &Path,
        dialect: &'static str,
        error: marey_weights::Error,
    ) -> LoadError {
        match error {
            marey_weights::Error::Incomplete(account) => self.misfit(path, dialect, account),
            marey_weights::Error::Tensor(what) => {
                let what = format!("{}: {what}", path.display());
                LoadError::Read(marey_weights::Error::Tensor(what))
            }
            error => LoadError::Read(error),
        }
    }

    pub(super) fn misfit(
        &self,
        path: &Path,
        dialect: &'static str,
        account: Box<Account>,
    ) -> LoadError {
        LoadError::Fit { path: path.into(), model: self.name, dialect, account }
    }
}

/// As a tensor of candle, of `f32`.
pub(super) fn on_device(tensor: marey_weights::Tensor, device: &Device) -> Result<Tensor> {
    let Some(values) = tensor.to_f32() else { bail!("a tensor of {:?}", tensor.dtype) };
    Tensor::from_vec(values, tensor.shape, device)
}
