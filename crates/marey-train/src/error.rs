//! What can go wrong in training and evaluation.

use std::path::{Path, PathBuf};

use marey_weights::atomic::Refused;

/// What can go wrong in training and evaluation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting makes no sense.
    #[error("{0}")]
    Config(String),
    /// The loss or a gradient is not finite. The variables hold the weights before the step, but
    /// running statistics may have met its values: go on from the last checkpoint.
    #[error(
        "diverged at step {step}: loss {loss}, learning rate {rate}, first parameter whose gradient is not finite: {}",
        parameter.as_deref().map_or("none".to_string(), |name| format!("`{name}`"))
    )]
    Diverged {
        /// The step, from 0.
        step: u64,
        /// Its loss.
        loss: f32,
        /// Its learning rate.
        rate: f64,
        /// The first parameter, by name, with an infinite or undefined gradient.
        parameter: Option<String>,
    },
    /// A watched value is not finite.
    #[error("the value watched after {step} steps is {value}, wanted a finite one")]
    Watched {
        /// Steps done.
        step: u64,
        /// The value.
        value: f64,
    },
    /// A variable that a checkpoint would hold is not finite, so none was written.
    #[error("`{name}` is not finite after {step} steps; no checkpoint was written")]
    NotFinite {
        /// The variable, or its name in a checkpoint of what is saved beside them.
        name: String,
        /// Steps done.
        step: u64,
    },
    /// The file system refused.
    #[error("{}: cannot {action}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is not a whole checkpoint.
    #[error("{}: damaged checkpoint: {cause}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// A folder to resume from holds no checkpoint, or none that is whole.
    #[error(
        "{}: no checkpoint to resume from{}",
        path.display(),
        damaged.iter().map(|error| format!("; {error}")).collect::<String>()
    )]
    NoCheckpoint {
        /// The folder.
        path: PathBuf,
        /// The checkpoints in it that cannot be read.
        damaged: Vec<Error>,
    },
    /// A new run was to save into a folder that another run has saved into.
    #[error(
        "{}: a run has saved here already: resume from it, or save a new run elsewhere",
        newest.display()
    )]
    Occupied {
        /// The newest checkpoint there.
        newest: PathBuf,
    },
    /// A checkpoint is of a run with other settings.
    #[error(
        "{}: saved by a run of other settings; that run: {found}; this run: {wanted}",
        path.display()
    )]
    Fingerprint {
        /// The checkpoint.
        path: PathBuf,
        /// Its fingerprint.
        found: String,
        /// The fingerprint of the run that was to go on from it.
        wanted: String,
    },
    /// A checkpoint and a network do not hold the same variables.
    #[error("{}: not of this network: {}", path.display(), differences.join("; "))]
    Variables {
        /// The checkpoint.
        path: PathBuf,
        /// Each variable that differs, and how.
        differences: Vec<String>,
    },
    /// A batch has no sensible shape.
    #[error("batch of step {step}: {cause}")]
    Batch {
        /// The step, from 0.
        step: u64,
        /// What is wrong with it.
        cause: String,
    },
    /// A video cannot be scored.
    #[error("video {index} of the evaluation: {cause}")]
    Video {
        /// Its place in the iterator, from 0.
        index: usize,
        /// What is wrong with it.
        cause: String,
    },
    /// Nothing was given to evaluate.
    #[error("there are no videos to evaluate")]
    NoVideos,
    /// The iterator of batches or videos failed.
    #[error("cannot get item {index} of the data")]
    Data {
        /// The step or the video, from 0.
        index: u64,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This process is well, but others of those that train with it are not, and say why themselves.
    #[error("{failed} other processes of this run failed")]
    OtherRanks {
        /// How many.
        failed: usize,
    },
    /// The processes of a run cannot talk to each other.
    #[error("cannot {action} with the other processes of this run: {cause}")]
    Collective {
        /// What was tried.
        action: &'static str,
        /// Why not.
        cause: String,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle::Error),
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Names the path in an error of the file system.
impl From<Refused> for Error {
    fn from(Refused { path, action, source }: Refused) -> Self {
        Self::Io { path, action, source }
    }
}

pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { path: path.to_path_buf(), action, source }
}
