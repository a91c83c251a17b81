//! What a file is, by its content and never by its name.

use std::{fmt, fs, path::Path};

use crate::{
    Error, Result,
    container::{self, Facts},
    disk::{Disk, number},
    jpeg,
};

/// How pictures are packed into a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names say it; `Display` gives the usual spelling")]
pub enum Container {
    Folder,
    Jpeg,
    MotionJpeg,
    Png,
    AnimatedPng,
    Gif,
    Y4m,
    Avi,
    Mp4,
    Matroska,
    WebM,
    Flv,
    Asf,
    Ogg,
    Ivf,
    Mxf,
    Nut,
    RealMedia,
    MpegPs,
    MpegTs,
    MpegVideo,
}

impl Container {
    fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder of images",
            Self::Jpeg => "JPEG image",
            Self::MotionJpeg => "Motion JPEG stream",
            Self::Png => "PNG image",
            Self::AnimatedPng => "animated PNG",
            Self::Gif => "GIF",
            Self::Y4m => "YUV4MPEG2",
            Self::Avi => "AVI",
            Self::Mp4 => "MP4",
            Self::Matroska => "Matroska",
            Self::WebM => "WebM",
            Self::Flv => "FLV",
            Self::Asf => "Windows Media (ASF)",
            Self::Ogg => "Ogg",
            Self::Ivf => "IVF",
            Self::Mxf => "MXF",
            Self::Nut => "NUT",
            Self::RealMedia => "RealMedia",
            Self::MpegPs => "MPEG program stream",
            Self::MpegTs => "MPEG transport stream",
            Self::MpegVideo => "MPEG video stream",
        }
    }

    /// The one ffmpeg demuxer that may read it, with all the names that demuxer goes by.
    pub(crate) fn demuxer(self) -> &'static str {
        match self {
            Self::Folder => "image2",
            Self::Jpeg => "jpeg_pipe",
            Self::MotionJpeg => "mjpeg",
            Self::Png => "png_pipe",
            Self::AnimatedPng => "apng",
            Self::Gif => "gif",
            Self::Y4m => "yuv4mpegpipe",
            Self::Avi => "avi",
            Self::Mp4 => "mov,mp4,m4a,3gp,3g2,mj2",
            Self::Matroska | Self::WebM => "matroska,webm",
            Self::Flv => "flv",
            Self::Asf => "asf",
            Self::Ogg => "ogg",
            Self::Ivf => "ivf",
            Self::Mxf => "mxf",
            Self::Nut => "nut",
            Self::RealMedia => "rm",
            Self::MpegPs => "mpeg",
            Self::MpegTs => "mpegts",
            Self::MpegVideo => "mpegvideo",
        }
    }
}

impl fmt::Display for Container {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A container and, where it tells, the codec in it. Displays as "H.264 (avc1) in MP4".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind {
    /// How the pictures are packed.
    pub container: Container,
    /// How they are coded, in words.
    pub codec: Option<String>,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.codec {
            Some(codec) => write!(f, "{codec} in {}", self.container),
            None => self.container.fmt(f),
        }
    }
}

/// Finds out what `path` is from its first bytes and the headers of its container; decodes nothing and starts
/// no program.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Io`], [`Error::NotAVideo`], [`Error::NoVideoTrack`]. A truncated file of a
/// known kind is no error here.
pub fn sniff(path: impl AsRef<Path>) -> Result<Kind> {
    Ok(examine(path.as_ref())?.0)
}

/// The kind of a file and what it says of itself.
pub(crate) fn examine(path: &Path) -> Result<(Kind, Facts)> {
    let not_a_video = |why: String| Error::NotAVideo { path: path.to_path_buf(), why };
    let metadata = fs::metadata(path).map_err(|e| Error::io(path, e))?;
    if metadata.is_dir() {
        return Ok((Kind { container: Container::Folder, codec: None }, Facts::default()));
    }
    // Before it is opened: opening a pipe that nobody writes to waits for ever.
    if !metadata.is_file() {
        return Err(not_a_video("neither a regular file nor a folder".to_string()));
    }
    let mut disk = Disk::open(path)?;
    let head = disk.up_to(0, 4096)?;
    let container = match magic(&head) {
        Magic::Video(Container::Jpeg) if jpeg::is_stream(&mut disk)? => Container::MotionJpeg,
        Magic::Video(Container::Png) if is_animated_png(&mut disk)? => Container::AnimatedPng,
        Magic::Video(container) => container,
        Magic::Sound(kind) => {
            return Err(Error::NoVideoTrack { path: path.to_path_buf(), kind: kind.to_string() });
        }
        Magic::Other(kind) => return Err(not_a_video(kind.to_string())),
        Magic::Unknown => return Err(not_a_video(first_bytes(&head))),
    };
    let facts = container::facts(container, &mut disk)?;
    let kind = Kind { container, codec: facts.codec.clone() };
    if facts.video == Some(false) {
        return Err(Error::NoVideoTrack { path: path.to_path_buf(), kind: kind.to_string() });
    }
    Ok((kind, facts))
}

