//! Sampling frames in time.

use candle::{Result, bail};
use rand::Rng;

/// The frames of one clip: `length` of them, `stride` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Frames in the clip, at least 1.
    pub length: usize,
    /// Frames from one to the next, at least 1.
    pub stride: usize,
}

/// What stands in for the frames that a video is too short to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Short {
    /// The video is played again from its start, as for I3D (Carreira and Zisserman 2017).
    #[default]
    Loop,
    /// Its last frame stands still.
    RepeatLast,
}

/// Which clips of a video are taken.
///
/// `Center` and `Uniform` treat time symmetrically: of a video long enough for the window, clip
/// `j` of `n` played backwards is clip `n - 1 - j` of the video played backwards. The one
/// exception is a middle clip (`Center`, or an odd `n`) that cannot lie in the middle because
/// an odd number of frames is left over; it then lies half a frame early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClipSampler {
    /// One clip from anywhere.
    Random(Window),
    /// One clip from anywhere, whose frames are so far apart as is drawn from `from` to `to`: jitter in time.
    RandomStride {
        /// Frames in the clip.
        length: usize,
        /// The least distance of two frames, at least 1.
        from: usize,
        /// The largest; a video too short for it is seen at the largest that it has frames for, but not below `from`.
        to: usize,
    },
    /// One clip from the middle.
    Center(Window),
    /// So many clips, evenly spaced from the first frame to the last; one lies in the middle.
    Uniform(Window, usize),
    /// A clip every `step` frames from the first; if frames remain at the end, one more that
    /// ends with the last frame.
    ///
    /// C3D's features: 16 frames every 8 (Tran et al. 2015, section 3.2); LRCN's test is the same.
    Dense {
        /// The frames of a clip.
        window: Window,
        /// From the start of one clip to the start of the next, at least 1.
        step: usize,
    },
    /// One clip of one snippet from each of `segments` equal parts of the video, one after
    /// another (Temporal Segment Networks, Wang et al. 2016): `segments x length` frames.
    ///
    /// Segment `i` of `n` possible starts has those from `i n / segments` to
    /// `(i + 1) n / segments`; the middle is `floor((2 i + 1) n / (2 segments))`, as in the
    /// authors' PyTorch code. A video with fewer starts than segments gives some twice.
    Segments {
        /// Parts of the video, at least 1.
        segments: usize,
        /// Consecutive frames in a snippet: 1 for RGB, 5 for flow.
        length: usize,
        /// A snippet from anywhere in its segment (training), not from the middle (testing).
        random: bool,
    },
    /// One clip of every frame.
    All,
}

impl ClipSampler {
    /// The frame numbers of each clip, of a video of `frames` frames; a short video is looped.
    ///
    /// # Errors
    ///
    /// If the video has no frame, or a number of the sampler that must be positive is zero.
    pub fn sample(&self, frames: usize, rng: &mut impl Rng) -> Result<Vec<Vec<usize>>> {
        self.sample_short(frames, Short::Loop, rng)
    }

    /// [`sample`](Self::sample) with a choice of what to do with a short video.
    ///
    /// # Errors
    ///
    /// As [`sample`](Self::sample).
    pub fn sample_short(
        &self,
        frames: usize,
        short: Short,
        rng: &mut impl Rng,
    ) -> Result<Vec<Vec<usize>>> {
        self.check(frames)?;
        let window = self.window(frames);
        let slack = window.slack(frames);
        let clip = |start: usize| window.frames(start, frames, short);
        Ok(match *self {
            Self::Random(_) => vec![clip(rng.random_range(0..=slack))],
            Self::RandomStride { length, from, to } => {
                let most = frames.saturating_sub(1) / length.saturating_sub(1).max(1);
                let stride = rng.random_range(from..=to.min(most).max(from));
                let window = Window { length, stride };
                vec![window.frames(rng.random_range(0..=window.slack(frames)), frames, short)]
            }
            Self::Center(_) => vec![clip(slack / 2)],
            Self::Uniform(_, clips) => evenly(slack, clips).map(clip).collect(),
            Self::Dense { step, .. } => {
                // The flush one is there already when the steps end on it.
                let rest = (!slack.is_multiple_of(step)).then_some(slack);
                (0..=slack).step_by(step).chain(rest).map(clip).collect()
            }
            Self::Segments { segments, random, .. } => {
                let starts = slack + 1;
                let start = |i: usize| {
                    let (from, to) = (i * starts / segments, (i + 1) * starts / segments);
                    match random {
                        true if from < to => rng.random_range(from..to),
                        true => from,
                        false => (2 * i + 1) * starts / (2 * segments),
                    }
                };
                vec![(0..segments).map(start).flat_map(clip).collect()]
            }
            Self::All => vec![clip(0)],
        })
    }

    /// How many clips [`sample`](Self::sample) gives of a video of `frames` frames.
    pub fn clips(&self, frames: usize) -> usize {
        match *self {
            Self::Uniform(_, clips) => clips,
            Self::Dense { window, step } => window.slack(frames).div_ceil(step.max(1)) + 1,
            _ => 1,
        }
    }

    fn window(&self, frames: usize) -> Window {
        match *self {
            Self::Random(window) | Self::Center(window) | Self::Uniform(window, _) => window,
            Self::Dense { window, .. } => window,
            Self::RandomStride { length, from, .. } => Window { length, stride: from },
            Self::Segments { length, .. } => Window { length, stride: 1 },
            Self::All => Window { length: frames, stride: 1 },
        }
    }

    fn check(&self, frames: usize) -> Result<()> {
        if frames == 0 {
            bail!("sampler: a video without frames")
        }
        let Window { length, stride } = self.window(frames);
        let count = match *self {
            Self::Uniform(_, clips) => clips,
            Self::Dense { step, .. } => step,
            Self::Segments { segments, .. } => segments,
            _ => 1,
        };
        if length == 0 || stride == 0 || count == 0 {
            bail!("sampler: a length, stride, step or count of zero in {self:?}")
        }
        Ok(())
    }
}

/// `clips` starts from 0 to `slack`, symmetric about the middle.
fn evenly(slack: usize, clips: usize) -> impl Iterator<Item = usize> {
    // Dividing in the first half only and mirroring it keeps the rounding symmetric.
    let early = move |j: usize| slack * j / (clips - 1);
    (0..clips).map(move |j| match (2 * j + 1).cmp(&clips) {
        std::cmp::Ordering::Less => early(j),
        std::cmp::Ordering::Equal => slack / 2,
        std::cmp::Ordering::Greater => slack - early(clips - 1 - j),
    })
}

impl Window {
    /// The last frame a window may start at; 0 where the video is too short.
    fn slack(self, frames: usize) -> usize {
        frames.saturating_sub(self.length.saturating_sub(1).saturating_mul(self.stride) + 1)
    }

    fn frames(self, start: usize, frames: usize, short: Short) -> Vec<usize> {
        let at = |i: usize| start + i * self.stride;
        match short {
            Short::Loop => (0..self.length).map(|i| at(i) % frames).collect(),
            Short::RepeatLast => (0..self.length).map(|i| at(i).min(frames - 1)).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
