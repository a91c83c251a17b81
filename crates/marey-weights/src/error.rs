//! What can go wrong with a checkpoint, always with the file and the cause.

use std::path::{Path, PathBuf};

use crate::account::Account;

/// Why a checkpoint was not read, not written, or does not fit a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such file.
    #[error("{}: no such file or folder", path.display())]
    NotFound {
        /// The file asked for.
        path: PathBuf,
    },
    /// The operating system refused to read or write.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file being read or written.
        path: PathBuf,
        /// The system's own reason.
        source: std::io::Error,
    },
    /// The first bytes are those of no format known here.
    #[error(
        "{}: no checkpoint known here (it starts with {start}); wanted safetensors, a PyTorch .pth, \
         a NumPy .npy or .npz, a pickle of arrays, or a .tar.gz holding one .ckpt",
        path.display()
    )]
    Unknown {
        /// The file read.
        path: PathBuf,
        /// Its first bytes, in hexadecimal.
        start: String,
    },
    /// A known format in a variant that is not read.
    #[error("{}: {what}", path.display())]
    Unsupported {
        /// The file read.
        path: PathBuf,
        /// What was met, and what to do about it.
        what: String,
    },
    /// A pickle names something that is neither an array nor a plain container.
    #[error("{}: refuses `{global}`: a checkpoint holds arrays and plain containers only", path.display())]
    Refused {
        /// The file read.
        path: PathBuf,
        /// The Python name, such as `os.system`.
        global: String,
    },
    /// The bytes contradict their own format, or end too early.
    #[error("{}: corrupt: {what}", path.display())]
    Corrupt {
        /// The file read.
        path: PathBuf,
        /// What was met, what was wanted, and where.
        what: String,
    },
    /// The contents would take more memory than a file of this size justifies.
    #[error("{}: too large: {what}", path.display())]
    TooLarge {
        /// The file read.
        path: PathBuf,
        /// The bound that was met.
        what: String,
    },
    /// A tensor whose fields contradict one another, or axes that are no permutation.
    #[error("{0}")]
    Tensor(String),
    /// The checkpoint lacks tensors the network wants, or has them in other shapes.
    #[error("the checkpoint does not fit: {0}")]
    Incomplete(Box<Account>),
}

impl Error {
    /// Attaches the file to an error of the operating system, telling a missing file apart.
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            std::io::ErrorKind::NotFound => Self::NotFound { path },
            _ => Self::Io { path, source },
        }
    }
}

/// A cause before the file is known: what the readers of bytes return.
#[derive(Debug)]
pub(crate) enum Fault {
    Corrupt(String),
    Refused(String),
    TooLarge(String),
    Unknown(String),
    Unsupported(String),
}

/// The result of reading bytes.
pub(crate) type Outcome<T> = Result<T, Fault>;

impl Fault {
    /// Attaches the file.
    pub(crate) fn of(self, path: &Path) -> Error {
        let path = path.to_path_buf();
        match self {
            Self::Corrupt(what) => Error::Corrupt { path, what },
            Self::Refused(global) => Error::Refused { path, global },
            Self::TooLarge(what) => Error::TooLarge { path, what },
            Self::Unknown(start) => Error::Unknown { path, start },
            Self::Unsupported(what) => Error::Unsupported { path, what },
        }
    }

    /// Says where, for every cause that is a sentence.
    pub(crate) fn within(self, place: &str) -> Self {
        match self {
            Self::Corrupt(what) => Self::Corrupt(format!("{place}: {what}")),
            Self::TooLarge(what) => Self::TooLarge(format!("{place}: {what}")),
            Self::Unsupported(what) => Self::Unsupported(format!("{place}: {what}")),
            other => other,
        }
    }
}

/// A [`Fault::Corrupt`].
pub(crate) fn corrupt(what: impl Into<String>) -> Fault {
    Fault::Corrupt(what.into())
}

/// A [`Fault::Unsupported`].
pub(crate) fn unsupported(what: impl Into<String>) -> Fault {
    Fault::Unsupported(what.into())
}

/// A [`Fault::TooLarge`].
pub(crate) fn too_large(what: impl Into<String>) -> Fault {
    Fault::TooLarge(what.into())
}
