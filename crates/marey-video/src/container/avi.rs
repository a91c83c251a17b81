//! AVI: a walk over RIFF chunks for the tracks, and over the frames where they lie in the file.
//!
//! The walk uses the chunks themselves, not an index, so that a missing or wrong index does no harm. OpenDML
//! files (several `RIFF` parts, past 1 GiB) are walked part by part.

use crate::{
    Result,
    container::{Facts, Shortfall, codec_name},
    disk::{Disk, number},
    error::Unit,
};

/// The header and the video frames of an AVI file.
#[derive(Debug, Default)]
pub(crate) struct Avi {
    tracks: Vec<Track>,
    /// Place and length of every chunk of the first video track that lies wholly in the file; an empty chunk
    /// is a dropped frame.
    pub(crate) chunks: Vec<(u64, u32)>,
    /// Where the last part with frames ends, as its header says; `None` when that was left open.
    end: Option<u64>,
    /// A list of frames was met, be it empty.
    has_frames: bool,
    /// The frame count of an OpenDML header.
    total: u64,
}

/// One stream header.
#[derive(Clone, Debug, Default)]
pub(crate) struct Track {
    video: bool,
    rate: u32,
    scale: u32,
    length: u32,
    /// The four-character code of the codec.
    pub(crate) codec: [u8; 4],
    /// Width and height; height is negative for rows stored from the top.
    pub(crate) size: (i32, i32),
}

/// Headers are small; a larger one is not read.
const HEADER_LIMIT: u64 = 1 << 20;

/// A walk for the facts alone notes no more frames than these (more than 38 hours at 30 frames/s).
const MOST_FRAMES: usize = 1 << 22;

impl Avi {
    /// Walks the whole file, stopping after `limit` frames.
    pub(crate) fn read(disk: &mut Disk, limit: usize) -> Result<Self> {
        let mut avi = Self::default();
        let mut position = 0;
        while let Some(head) = disk.array::<12>(position)? {
            if &head[..4] != b"RIFF" || !matches!(&head[8..], b"AVI " | b"AVIX") {
                break;
            }
            let size = number::le32(&head, 4);
            let end = if open_ended(size) { disk.len() } else { position + 8 + u64::from(size) };
            avi.part(disk, position + 12, end, limit)?;
            if !avi.has_frames && !open_ended(size) {
                avi.end = Some(end);
            }
            position = end + (end & 1);
        }
        Ok(avi)
    }

    /// The first video track.
    pub(crate) fn video(&self) -> Option<&Track> {
        self.tracks.iter().find(|track| track.video)
    }

    pub(crate) fn facts(&self, disk: &Disk) -> Facts {
        let video = self.video();
        let got = self.chunks.len() as u64;
        let stated = video.map_or(0, |track| u64::from(track.length));
        // Headers of whole files count wrong now and then, so alone they prove nothing; together with data that
        // runs past the end of the file, or in a header made for files in several parts, they do.
        let cut = self.end.is_some_and(|end| end > disk.len());
        let parts_missing = self.total > got + 2 + self.total / 50;
        let shortfall = if (cut && stated > got) || parts_missing {
            Some(Shortfall { got, expected: Some(stated.max(self.total)), unit: Unit::Frames })
        } else if cut && stated == 0 {
            Shortfall::bytes(disk.len(), self.end.unwrap_or_default())
        } else if video.is_none() && self.tracks.is_empty() {
            Some(Shortfall { got: disk.len(), expected: None, unit: Unit::Bytes })
        } else {
            None
        };
        Facts {
            codec: video.map(|track| codec_name(track.codec)),
            video: (!self.tracks.is_empty()).then_some(video.is_some()),
            fps: video.and_then(Track::fps),
            frames: Some(self.chunks.iter().filter(|chunk| chunk.1 > 0).count() as u64),
            shortfall,
        }
    }

