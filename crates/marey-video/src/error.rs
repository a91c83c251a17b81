//! Why a video gave no frames: one type, every variant with the file it is about.

use std::{fmt, io, path::PathBuf, time::Duration};

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong with a video, and with which.
///
/// No variant stands for frames that were left out or replaced: where frames are missing there is an error,
/// unless [`Options::lenient`](crate::Options::lenient) asked to take what is there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing has this name.
    #[error("{}: no such file or folder", .path.display())]
    NotFound {
        /// The name asked for.
        path: PathBuf,
    },
    /// The system refused to read it.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's own error.
        source: io::Error,
    },
    /// The content is not a video: a text file, an empty file, a folder without images, a device.
    #[error("{}: not a video: {why}", .path.display())]
    NotAVideo {
        /// The file or folder.
        path: PathBuf,
        /// What was met instead; for a file, how its first bytes read.
        why: String,
    },
    /// A media file without moving pictures (sound only, or a cover image only).
    #[error("{}: {kind} without a video track", .path.display())]
    NoVideoTrack {
        /// The file.
        path: PathBuf,
        /// What the file is.
        kind: String,
    },
    /// A video that can be had only with a program or a codec that is not installed.
    #[error("{}: {codec} cannot be decoded: {hint}", .path.display())]
    UnsupportedCodec {
        /// The file.
        path: PathBuf,
        /// The codec and its container, as in "H.264 in MP4".
        codec: String,
        /// What to install.
        hint: String,
    },
    /// Frames or bytes that the file itself announces are missing at its end.
    #[error("{}: truncated: {}", .path.display(), shortfall(*.got, *.expected, *.unit))]
    Truncated {
        /// The file.
        path: PathBuf,
        /// How much is there.
        got: u64,
        /// How much the file says there is, where it says so.
        expected: Option<u64>,
        /// What `got` and `expected` count.
        unit: Unit,
    },
    /// The decoder met damage, or failed for a reason of its own.
    #[error("{}: the decoder failed: {message}", .path.display())]
    DecoderFailed {
        /// The file.
        path: PathBuf,
        /// The decoder's own last line.
        message: String,
    },
    /// The decoder was silent for too long and was killed.
    #[error("{}: the decoder gave nothing for {} s", .path.display(), .after.as_secs_f64())]
    TimedOut {
        /// The file.
        path: PathBuf,
        /// The longest wait for one frame.
        after: Duration,
    },
    /// A size the file declares, or the answer asked for, is over a limit of [`Options`](crate::Options).
    #[error("{}: {got} {what}, and the limit is {limit}", .path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is counted, as in "pixels in a frame".
        what: &'static str,
        /// How many there would be.
        got: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// A frame past the end was asked for.
    #[error("{}: frame {index} was asked for, and there are {len}", .path.display())]
    FrameOutOfRange {
        /// The file.
        path: PathBuf,
        /// The index asked for, from 0.
        index: usize,
        /// The number of frames.
        len: usize,
    },
    /// A frame is not of the size of the first one.
    #[error("{}: frame {index} is {}x{}, and the first is {}x{}", .path.display(), .got.0, .got.1, .expected.0, .expected.1)]
    FrameSize {
        /// The file (in a folder, the image).
        path: PathBuf,
        /// Which frame, from 0.
        index: usize,
        /// Its width and height.
        got: (u32, u32),
        /// Width and height of the video.
        expected: (u32, u32),
    },
}

/// What [`Error::Truncated`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Video frames.
    Frames,
    /// Bytes of the file.
    Bytes,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Frames => "frames",
            Self::Bytes => "bytes",
        })
    }
}

fn shortfall(got: u64, expected: Option<u64>, unit: Unit) -> String {
    match expected {
        Some(expected) => format!("{got} of {expected} {unit} are there"),
        None => format!("it ends after {got} {unit}, before its end mark"),
    }
}

impl Error {
    /// The name does not exist, as opposed to a file that is there and is no good.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// The file itself is no good, and to read it again or elsewhere would not help; as opposed to a program that is
    /// missing, a disk that fails, and a wish that cannot be met.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::NotAVideo { .. }
                | Self::NoVideoTrack { .. }
                | Self::Truncated { .. }
                | Self::DecoderFailed { .. }
                | Self::FrameSize { .. }
        )
    }

    /// The file or folder the error is about.
    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        match self {
            Self::NotFound { path }
            | Self::Io { path, .. }
            | Self::NotAVideo { path, .. }
            | Self::NoVideoTrack { path, .. }
            | Self::UnsupportedCodec { path, .. }
            | Self::Truncated { path, .. }
            | Self::DecoderFailed { path, .. }
            | Self::TimedOut { path, .. }
            | Self::TooLarge { path, .. }
            | Self::FrameOutOfRange { path, .. }
            | Self::FrameSize { path, .. } => path,
        }
    }

    /// The error for a failed system call on `path`.
    pub(crate) fn io(path: &std::path::Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        // A part of the name that is a file, not a folder, is a name that does not exist, too.
        match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NotFound { path },
            _ => Self::Io { path, source },
        }
    }

    pub(crate) fn decoder(path: &std::path::Path, message: impl Into<String>) -> Self {
        Self::DecoderFailed { path: path.to_path_buf(), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_file_and_the_numbers() {
        let path = PathBuf::from("a.mp4");
        let error =
            Error::Truncated { path: path.clone(), got: 3, expected: Some(9), unit: Unit::Frames };
        assert_eq!(error.to_string(), "a.mp4: truncated: 3 of 9 frames are there");
        let error =
            Error::Truncated { path: path.clone(), got: 3, expected: None, unit: Unit::Bytes };
        assert_eq!(
            error.to_string(),
            "a.mp4: truncated: it ends after 3 bytes, before its end mark"
        );
        let error = Error::io(&path, io::ErrorKind::NotFound.into());
        assert!(error.is_not_found() && error.path() == path);
        assert!(!Error::io(&path, io::ErrorKind::PermissionDenied.into()).is_not_found());
    }
}
