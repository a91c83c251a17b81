//! The folder of a video's images: whole, or not there, or there already.

use std::path::{Path, PathBuf};

use marey_video::{FrameSource, Options, sniff};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::manifest::{self, Source};
use super::place::Place;
use super::{Digest, Outcome};
use crate::error::{Error, Result};

/// What stands in `manifest.json`.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// All that another run has to agree on.
    type Settings: Serialize;
    /// What the images were made of.
    fn made_of(&self) -> &Source;
    /// How they were made.
    fn made_by(&self) -> &Self::Settings;
}

/// Has `make` fill `folder` with what it makes of `video`, unless it was made of the same content by the same settings; made
/// otherwise it is an error, or with `redo` made anew if it was made here. `make` gives nothing where it was broken off.
pub(crate) fn whole<R: Record>(
    video: &Path,
    folder: &Path,
    redo: bool,
    settings: &R::Settings,
    options: &Options,
    make: impl FnOnce(Source, &mut dyn FrameSource, &Path) -> Result<Option<R>>,
) -> Result<Outcome<R>> {
    let kind = sniff(video)?.to_string();
    let place = Place::claim(folder)?;
    let there: Option<R> = there(folder, redo)?;
    let digest = Digest::of(video)?;
    if let Some(there) = there {
        let differences = manifest::differences(&there, &digest, settings);
        if differences.is_empty() {
            return Ok(Outcome::There(there));
        }
        if !redo {
            return Err(taken(folder, format!("made otherwise: {}", differences.join("; "))));
        }
    }
    let mut frames = marey_video::open(video, options)?;
    let source = Source::of(video, digest, kind, &mut *frames)?;
    place.begin()?;
    let Some(manifest) = make(source, &mut *frames, &place.work)? else {
        return Ok(Outcome::Stopped);
    };
    manifest::write(&manifest, &place.work)?;
    place.finish()?;
    Ok(Outcome::Made(manifest))
}

/// The manifest of `folder`, if it is there and can be compared.
fn there<R: Record>(folder: &Path, redo: bool) -> Result<Option<R>> {
    let is_empty = |folder: &Path| {
        let mut entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, e))?;
        Ok::<_, Error>(entries.next().is_none())
    };
    match manifest::read(folder) {
        Ok(None) if folder.exists() && !(folder.is_dir() && is_empty(folder)?) => Err(taken(
            folder,
            format!("not made here, for it has no {}; it is left as it is", manifest::NAME),
        )),
        // What cannot be read is a manifest all the same.
        Err(Error::Taken { .. }) if redo => Ok(None),
        read => read,
    }
}

pub(crate) fn taken(folder: &Path, what: String) -> Error {
    Error::Taken { folder: PathBuf::from(folder), what }
}