    fn part(&mut self, disk: &mut Disk, mut position: u64, end: u64, limit: usize) -> Result<()> {
        while position + 8 <= end {
            let Some(head) = disk.array::<8>(position)? else { break };
            let (size, data) = (number::le32(&head, 4), position + 8);
            let list = if &head[..4] == b"LIST" { disk.array::<4>(data)? } else { None };
            let mut next = data + u64::from(size) + u64::from(size & 1);
            match list.as_ref() {
                Some(b"hdrl") => {
                    self.header(&disk.up_to(data + 4, u64::from(size).min(HEADER_LIMIT))?)
                }
                Some(b"movi") => {
                    self.has_frames = true;
                    if open_ended(size) {
                        next = end;
                    } else {
                        self.end = Some(data + u64::from(size));
                    }
                    self.frames(disk, data + 4, next.min(disk.len()), limit)?;
                }
                _ => {}
            }
            position = next;
        }
        Ok(())
    }

    /// The content of the `hdrl` list: one `strl` list a track, and perhaps an OpenDML header.
    fn header(&mut self, bytes: &[u8]) {
        for (tag, data) in chunks(bytes) {
            match (&tag, data.get(..4)) {
                (b"LIST", Some(b"strl")) => {
                    let mut track = Track::default();
                    chunks(&data[4..]).for_each(|(tag, data)| track.read(&tag, data));
                    self.tracks.push(track);
                }
                (b"LIST", Some(b"odml")) => {
                    let total = chunks(&data[4..]).find(|(tag, _)| tag == b"dmlh");
                    self.total = total.map_or(0, |(_, data)| u64::from(number::le32(data, 0)));
                }
                _ => {}
            }
        }
    }

    fn frames(&mut self, disk: &mut Disk, mut position: u64, end: u64, limit: usize) -> Result<()> {
        let Some(track) = self.tracks.iter().position(|track| track.video) else { return Ok(()) };
        while position + 8 <= end && self.chunks.len() < limit {
            let Some(head) = disk.array::<8>(position)? else { break };
            let (size, data) = (number::le32(&head, 4), position + 8);
            if &head[..4] == b"LIST" {
                position = data + 4; // a `rec ` group: its chunks follow
                continue;
            }
            if !head[..4].iter().all(|byte| (b' '..=b'~').contains(byte)) {
                break; // not a chunk: what follows cannot be trusted
            }
            let next = data + u64::from(size);
            if is_frame(&head, track) && next <= disk.len() {
                self.chunks.push((data, size));
            }
            position = next + u64::from(size & 1);
        }
        Ok(())
    }
}

impl Track {
    pub(crate) fn fps(&self) -> Option<f64> {
        (self.rate > 0 && self.scale > 0).then(|| f64::from(self.rate) / f64::from(self.scale))
    }

    fn read(&mut self, tag: &[u8; 4], data: &[u8]) {
        match tag {
            b"strh" => {
                self.video = data.starts_with(b"vids");
                self.scale = number::le32(data, 20);
                self.rate = number::le32(data, 24);
                self.length = number::le32(data, 32);
            }
            b"strf" if self.video => {
                self.size =
                    (number::le32(data, 4).cast_signed(), number::le32(data, 8).cast_signed());
                self.codec = number::tag(data, 16);
            }
            _ => {}
        }
    }
}

/// The facts of an AVI file of any codec.
pub(crate) fn facts(disk: &mut Disk) -> Result<Facts> {
    Ok(Avi::read(disk, MOST_FRAMES)?.facts(disk))
}

/// A size never filled in, because the writer was stopped or wrote to a pipe.
fn open_ended(size: u32) -> bool {
    size == 0 || size == u32::MAX
}

/// `00dc`, `00db`: a frame, compressed or not, of the track of that number (hexadecimal).
fn is_frame(head: &[u8], track: usize) -> bool {
    let number = std::str::from_utf8(&head[..2])
        .ok()
        .and_then(|digits| usize::from_str_radix(digits, 16).ok());
    number == Some(track) && head[2] == b'd' && matches!(head[3], b'c' | b'b')
}

/// The chunks that lie wholly in `bytes`.
fn chunks(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (tag, rest) = bytes.split_first_chunk::<4>()?;
        let size = usize::try_from(number::le32(rest, 0)).ok()?;
        let data = rest.get(4..)?.get(..size)?;
        bytes = rest.get(4 + size + size % 2..).unwrap_or_default();
        Some((*tag, data))
    })
}
