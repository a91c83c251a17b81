//! Frames of whole videos as JPEG images, decoded and resized once, so that training only has to read them.
//!
//! A video becomes a folder of `img_00001.jpg`, .. and `manifest.json` ([`Frames`]), which is whole or not there, as that of an
//! [`Extraction`](crate::Extraction); or a part of a shard ([`shards`](crate::shards)).

use std::ops::ControlFlow;
use std::path::Path;

use marey_video::{FrameSource, Options};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::extract::manifest::FORMAT;
use crate::extract::{Digest, Outcome, RESIZE, Record, Size, Source, jpeg, whole};

/// How frames become images: all that a second run has to agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrepareConfig {
    /// Size of the images; that of the video by default.
    pub size: Size,
    /// Quality of the JPEGs, 1 to 100; 95 by default.
    pub quality: u8,
}

impl Default for PrepareConfig {
    fn default() -> Self {
        Self { size: Size::Source, quality: 95 }
    }
}

/// The manifest: what the images beside it were made of, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frames {
    /// The version of the manifest itself.
    pub format: u32,
    /// The version of marey.
    pub marey: String,
    /// The video.
    pub source: Source,
    /// All that another run has to agree on.
    pub settings: PrepareConfig,
    /// How frames came to another size.
    pub resize: String,
    /// How many images there are.
    pub frames: usize,
    /// Width of all images.
    pub width: u32,
    /// Height of all images.
    pub height: u32,
    /// All images together.
    pub files: Digest,
}

impl Record for Frames {
    type Settings = PrepareConfig;

    fn made_of(&self) -> &Source {
        &self.source
    }

    fn made_by(&self) -> &PrepareConfig {
        &self.settings
    }
}

/// Makes `folder` of `video`. What is there of the same content by the same settings is left as it is; anything else is an error,
/// or with `redo` made anew if it was made here.
///
/// # Errors
///
/// [`Error::Taken`] if there is another folder, [`Error::Busy`] if another process makes it just now, [`Error::Config`] for settings
/// that cannot be, and what decoding and writing may give. The folder is then as it was.
pub fn prepare(
    video: &Path,
    folder: &Path,
    config: &PrepareConfig,
    options: &Options,
    redo: bool,
) -> Result<Outcome<Frames>> {
    config.check()?;
    whole(video, folder, redo, config, options, |source, video, work| {
        let (width, height) = config.size.of((source.width, source.height))?;
        let frames = config.images(video, |name, bytes| {
            let path = work.join(name);
            std::fs::write(&path, bytes).map_err(|e| Error::io(&path, e))
        })?;
        let (marey, resize) = (env!("CARGO_PKG_VERSION").into(), RESIZE.into());
        let files = Digest::of(work)?;
        let settings = *config;
        let format = FORMAT;
        Ok(Some(Frames { format, marey, source, settings, resize, frames, width, height, files }))
    })
}

impl PrepareConfig {
    /// Refuses what no images can be made by.
    pub(crate) fn check(&self) -> Result<()> {
        if !(1..=100).contains(&self.quality) {
            let quality = self.quality;
            return Err(Error::Config(format!("the quality of a JPEG is 1 to 100, not {quality}")));
        }
        self.size.of((1, 1)).map(drop)
    }

    /// Hands the images of `video` to `take`, each with its name; how many there were.
    pub(crate) fn images(
        &self,
        video: &mut dyn FrameSource,
        mut take: impl FnMut(&str, Vec<u8>) -> Result<()>,
    ) -> Result<usize> {
        let (mut taken, mut result) = (0, Ok(()));
        video.each(&mut |frame| {
            taken += 1;
            let name = format!("img_{taken:05}.jpg");
            let image = self.size.bring(frame);
            result = image
                .and_then(|frame| jpeg(&frame, self.quality, Path::new(&name)))
                .and_then(|bytes| take(&name, bytes));
            if result.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        result.map(|()| taken)
    }
}
