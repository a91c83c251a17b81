//! All that a run needs to go on, in one file.
//!
//! A checkpoint is a safetensors file. It holds every variable under its own name, so that any
//! reader of safetensors takes the weights out of it, what the optimizer remembers as `~KIND/NAME`
//! (`~velocity/NAME` of SGD), averages of weights as `~ema/NAME`, the curve as `~curve`,
//! watched values as `~watched`, step and fingerprint in the metadata, and as the last tensor `~sha256`: the
//! checksum of all bytes before it. No flipped bit and no missing byte goes unnoticed.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use candle::{Device, Tensor};
use candle_nn::VarMap;
use marey_weights::write_atomically;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::curve::Curve;
use crate::error::{Error, Result, io};
use crate::state::TrainState;
use crate::vars::{is_finite, sorted};
use crate::watch::Watched;

mod folder;

pub use folder::{BEST, CheckpointConfig, Latest, Resumed, latest, resume};
pub(crate) use folder::{open, save_step};

const FORMAT: u32 = 1;
const METADATA: &str = "marey.checkpoint";
/// Begins the names of all that is not a variable.
const MARK: char = '~';
const EMA: &str = "~ema/";
const CURVE: &str = "~curve";
const WATCHED: &str = "~watched";
const CHECKSUM: &str = "~sha256";
const CHECKSUM_LEN: usize = 32;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    format: u32,
    step: u64,
    fingerprint: String,
}

/// A whole checkpoint in memory.
#[derive(Debug)]
pub struct Checkpoint {
    path: PathBuf,
    variables: HashMap<String, Tensor>,
    state: TrainState,
}

/// Writes variables and state to `path`, atomically. Refuses to save a number that is not finite.
pub fn save(path: impl AsRef<Path>, vars: &VarMap, state: &TrainState) -> Result<()> {
    let bytes = encode(vars, state)?;
    Ok(write_atomically(path, &bytes)?)
}

impl Checkpoint {
    /// Reads a checkpoint and checks every byte of it.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(io(path, "read the checkpoint"))?;
        Self::decode(path, &bytes)
    }

    /// What [`encode`] wrote; errors say `path`.
    pub(crate) fn decode(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<Self> {
        let path = path.into();
        match decode(bytes) {
            Ok((variables, state)) => Ok(Self { path, variables, state }),
            Err(cause) => Err(Error::Checkpoint { path, cause }),
        }
    }

    /// The file it was read from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the run stood.
    pub fn state(&self) -> &TrainState {
        &self.state
    }

    /// The variables by name, on the CPU.
    pub fn variables(&self) -> &HashMap<String, Tensor> {
        &self.variables
    }

    /// Sets `vars`, and returns the state to go on from.
    ///
    /// Refuses a checkpoint with another fingerprint, and one that does not hold the variables of
    /// `vars` and no others; `vars` is untouched then.
    pub fn restore(self, vars: &VarMap, fingerprint: &str) -> Result<TrainState> {
        if self.state.fingerprint != fingerprint {
            let (path, found) = (self.path, self.state.fingerprint);
            return Err(Error::Fingerprint { path, found, wanted: fingerprint.into() });
        }
        let vars = sorted(vars);
        let differences = self.differences(&vars);
        if !differences.is_empty() {
            return Err(Error::Variables { path: self.path, differences });
        }
        for (name, var) in &vars {
            var.set(&self.variables[name].to_device(var.device())?)?;
        }
        Ok(self.state)
    }

    fn differences(&self, vars: &[(String, candle::Var)]) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, var) in vars {
            match self.variables.get(name) {
                None => differences.push(format!("`{name}` is missing")),
                Some(found) if found.dims() != var.dims() || found.dtype() != var.dtype() => {
                    differences.push(format!(
                        "`{name}` is {:?} of {:?}, wanted {:?} of {:?}",
                        found.dims(),
                        found.dtype(),
                        var.dims(),
                        var.dtype()
                    ));
                }
                Some(_) => {}
            }
        }
        let known = |name: &String| vars.binary_search_by(|(other, _)| other.cmp(name)).is_ok();
        let mut others: Vec<_> = self.variables.keys().filter(|name| !known(name)).collect();
        others.sort();
        differences.extend(others.iter().map(|name| format!("`{name}` is not a variable here")));
        differences
    }
}

