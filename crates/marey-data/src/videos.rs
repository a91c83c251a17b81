//! Every video of a dataset once, with all its clips.

use candle::Tensor;

use crate::error::Result;
use crate::ordered::Ordered;
use crate::skipped::Record;

/// All clips of one video.
#[derive(Debug, Clone)]
pub struct Video {
    /// `[n, C, T, H, W]`.
    pub clips: Tensor,
    /// The class.
    pub label: u32,
    /// The number of the video in the dataset.
    pub index: usize,
}

/// The videos of a [`Loader`](crate::Loader).
pub struct Videos {
    pub(crate) ordered: Ordered<Video>,
    pub(crate) next: u64,
    pub(crate) len: u64,
    /// Where videos are left out, not handed on as errors.
    pub(crate) skipped: Option<Record>,
}

impl Iterator for Videos {
    type Item = Result<Video>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.len {
            let (index, video) = (self.next as usize, self.ordered.next());
            self.next += 1;
            let video = match &self.skipped {
                None => Some(video),
                Some(skipped) => skipped.pass(index, video).transpose(),
            };
            if video.is_some() {
                return video;
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.len - self.next) as usize;
        (if self.skipped.is_some() { 0 } else { left }, Some(left))
    }
}
