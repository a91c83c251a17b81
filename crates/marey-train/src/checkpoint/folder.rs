//! The checkpoints of one run, in one folder.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use candle_nn::VarMap;

use super::{Checkpoint, save};
use crate::error::{Error, Result, io};
use crate::state::TrainState;
use marey_weights::atomic::remove_leftovers;

/// Where and how often a run saves. A folder belongs to one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointConfig {
    /// The folder; made where it is missing.
    pub dir: PathBuf,
    /// Steps between two checkpoints. One more is written when the run ends or is stopped.
    pub every: u64,
    /// How many of the last checkpoints stay. With 2 or more, one that the disk damages is not
    /// the end of the run.
    pub keep: usize,
}

impl CheckpointConfig {
    pub(crate) fn check(&self) -> Result<()> {
        if self.every == 0 || self.keep == 0 {
            return Err(Error::Config(format!(
                "checkpoints: met every {} steps, keep {}; wanted at least 1 of both",
                self.every, self.keep
            )));
        }
        Ok(())
    }
}

/// The name of the checkpoint with the best watched value in a run's folder.
///
/// [`latest`] and [`resume`] of the folder pass over it; [`resume`] of the file itself takes it.
pub const BEST: &str = "best.safetensors";

/// What [`latest`] found in a folder.
#[derive(Debug)]
pub struct Latest {
    /// The newest checkpoint that is whole.
    pub checkpoint: Option<Checkpoint>,
    /// Newer ones that cannot be read, and why.
    pub damaged: Vec<Error>,
}

/// A run to go on with.
#[derive(Debug)]
pub struct Resumed {
    /// Where it stands.
    pub state: TrainState,
    /// The checkpoint it was read from.
    pub path: PathBuf,
    /// Newer checkpoints that cannot be read, and why.
    pub damaged: Vec<Error>,
}

/// The newest whole checkpoint in `dir`, and the damaged ones that are newer.
///
/// An empty folder has none, which is no error: the run was killed before its first. A folder that
/// is not there is one.
pub fn latest(dir: impl AsRef<Path>) -> Result<Latest> {
    let mut damaged = Vec::new();
    for (step, path) in list(dir.as_ref())?.into_iter().rev() {
        match Checkpoint::read(&path) {
            Ok(checkpoint) if checkpoint.state.step == step => {
                return Ok(Latest { checkpoint: Some(checkpoint), damaged });
            }
            Ok(checkpoint) => {
                let cause = format!("it is of step {}", checkpoint.state.step);
                damaged.push(Error::Checkpoint { path, cause });
            }
            Err(error) => damaged.push(error),
        }
    }
    Ok(Latest { checkpoint: None, damaged })
}

/// Sets `vars` from the checkpoint at `path`, or the newest whole one if `path` is a folder.
///
/// There is no silent fresh start: a path that is not there, a folder without a whole checkpoint,
/// another network and another fingerprint are errors.
pub fn resume(path: impl AsRef<Path>, vars: &VarMap, fingerprint: &str) -> Result<Resumed> {
    let path = path.as_ref();
    let (checkpoint, damaged) = if path.is_dir() {
        let Latest { checkpoint, damaged } = latest(path)?;
        match checkpoint {
            Some(checkpoint) => (checkpoint, damaged),
            None => return Err(Error::NoCheckpoint { path: path.to_path_buf(), damaged }),
        }
    } else {
        (Checkpoint::read(path)?, Vec::new())
    };
    let path = checkpoint.path.clone();
    let state = checkpoint.restore(vars, fingerprint)?;
    Ok(Resumed { state, path, damaged })
}

/// Makes the folder ready for a run that stands at `state`.
///
/// Removes what a killed run left half written. Refuses a folder that another run has saved into:
/// a new run where there is any checkpoint, a resumed one where the newest has another fingerprint.
pub(crate) fn open(dir: &Path, state: &TrainState) -> Result<()> {
    fs::create_dir_all(dir).map_err(io(dir, "make the folder"))?;
    remove_leftovers(dir)?;
    if state.step == 0 {
        let newest = list(dir)?.pop();
        return newest.map_or(Ok(()), |(_, newest)| Err(Error::Occupied { newest }));
    }
    match latest(dir)?.checkpoint {
        Some(other) if other.state.fingerprint != state.fingerprint => Err(Error::Fingerprint {
            path: other.path,
            found: other.state.fingerprint,
            wanted: state.fingerprint.clone(),
        }),
        _ => Ok(()),
    }
}

/// Saves the state under its step, and then removes all but the last `keep` up to it.
///
/// Files of later steps are not counted: they are what a resumed run has found damaged.
pub(crate) fn save_step(
    config: &CheckpointConfig,
    vars: &VarMap,
    state: &TrainState,
) -> Result<PathBuf> {
    let path = config.dir.join(format!("step-{:09}.safetensors", state.step));
    save(&path, vars, state)?;
    let old = list(&config.dir)?.into_iter().rev().filter(|&(step, _)| step <= state.step);
    for (_, path) in old.skip(config.keep) {
        fs::remove_file(&path).map_err(io(&path, "remove the old checkpoint"))?;
    }
    Ok(path)
}

/// The checkpoints of `dir` by step, ascending. Other files are passed over.
fn list(dir: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(io(dir, "list the folder"))? {
        let path = entry.map_err(io(dir, "list the folder"))?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        let step = name
            .and_then(|name| name.strip_prefix("step-")?.strip_suffix(".safetensors"))
            .and_then(|digits| digits.parse().ok());
        if let Some(step) = step {
            found.push((step, path));
        }
    }
    found.sort();
    Ok(found)
}