/// The bytes of a checkpoint.
pub(crate) fn encode(vars: &VarMap, state: &TrainState) -> Result<Vec<u8>> {
    let not_finite = |name| Error::NotFinite { name, step: state.step };
    let mut tensors = BTreeMap::new();
    for (name, var) in sorted(vars) {
        if name.starts_with(MARK) {
            return Err(Error::Config(format!("`{name}`: names that begin with ~ are reserved")));
        }
        if !is_finite(&var)? {
            return Err(not_finite(name));
        }
        tensors.insert(name, var.as_tensor().clone());
    }
    let optimizer = state.optimizer.iter().map(|(name, tensor)| (format!("{MARK}{name}"), tensor));
    let averages = state.averages.iter().map(|(name, tensor)| (format!("{EMA}{name}"), tensor));
    for (name, tensor) in optimizer.chain(averages) {
        if !is_finite(tensor)? {
            return Err(not_finite(name));
        }
        tensors.insert(name, tensor.clone());
    }
    tensors.insert(CURVE.into(), state.curve.to_tensor()?);
    if !state.watched.0.is_empty() {
        tensors.insert(WATCHED.into(), state.watched.to_tensor()?);
    }
    tensors.insert(CHECKSUM.into(), Tensor::new(&[0u8; CHECKSUM_LEN], &Device::Cpu)?);

    let metadata =
        Metadata { format: FORMAT, step: state.step, fingerprint: state.fingerprint.clone() };
    let metadata = serde_json::to_string(&metadata)
        .map_err(|error| Error::Config(format!("checkpoint metadata: {error}")))?;
    let metadata = HashMap::from([(METADATA.to_string(), metadata)]);
    let mut bytes = safetensors::serialize(tensors, Some(metadata)).map_err(candle::Error::from)?;

    // The format orders tensors by alignment and then by name: the checksum, of bytes, comes last.
    let last = SafeTensors::deserialize(&bytes)
        .and_then(|file| file.tensor(CHECKSUM).map(|view| view.data().as_ptr_range().end))
        .map_err(candle::Error::from)?;
    if last != bytes.as_ptr_range().end {
        return Err(Error::Config(format!("a variable's type puts it after `{CHECKSUM}`")));
    }
    let end = bytes.len() - CHECKSUM_LEN;
    let checksum = Sha256::digest(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum);
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> std::result::Result<(HashMap<String, Tensor>, TrainState), String> {
    let Some((content, checksum)) = bytes.split_last_chunk::<CHECKSUM_LEN>() else {
        return Err(format!("{} bytes are too few", bytes.len()));
    };
    if Sha256::digest(content).as_slice() != checksum {
        return Err(format!("the checksum is not that of its {} bytes", bytes.len()));
    }
    let text = |error: &dyn std::fmt::Display| error.to_string();
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(|e| text(&e))?;
    let metadata = header.metadata().as_ref().and_then(|all| all.get(METADATA));
    let metadata = metadata.ok_or(format!("its metadata lacks `{METADATA}`"))?;
    let metadata: Metadata = serde_json::from_str(metadata).map_err(|e| text(&e))?;
    if metadata.format != FORMAT {
        return Err(format!("format {}, this version reads {FORMAT}", metadata.format));
    }
    let tensors = candle::safetensors::load_buffer(bytes, &Device::Cpu).map_err(|e| text(&e))?;

    let mut state = TrainState::new(metadata.fingerprint);
    state.step = metadata.step;
    let mut variables = HashMap::new();
    for (name, tensor) in tensors.into_iter().filter(|(name, _)| name != CHECKSUM) {
        if name == CURVE {
            state.curve = Curve::from_tensor(&tensor).map_err(|e| text(&e))?;
        } else if name == WATCHED {
            state.watched = Watched::from_tensor(&tensor).map_err(|e| text(&e))?;
        } else if let Some(name) = name.strip_prefix(EMA) {
            state.averages.insert(name.to_string(), tensor);
        } else if let Some(name) = name.strip_prefix(MARK) {
            state.optimizer.insert(name.to_string(), tensor);
        } else {
            variables.insert(name, tensor);
        }
    }
    if state.curve.len() as u64 != state.step {
        return Err(format!("{} steps, but a curve of {}", state.step, state.curve.len()));
    }
    Ok((variables, state))
}
