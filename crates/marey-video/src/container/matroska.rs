//! Matroska and WebM: the EBML elements that tell the codec, and the length of the segment.

use crate::{
    Result,
    container::{Facts, Shortfall},
    disk::Disk,
};

const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_AE6B;
const CLUSTER: u32 = 0x1F43_B675;
const TRACK_ENTRY: u32 = 0xAE;
const TRACK_TYPE: u32 = 0x83;
const CODEC_ID: u32 = 0x86;
const DEFAULT_DURATION: u32 = 0x23_E383;

/// A larger list of tracks is left to the decoder.
const TRACKS_LIMIT: u64 = 1 << 24;

pub(crate) fn facts(disk: &mut Disk) -> Result<Facts> {
    let mut facts = Facts::default();
    let mut position = 0;
    // The end of what is walked now, once the segment has been met.
    let mut segment_end = None;
    while let Some((id, size, data)) = element(disk, position)? {
        let end = size.map(|size| data.saturating_add(size));
        match id {
            SEGMENT => {
                segment_end = end;
                if let Some(end) = end {
                    facts.shortfall = Shortfall::bytes(disk.len(), end);
                }
                position = data;
                continue;
            }
            TRACKS => {
                let bytes = disk.up_to(data, size.unwrap_or(0).min(TRACKS_LIMIT))?;
                tracks(&bytes, &mut facts);
                if segment_end.is_some() {
                    break; // the rest is covered by the length of the segment
                }
            }
            // Written as a stream, without lengths: go on inside.
            CLUSTER if end.is_none() => {
                position = data;
                continue;
            }
            _ => {}
        }
        let Some(end) = end else { break };
        if end > disk.len() && facts.shortfall.is_none() {
            facts.shortfall = Shortfall::bytes(disk.len(), end);
        }
        position = end;
    }
    Ok(facts)
}

fn tracks(bytes: &[u8], facts: &mut Facts) {
    for (_, entry) in elements(bytes).filter(|(id, _)| *id == TRACK_ENTRY) {
        let find = |wanted| elements(entry).find(|(id, _)| *id == wanted).map(|(_, data)| data);
        let is_video = find(TRACK_TYPE).is_some_and(|kind| kind == [1]);
        facts.video = Some(is_video || facts.video == Some(true));
        if is_video && facts.codec.is_none() {
            facts.codec = find(CODEC_ID).map(codec);
            let nanoseconds = find(DEFAULT_DURATION).map_or(0, unsigned);
            facts.fps = (nanoseconds > 0).then(|| 1e9 / nanoseconds as f64);
        }
    }
}

fn codec(id: &[u8]) -> String {
    let id = String::from_utf8_lossy(id);
    let name = match id.trim_end_matches('\0') {
        "V_VP8" => "VP8",
        "V_VP9" => "VP9",
        "V_AV1" => "AV1",
        "V_MPEG4/ISO/AVC" => "H.264",
        "V_MPEGH/ISO/HEVC" => "H.265",
        "V_MPEG4/ISO/SP" | "V_MPEG4/ISO/ASP" | "V_MPEG4/ISO/AP" => "MPEG-4 part 2",
        "V_MPEG1" => "MPEG-1",
        "V_MPEG2" => "MPEG-2",
        "V_MJPEG" => "Motion JPEG",
        "V_THEORA" => "Theora",
        other => return other.escape_debug().to_string(),
    };
    name.to_string()
}

/// Id, length (`None`: unknown) and place of the data of the element at `position`; `None` at the end.
fn element(disk: &mut Disk, position: u64) -> Result<Option<(u32, Option<u64>, u64)>> {
    let head = disk.up_to(position, 12)?;
    Ok(parse(&head).map(|(id, size, skip)| (id, size, position + skip as u64)))
}

/// The elements of known length that lie wholly in `bytes`.
fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let (id, size, skip) = parse(bytes)?;
        let rest = &bytes[skip..];
        let size = usize::try_from(size?).ok()?;
        let data = rest.get(..size)?;
        bytes = &rest[size..];
        Some((id, data))
    })
}

/// An element's id, its length and the length of both.
fn parse(bytes: &[u8]) -> Option<(u32, Option<u64>, usize)> {
    let id_len = bytes.first()?.leading_zeros() as usize + 1;
    let id = bytes.get(..id_len).filter(|_| id_len <= 4)?;
    let rest = &bytes[id_len..];
    let size_len = rest.first()?.leading_zeros() as usize + 1;
    let size = rest.get(..size_len).filter(|_| size_len <= 8)?;
    let mask = (1_u64 << (7 * size_len)) - 1;
    let value = unsigned(size) & mask;
    Some((unsigned(id) as u32, (value != mask).then_some(value), id_len + size_len))
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, &byte| value << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_by_hand() {
        assert_eq!(parse(&[0xAE, 0x85, 9]), Some((0xAE, Some(5), 2)));
        assert_eq!(parse(&[0x16, 0x54, 0xAE, 0x6B, 0x40, 0x02]), Some((TRACKS, Some(2), 6)));
        let unknown = [0x18, 0x53, 0x80, 0x67, 0x01, 255, 255, 255, 255, 255, 255, 255];
        assert_eq!(parse(&unknown), Some((SEGMENT, None, 12)));
        assert_eq!((parse(&[0]), parse(&[0xAE]), parse(&[0xAE, 0])), (None, None, None));
        let mut facts = Facts::default();
        tracks(&[0xAE, 0x8A, 0x83, 0x81, 1, 0x86, 0x85, b'V', b'_', b'V', b'P', b'9'], &mut facts);
        assert_eq!((facts.video, facts.codec.as_deref()), (Some(true), Some("VP9")));
    }
}
