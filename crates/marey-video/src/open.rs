//! From a name to a source of frames.

use std::path::Path;

use crate::{
    FrameSource, Known, Options, Result,
    ffmpeg::Ffmpeg,
    gif::Gif,
    images::Images,
    mjpeg::MotionJpeg,
    sniff::{Container, Kind, examine},
    y4m::Y4m,
};

/// Opens a video, by its content and not by its name: a folder of JPEG or PNG images, an image, a GIF, Motion
/// JPEG and y4m by themselves, all else through the `ffmpeg` program.
///
/// The whole of a file is looked through here, once: its frames are counted, and unless
/// [`Options::lenient`] a file that is cut off or damaged is refused. Videos that need ffmpeg are decoded for
/// that (without conversion to RGB).
///
/// # Errors
/// Every one of [`Error`](crate::Error) that a file can give.
pub fn open(path: impl AsRef<Path>, options: &Options) -> Result<Box<dyn FrameSource>> {
    find(path.as_ref(), None, options)
}

/// The same of a file that [`open`] looked through before and that has not changed since: ffmpeg does not count its frames
/// once more, and no image of a folder is decoded for its size. Other files are looked through all the same.
///
/// Where `known` is wrong, frames are errors that say so.
///
/// # Errors
/// Those of [`open`].
pub fn open_known(
    path: impl AsRef<Path>,
    known: Known,
    options: &Options,
) -> Result<Box<dyn FrameSource>> {
    let path = path.as_ref();
    options.check_size(path, known.size)?;
    options.check_frames(path, known.frames)?;
    find(path, Some(known), options)
}

/// A video whose frames are JPEG images at `places` of a file: offset and length of each, in bytes.
///
/// # Errors
/// If there is no such file, it ends before the first image, or that is none.
pub fn open_jpegs(
    path: impl AsRef<Path>,
    places: Vec<(u64, u64)>,
    options: &Options,
) -> Result<Box<dyn FrameSource>> {
    Ok(Box::new(MotionJpeg::at(path.as_ref(), places, options)?))
}

fn find(path: &Path, known: Option<Known>, options: &Options) -> Result<Box<dyn FrameSource>> {
    let (kind, facts) = examine(path)?;
    let native: Option<Box<dyn FrameSource>> = match kind.container {
        Container::Folder => Some(Box::new(Images::folder(path, known, options)?)),
        Container::Jpeg | Container::Png => Some(Box::new(Images::single(path, options)?)),
        Container::Gif => Some(Box::new(Gif::open(path, options)?)),
        Container::MotionJpeg => Some(Box::new(MotionJpeg::stream(path, options)?)),
        Container::Y4m => Y4m::open(path, options)?.map(|source| Box::new(source) as _),
        Container::Avi if is_motion_jpeg(&kind) => {
            MotionJpeg::avi(path, &facts, options)?.map(|source| Box::new(source) as _)
        }
        _ => None,
    };
    if let Some(source) = native {
        return Ok(source);
    }
    if let (Some(shortfall), false) = (facts.shortfall, options.lenient) {
        return Err(shortfall.error(path));
    }
    Ok(Box::new(Ffmpeg::open(path, &kind, &facts, known, options)?))
}

/// The plain kind: other codes of the same codec store fields, or headers of their own.
fn is_motion_jpeg(kind: &Kind) -> bool {
    kind.codec.as_deref().is_some_and(|codec| codec.eq_ignore_ascii_case("Motion JPEG (MJPG)"))
}