enum Magic {
    Video(Container),
    Sound(&'static str),
    Other(&'static str),
    Unknown,
}

fn magic(head: &[u8]) -> Magic {
    use Container as C;
    let at = |place: usize, wanted: &[u8]| {
        head.get(place..).is_some_and(|rest| rest.starts_with(wanted))
    };
    let sync = |start: usize, step: usize| {
        head.len() > start + step
            && head.iter().skip(start).step_by(step).take(5).all(|&byte| byte == 0x47)
    };
    const BOXES: [&[u8; 4]; 8] =
        [b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"];
    match head {
        [0xFF, 0xD8, 0xFF, ..] => Magic::Video(C::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Magic::Video(C::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Magic::Video(C::Gif),
        [b'Y', b'U', b'V', b'4', b'M', b'P', b'E', b'G', b'2', b' ', ..] => Magic::Video(C::Y4m),
        [b'R', b'I', b'F', b'F', ..] if at(8, b"AVI ") => Magic::Video(C::Avi),
        [b'R', b'I', b'F', b'F', ..] if at(8, b"WAVE") => Magic::Sound("WAV sound"),
        [b'R', b'I', b'F', b'F', ..] if at(8, b"WEBP") => Magic::Other("a WebP image"),
        _ if BOXES.iter().any(|kind| at(4, *kind)) => match number::tag(head, 8) {
            _ if !at(4, b"ftyp") => Magic::Video(C::Mp4),
            [b'a', b'v', b'i', b'f' | b's'] => Magic::Other("an AVIF image"),
            [b'h', b'e', b'i', b'c' | b'x' | b's'] | [b'm', b'i', b'f', b'1'] => {
                Magic::Other("a HEIF image")
            }
            _ => Magic::Video(C::Mp4),
        },
        // The document type comes early in the EBML header.
        [0x1A, 0x45, 0xDF, 0xA3, ..]
            if head[..head.len().min(64)].windows(4).any(|w| w == b"webm") =>
        {
            Magic::Video(C::WebM)
        }
        [0x1A, 0x45, 0xDF, 0xA3, ..] => Magic::Video(C::Matroska),
        [b'F', b'L', b'V', 1, ..] => Magic::Video(C::Flv),
        [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11, ..] => Magic::Video(C::Asf),
        [b'O', b'g', b'g', b'S', ..] => Magic::Video(C::Ogg),
        [b'D', b'K', b'I', b'F', ..] => Magic::Video(C::Ivf),
        [0x06, 0x0E, 0x2B, 0x34, ..] => Magic::Video(C::Mxf),
        _ if at(0, b"nut/multimedia container") => Magic::Video(C::Nut),
        [b'.', b'R', b'M', b'F', ..] => Magic::Video(C::RealMedia),
        [0, 0, 1, 0xBA, ..] => Magic::Video(C::MpegPs),
        [0, 0, 1, 0xB3, ..] => Magic::Video(C::MpegVideo),
        // Transport packets, bare or behind 4 bytes of time code.
        _ if sync(0, 188) || sync(4, 192) => Magic::Video(C::MpegTs),
        [b'I', b'D', b'3', ..] => Magic::Sound("MP3 sound"),
        [b'f', b'L', b'a', b'C', ..] => Magic::Sound("FLAC sound"),
        _ => Magic::Unknown,
    }
}

/// An animation's control chunk comes before the first image data.
fn is_animated_png(disk: &mut Disk) -> Result<bool> {
    let mut position = 8;
    while let Some(head) = disk.array::<8>(position)? {
        match &head[4..] {
            b"acTL" => return Ok(true),
            b"IDAT" => return Ok(false),
            _ => position += 12 + u64::from(number::be32(&head, 0)),
        }
    }
    Ok(false)
}

/// How the start of a file reads, for a person who wonders what it is.
fn first_bytes(head: &[u8]) -> String {
    let start = &head[..head.len().min(24)];
    match start {
        [] => "it is empty".to_string(),
        _ if start.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) => {
            format!("it begins with the text \"{}\"", start.escape_ascii())
        }
        _ if start.iter().all(|&byte| byte == 0) => "it begins with zeros".to_string(),
        _ => format!("it begins with the bytes {}", start.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_met() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.mp4");
        let why = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            sniff(&path).unwrap_err().to_string().split_once(": ").unwrap().1.to_string()
        };
        assert_eq!(why(b""), "not a video: it is empty");
        assert_eq!(why(b"hello\nworld"), "not a video: it begins with the text \"hello\\nworld\"");
        assert_eq!(
            why(b"#EXTM3U\n#EXT-X"),
            "not a video: it begins with the text \"#EXTM3U\\n#EXT-X\""
        );
        assert_eq!(
            why(b"ffconcat version 1.0\nfile /etc/passwd"),
            "not a video: it begins with the text \"ffconcat version 1.0\\nfil\""
        );
        assert_eq!(why(&[0; 50]), "not a video: it begins with zeros");
        assert_eq!(why(&[1, 2, b'a']), "not a video: it begins with the bytes \\x01\\x02a");
        assert_eq!(why(b"RIFF\0\0\0\0WAVEfmt "), "WAV sound without a video track");
        assert_eq!(why(b"RIFF\0\0\0\0WEBPVP8 "), "not a video: a WebP image");
        assert!(sniff(folder.path().join("none")).unwrap_err().is_not_found());
        assert!(sniff(path.join("below a file")).unwrap_err().is_not_found());
        assert_eq!(sniff(folder.path()).unwrap().to_string(), "folder of images");
    }

    #[test]
    fn kinds_read_well() {
        let kind = Kind { container: Container::Mp4, codec: Some("H.264 (avc1)".to_string()) };
        assert_eq!(kind.to_string(), "H.264 (avc1) in MP4");
    }
}
