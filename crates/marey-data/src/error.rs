//! What can go wrong with data.

use std::path::{Path, PathBuf};

/// What can go wrong with data.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something of a dataset is nowhere it may be.
    #[error("not found: {what}; looked for {}", list(.expected))]
    NotFound {
        /// What is missing.
        what: String,
        /// Every place it would have been taken from.
        expected: Vec<PathBuf>,
    },
    /// A line of a list is not what it should be.
    #[error("{path}:{line}: expected {expected}, got `{text}`")]
    Split {
        /// The list.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What should stand there.
        expected: String,
        /// What stands there.
        text: String,
    },
    /// A setting that makes no sense.
    #[error("{0}")]
    Config(String),
    /// A frame is wanted that a video does not have.
    #[error("video `{video}` has {frames} frames; number {frame}, counted from 0, is wanted")]
    NoSuchFrame {
        /// Its name.
        video: String,
        /// The frame, from 0.
        frame: usize,
        /// Frames of the video.
        frames: usize,
    },
    /// A video of a dataset could not become a clip.
    #[error("video `{video}`: {source}")]
    Sample {
        /// Its name.
        video: String,
        /// Why.
        source: Box<Error>,
    },
    /// What a loader ran for a video panicked.
    #[error("panic: {0}")]
    Panic(String),
    /// A video file could not be decoded.
    #[error(transparent)]
    Video(#[from] marey_video::Error),
    /// A video was found to be no good before.
    #[error("{cause}")]
    Unreadable {
        /// Why, with its file.
        cause: String,
    },
    /// An image could not be written.
    #[error("{path}: {source}")]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        source: image::ImageError,
    },
    /// Flow could not be found, or its images not be written.
    #[error(transparent)]
    Flow(#[from] marey_flow::Error),
    /// A video has no two frames.
    #[error("{video}: flow is from one frame to the next, and it has {frames}")]
    TooShort {
        /// The file.
        video: PathBuf,
        /// The frames that were to be taken of it.
        frames: usize,
    },
    /// Where something was to be written there is something else.
    #[error("{folder}: {what}")]
    Taken {
        /// What is there.
        folder: PathBuf,
        /// In what it is not what it should be.
        what: String,
    },
    /// Another process is making it just now.
    #[error("{folder}: another process is making it just now")]
    Busy {
        /// What is made.
        folder: PathBuf,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle::Error),
}

impl Error {
    /// A video is no good, and to read it again would not help ([`marey_video::Error::is_damage`]).
    #[must_use]
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Video(error) => error.is_damage(),
            Self::Sample { source, .. } => source.is_damage(),
            Self::Unreadable { .. } => true,
            _ => false,
        }
    }

    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
