//! What every video is: a number of frames of one size, to be had by their place in display order.

use std::{ops::ControlFlow, path::Path};

use crate::{Error, Options, Result};

/// One decoded frame.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height * width * 3` bytes: rows from the top, pixels from the left, red, green and blue of 0 to 255.
    pub data: Vec<u8>,
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({}x{}, {} bytes)", self.width, self.height, self.data.len())
    }
}

/// What was found out of a video when it was looked through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The number of frames.
    pub frames: usize,
    /// Width and height of every frame.
    pub size: (u32, u32),
}

/// A video whose frames can be had.
///
/// Index `n` is the n-th displayed frame, from 0, whatever its time stamp: with a variable frame rate the
/// indices do not measure time. Edit lists and rotation marks of the file are applied.
#[allow(clippy::len_without_is_empty, reason = "a video without frames does not open")]
pub trait FrameSource: Send {
    /// The number of frames. Counted once and kept.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::DecoderFailed`] and what reading the file may give.
    fn len(&mut self) -> Result<usize>;

    /// Width and height of every frame, after rotation.
    fn size(&self) -> (u32, u32);

    /// The frames at `wanted`, in the order asked for; any order, repeats allowed. One forward pass over the
    /// video, up to the last wanted frame, and only the wanted frames are kept in memory.
    ///
    /// # Errors
    /// [`Error::FrameOutOfRange`], [`Error::TooLarge`] and what decoding may give.
    fn frames(&mut self, wanted: &[usize]) -> Result<Vec<Frame>>;

    /// Hands all frames to `visit`, in display order, until it breaks: one forward pass over the video, and one frame in memory
    /// at a time, so that [`Options::max_bytes`] is no limit.
    ///
    /// # Errors
    /// Those of [`len`](Self::len) and [`frames`](Self::frames). Frames before the damage were handed out then.
    fn each(&mut self, visit: &mut dyn FnMut(Frame) -> ControlFlow<()>) -> Result<()> {
        // As good as one pass where a frame is found by its place; who has to decode those before it does otherwise.
        for index in 0..self.len()? {
            if self.frames(&[index])?.into_iter().try_for_each(&mut *visit).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// What decodes it: this crate or the `ffmpeg` program, by name and version.
    ///
    /// # Errors
    /// If the program does not tell its version.
    fn decoder(&self) -> Result<String> {
        Ok(concat!("marey-video ", env!("CARGO_PKG_VERSION")).to_string())
    }

    /// Frames per second as the file states them; `None` where it states nothing (a folder, a still).
    fn fps(&self) -> Option<f64> {
        None
    }

    /// All frames in display order.
    ///
    /// # Errors
    /// Those of [`len`](Self::len) and [`frames`](Self::frames).
    fn all(&mut self) -> Result<Vec<Frame>> {
        let wanted: Vec<usize> = (0..self.len()?).collect();
        self.frames(&wanted)
    }
}

/// A checked wish for frames: what to decode in one pass, and how to answer in the order asked for.
pub(crate) struct Wanted {
    asked: Vec<usize>,
    sorted: Vec<usize>,
}

impl Wanted {
    /// Refuses indices past `len` and answers over the limit, before anything is decoded.
    pub(crate) fn new(
        path: &Path,
        asked: &[usize],
        len: usize,
        size: (u32, u32),
        options: &Options,
    ) -> Result<Self> {
        if let Some(&index) = asked.iter().find(|&&index| index >= len) {
            return Err(Error::FrameOutOfRange { path: path.to_path_buf(), index, len });
        }
        options.check_answer(path, asked.len(), size)?;
        let mut sorted = asked.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        Ok(Self { asked: asked.to_vec(), sorted })
    }

    /// The different indices, ascending.
    pub(crate) fn sorted(&self) -> &[usize] {
        &self.sorted
    }

    /// The answer from a `walk` that hands out the frames of a list of ascending indices.
    pub(crate) fn collect(
        self,
        walk: impl FnOnce(&[usize], &mut dyn FnMut(Frame) -> ControlFlow<()>) -> Result<()>,
    ) -> Result<Vec<Frame>> {
        let mut frames = Vec::with_capacity(self.sorted.len());
        walk(&self.sorted, &mut |frame| {
            frames.push(frame);
            ControlFlow::Continue(())
        })?;
        Ok(self.answer(frames))
    }

    /// From the frames at [`sorted`](Self::sorted) to those asked for; a frame is copied only for its repeats.
    pub(crate) fn answer(self, frames: Vec<Frame>) -> Vec<Frame> {
        debug_assert_eq!(frames.len(), self.sorted.len());
        let places: Vec<usize> =
            self.asked.iter().map(|index| self.sorted.partition_point(|i| i < index)).collect();
        let mut uses = vec![0_usize; frames.len()];
        places.iter().for_each(|&place| uses[place] += 1);
        let mut frames: Vec<Option<Frame>> = frames.into_iter().map(Some).collect();
        let mut take = |place: usize| {
            uses[place] -= 1;
            if uses[place] == 0 { frames[place].take() } else { frames[place].clone() }
        };
        places.into_iter().filter_map(&mut take).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_in_the_order_asked_with_repeats() {
        let (path, options) = (Path::new("v"), Options::default());
        let wanted = Wanted::new(path, &[4, 0, 4, 2, 0], 5, (1, 1), &options).unwrap();
        assert_eq!(wanted.sorted(), [0, 2, 4]);
        let frames = [0, 2, 4].map(|v| Frame { width: 1, height: 1, data: vec![v; 3] });
        let values: Vec<u8> =
            wanted.answer(frames.to_vec()).iter().map(|frame| frame.data[0]).collect();
        assert_eq!(values, [4, 0, 4, 2, 0]);
    }

    #[test]
    fn refuses_before_decoding() {
        let path = Path::new("v");
        let options = Options { max_bytes: 11, ..Options::default() };
        let error = Wanted::new(path, &[1, 5], 5, (1, 1), &options).err().unwrap();
        assert!(matches!(error, Error::FrameOutOfRange { index: 5, len: 5, .. }), "{error}");
        let error = Wanted::new(path, &[0, 0], 5, (2, 1), &options).err().unwrap();
        assert!(matches!(error, Error::TooLarge { got: 12, limit: 11, .. }), "{error}");
    }
}
