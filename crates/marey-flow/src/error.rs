//! Why there is no flow: what was met, and what was wanted.

use std::path::{Path, PathBuf};

/// The result of everything here that takes or gives images, fields and files. Functions of tensors give `candle::Result`.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing has this name.
    #[error("{}: no such file or folder", .path.display())]
    NotFound {
        /// The name asked for.
        path: PathBuf,
    },
    /// The system refused to read or write it.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A file is not what it should be: another format, cut short, or of sizes that do not fit.
    #[error("{}: {what}", .path.display())]
    Format {
        /// The file or folder.
        path: PathBuf,
        /// What was wanted, and what was met.
        what: String,
    },
    /// Images, fields or parameters of which there is no flow.
    #[error("{0}")]
    Input(String),
}

impl Error {
    /// The name does not exist, as opposed to a file that is there and is no good.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// The error for a failed system call on `path`.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            // A part of the name that is a file, not a folder, is a name that does not exist, too.
            std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
                Self::NotFound { path }
            }
            _ => Self::Io { path, source },
        }
    }

    pub(crate) fn format(path: &Path, what: impl Into<String>) -> Self {
        Self::Format { path: path.to_path_buf(), what: what.into() }
    }
}

/// Refuses what is not of one size, `[width, height]` each; `what` says of what that is.
pub(crate) fn same_size(what: &str, [aw, ah]: [usize; 2], [bw, bh]: [usize; 2]) -> Result<()> {
    if (aw, ah) == (bw, bh) {
        return Ok(());
    }
    Err(Error::Input(format!("{what} of one size, not of {aw}x{ah} and {bw}x{bh} pixels")))
}

impl From<Error> for candle::Error {
    fn from(error: Error) -> Self {
        Self::wrap(error)
    }
}
