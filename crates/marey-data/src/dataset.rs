//! What a dataset is.

use marey_clip::Clip;

use crate::error::Result;

/// Videos with labels.
pub trait Dataset: Send + Sync {
    /// Number of videos.
    fn len(&self) -> usize;

    /// Whether there is no video.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the classes; a label is a number of one of them.
    fn classes(&self) -> &[String];

    /// The class of video `index`.
    ///
    /// # Panics
    ///
    /// This and the methods below may panic where `index` is not below [`len`](Self::len).
    fn label(&self, index: usize) -> u32;

    /// What video `index` is called, in messages and tables.
    fn name(&self, index: usize) -> String;

    /// Frames in video `index`.
    ///
    /// # Errors
    ///
    /// If the video cannot be read.
    fn num_frames(&self, index: usize) -> Result<usize>;

    /// Frames `which` of video `index`, in that order: RGB in `[0, 1]`, `[3, T, H, W]`.
    ///
    /// # Errors
    ///
    /// If the video cannot be read, `which` is empty or a frame is beyond its end.
    fn frames(&self, index: usize, which: &[usize]) -> Result<Clip>;

    /// The flow from each of the frames `which` of video `index` to the next, where it was found before: in pixels,
    /// `[2, T, H, W]`, perhaps of another size than the frames. Nothing where it is to be found between frames.
    ///
    /// # Errors
    ///
    /// If it cannot be read, `which` is empty or a frame is beyond the video's end.
    fn flow(&self, _index: usize, _which: &[usize]) -> Result<Option<Clip>> {
        Ok(None)
    }
}

/// Which part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subset {
    /// To learn from.
    Train,
    /// To be judged by.
    Test,
}

impl std::fmt::Display for Subset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}
