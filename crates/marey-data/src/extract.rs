//! Flow images of whole videos, as published extractions have them, each video in a folder of its own.
//!
//! A video of N frames becomes N images `img_00001.jpg`, .., N images `flow_x_00001.jpg`, .. and N images `flow_y_00001.jpg`, ..,
//! and `manifest.json` ([`Manifest`]), which is written last. Field n is from frame n to frame n + 1. The last frame has no next
//! one; its field is that of the frame before it, once more, so that there are as many of all three. (The code of temporal
//! segment networks, `dense_flow`, gives N - 1 of each.)
//!
//! The folder is made beside its place and renamed, so it is whole or not there, whenever the process is killed. What a killed
//! process left is removed when the same folder is made again, and not as long as any process makes it, on whatever machine the
//! system's locks reach. (When the power fails the system may lose images of the last minute; the manifest has their SHA-256.)

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use marey_flow::{Quantization, TvL1};
use marey_video::{Frame, FrameSource, Options};

mod config;
mod digest;
mod images;
pub mod manifest;
mod place;
mod whole;

pub(crate) use config::RESIZE;
pub use config::{ExtractConfig, Range, Size, Warped};
pub use digest::Digest;
pub(crate) use images::jpeg;
pub use manifest::{Manifest, Source};
pub(crate) use whole::{Record, taken, whole};

use crate::error::{Error, Result};
use crate::ordered::message;
use images::Images;

/// Makes flow images of videos.
#[derive(Debug, Clone)]
pub struct Extraction {
    config: ExtractConfig,
    tvl1: TvL1,
}

/// What came of a video.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<M = Manifest> {
    /// Its folder was made.
    Made(M),
    /// Its folder was there, of the same content by the same settings.
    There(M),
    /// It was broken off, and nothing is left.
    Stopped,
}

/// How far a video is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Pairs of frames whose flow is there.
    pub done: usize,
    /// All pairs of the video.
    pub pairs: usize,
}

impl Extraction {
    /// By these settings; errors name one that cannot be.
    pub fn new(config: ExtractConfig) -> Result<Self> {
        config.check()?;
        Ok(Self { config, tvl1: TvL1::new(config.tvl1)? })
    }

    /// Its settings.
    pub fn config(&self) -> &ExtractConfig {
        &self.config
    }

    /// Makes `folder` of `video`, on all threads of rayon's current pool. Frames are decoded in one pass, meanwhile and on a thread of
    /// its own; with T threads no more than 4 T + 2 are in memory.
    ///
    /// A folder that is there is left as it is if it was made of the same content by the same settings, and is an error otherwise;
    /// with `redo` it is made anew if it was made here.
    ///
    /// # Errors
    ///
    /// [`Error::Taken`] if there is another folder, [`Error::Busy`] if another process makes it just now, [`Error::TooShort`] of one
    /// frame, and what decoding and writing may give. The folder is then as it was.
    pub fn run(
        &self,
        video: &Path,
        folder: &Path,
        redo: bool,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Outcome> {
        let make = |source: Source, frames: &mut dyn FrameSource, work: &Path| {
            let size = self.config.size.of((source.width, source.height))?;
            let Some(rules) = self.write(video, frames, work, observe)? else { return Ok(None) };
            let (count, files) = (rules.len(), Digest::of(work)?);
            Ok(Some(Manifest::new(source, self.config, count, size, ranges(rules), files)))
        };
        whole(video, folder, redo, &self.config, &Options::default(), make)
    }

    /// Writes all images; what the bytes of each field mean, or nothing if it was broken off.
    fn write(
        &self,
        video: &Path,
        frames: &mut dyn FrameSource,
        folder: &Path,
        observe: &mut dyn FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Option<Vec<[Quantization; 2]>>> {
        let taken = frames.len()?.div_ceil(self.config.every);
        if taken < 2 {
            return Err(Error::TooShort { video: video.to_path_buf(), frames: taken });
        }
        let progress = |done| Progress { done, pairs: taken - 1 };
        let mut images = Images::new(&self.config, &self.tvl1, folder);
        let mut work = |frames: Receiver<Frame>| {
            for frame in frames {
                if observe(progress(images.written())).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
                images.push(frame)?;
            }
            Ok(ControlFlow::Continue(()))
        };
        let every = self.config.every;
        let (sender, receiver) = sync_channel(2 * rayon::current_num_threads());
        let flow = thread::scope(|scope| {
            let decoder = scope.spawn(move || decode(frames, every, &sender));
            // The decoder ends where nobody waits for frames any more.
            let worked = work(receiver);
            let decoded =
                decoder.join().unwrap_or_else(|panic| Err(Error::Panic(message(&*panic))));
            worked.and_then(|flow| decoded.map(|()| flow))
        })?;
        if flow.is_break() {
            return Ok(None);
        }
        let rules = images.finish()?;
        // All is there, so that it is no longer asked whether to go on.
        let _ = observe(progress(taken - 1));
        Ok(Some(rules))
    }
}

/// Sends every so many frames, until nobody takes them.
fn decode(frames: &mut dyn FrameSource, every: usize, to: &SyncSender<Frame>) -> Result<()> {
    let mut number = 0_usize;
    frames.each(&mut |frame| {
        let wanted = number.is_multiple_of(every);
        number += 1;
        match wanted && to.send(frame).is_err() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    Ok(())
}

/// The ranges that bytes cannot be understood without.
fn ranges(rules: Vec<[Quantization; 2]>) -> Option<Vec<[[f32; 2]; 2]>> {
    let range = |rule| match rule {
        Quantization::Range { min, max } => Some([min, max]),
        _ => None,
    };
    rules.into_iter().map(|[x, y]| Some([range(x)?, range(y)?])).collect()
}

#[cfg(test)]
mod tests;
