//! How to decode: strictness, patience and limits.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Error, Result};

/// How [`open`](crate::open) and the source it gives behave.
///
/// ```
/// use marey_video::Options;
/// let options = Options { lenient: true, ..Options::default() };
/// assert_eq!(options.threads, 1);
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Take the frames that can be had of a truncated or damaged file, instead of an error. Off by default.
    pub lenient: bool,
    /// The longest wait for one frame (or, where frames are skipped, for 64 of them) from a decoder that is a
    /// program of its own; it is killed then. 30 s by default.
    pub timeout: Duration,
    /// Largest width times height of a frame. 2^26 by default (8192 x 8192).
    pub max_pixels: u64,
    /// Largest number of frames of a video. 2^20 by default (almost ten hours at 30 frames/s).
    pub max_frames: usize,
    /// Largest answer of one call of [`frames`](crate::FrameSource::frames), in bytes. 4 GiB by default.
    pub max_bytes: u64,
    /// Threads of one decoder; 0 leaves it to the decoder. 1 by default: those who decode many videos run many
    /// decoders.
    pub threads: usize,
    /// The `ffmpeg` program; `None` searches `PATH`.
    pub ffmpeg: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            lenient: false,
            timeout: Duration::from_secs(30),
            max_pixels: 1 << 26,
            max_frames: 1 << 20,
            max_bytes: 4 << 30,
            threads: 1,
            ffmpeg: None,
        }
    }
}

impl Options {
    /// Refuses a frame of no area or of too much.
    pub(crate) fn check_size(&self, path: &Path, (width, height): (u32, u32)) -> Result<()> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 {
            return Err(Error::decoder(path, format!("frames of {width}x{height} have no pixels")));
        }
        self.limit(path, "pixels in a frame", pixels, self.max_pixels)
    }

    pub(crate) fn check_frames(&self, path: &Path, frames: usize) -> Result<()> {
        self.limit(path, "frames", frames as u64, self.max_frames as u64)
    }

    pub(crate) fn check_answer(&self, path: &Path, frames: usize, size: (u32, u32)) -> Result<()> {
        let bytes =
            (u64::from(size.0) * u64::from(size.1)).saturating_mul(3).saturating_mul(frames as u64);
        self.limit(path, "bytes of frames asked for at once", bytes, self.max_bytes)
    }

    fn limit(&self, path: &Path, what: &'static str, got: u64, limit: u64) -> Result<()> {
        if got > limit {
            return Err(Error::TooLarge { path: path.to_path_buf(), what, got, limit });
        }
        Ok(())
    }
}
