//! MP4 and QuickTime: the boxes of ISO/IEC 14496-12 that tell the codec and where the samples lie.

use crate::{
    Result,
    container::{Facts, Shortfall, codec_name},
    disk::{Disk, number},
    error::Unit,
};

/// A larger header is left to the decoder.
const HEADER_LIMIT: u64 = 1 << 28;

/// The facts of a file: its header if it has one, and whether every sample (or, in a file of fragments, every
/// box) lies within the file.
pub(crate) fn facts(disk: &mut Disk) -> Result<Facts> {
    let mut position = 0;
    let (mut facts, mut header, mut fragments, mut past) = (Facts::default(), false, false, None);
    while let Some(head) = disk.array::<8>(position)? {
        let (size, kind) = (number::be32(&head, 0), number::tag(&head, 4));
        let (skip, size) = match size {
            0 => (8, disk.len() - position),
            1 => (16, disk.array::<8>(position + 8)?.map_or(16, u64::from_be_bytes)),
            size => (8, u64::from(size)),
        };
        let end = position.saturating_add(size);
        if size < skip || !kind.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ') {
            break; // padding or rubbish after the last box
        }
        if end > disk.len() {
            past = Shortfall::bytes(disk.len(), end);
        } else if &kind == b"moov" && size <= HEADER_LIMIT {
            header = true;
            let moov = disk.bytes(position + skip, size - skip)?.unwrap_or_default();
            fragments = child(&moov, b"mvex").is_some();
            facts = movie(&moov, disk.len());
        } else if &kind == b"moov" {
            header = true;
        }
        position = end;
    }
    let no_header = Some(Shortfall { got: disk.len(), expected: None, unit: Unit::Bytes });
    facts.shortfall = match (header, fragments) {
        (false, _) => past.or(no_header),
        (true, true) => past,
        (true, false) => facts.shortfall,
    };
    Ok(facts)
}

/// What the `moov` box says of a file of `len` bytes.
fn movie(moov: &[u8], len: u64) -> Facts {
    let tracks: Vec<&[u8]> =
        boxes(moov).filter(|(kind, _)| kind == b"trak").map(|(_, data)| data).collect();
    let handler =
        |track: &&&[u8]| within(track, &[b"mdia", b"hdlr"]).map(|data| number::tag(data, 8));
    let video = tracks.iter().find(|track| handler(track) == Some(*b"vide"));
    let mut facts =
        Facts { video: (!tracks.is_empty()).then_some(video.is_some()), ..Facts::default() };
    let Some(media) = video.and_then(|track| child(track, b"mdia")) else { return facts };
    let Some(table) = within(media, &[b"minf", b"stbl"]) else { return facts };
    facts.codec = child(table, b"stsd").map(|data| codec_name(number::tag(data, 12)));
    let (count, inside) = samples(table, len).unwrap_or((0, 0));
    if inside < count {
        facts.shortfall =
            Some(Shortfall { got: inside, expected: Some(count), unit: Unit::Frames });
    }
    // Ticks a second stand later in the longer version of the header.
    let ticks = child(media, b"mdhd")
        .map_or(0, |data| number::be32(data, if data.first() == Some(&1) { 20 } else { 12 }));
    // The time of all samples, those that an edit list hides, too: runs of a count and a duration.
    let runs =
        child(table, b"stts").and_then(|data| data.get(8..)).unwrap_or_default().chunks_exact(8);
    let (timed, duration) = runs.fold((0.0, 0.0), |(timed, duration), run| {
        let count = f64::from(number::be32(run, 0));
        (timed + count, duration + count * f64::from(number::be32(run, 4)))
    });
    if ticks > 0 && duration > 0.0 {
        facts.fps = Some(timed * f64::from(ticks) / duration);
    }
    // An edit list may leave out samples rightly.
    let edits = video.and_then(|track| within(track, &[b"edts", b"elst"]));
    facts.frames = (count > 0 && edits.is_none()).then_some(count);
    facts
}

/// How many samples the sample table lists, and how many of them lie within the first `len` bytes.
fn samples(table: &[u8], len: u64) -> Option<(u64, u64)> {
    let sizes = child(table, b"stsz")?;
    let (uniform, count) = (u64::from(number::be32(sizes, 4)), u64::from(number::be32(sizes, 8)));
    let mut sizes = sizes.get(12..)?.chunks_exact(4).map(|size| u64::from(number::be32(size, 0)));
    let (offsets, width) = match child(table, b"co64") {
        Some(offsets) => (offsets, 8),
        None => (child(table, b"stco")?, 4),
    };
    let offset =
        |bytes| if width == 8 { number::be64(bytes, 0) } else { u64::from(number::be32(bytes, 0)) };
    // Runs of chunks with as many samples each: the first chunk, counted from 1, and the samples of a chunk.
    let runs: Vec<(u64, u64)> = child(table, b"stsc")?
        .get(8..)?
        .chunks_exact(12)
        .map(|run| (u64::from(number::be32(run, 0)), u64::from(number::be32(run, 4))))
        .collect();
    let (mut run, mut seen, mut inside) = (0, 0, 0);
    for (chunk, bytes) in (1..).zip(offsets.get(8..)?.chunks_exact(width)) {
        while runs.get(run + 1).is_some_and(|next| next.0 <= chunk) {
            run += 1;
        }
        let here = runs.get(run)?.1.min(count - seen);
        let start = offset(bytes);
        if let Some(fitting) = len.saturating_sub(start).checked_div(uniform) {
            inside += fitting.min(here);
        } else {
            let mut end = start;
            for size in sizes.by_ref().take(usize::try_from(here).ok()?) {
                end = end.saturating_add(size);
                inside += u64::from(end <= len);
            }
        }
        seen += here;
    }
    Some((count, inside))
}

/// The boxes that lie wholly in `bytes`.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let kind = number::tag(bytes, 4);
        let (skip, size) = match number::be32(bytes, 0) {
            0 => (8, bytes.len()),
            1 => (16, usize::try_from(number::be64(bytes, 8)).ok()?),
            size => (8, usize::try_from(size).ok()?),
        };
        let data = bytes.get(skip..size)?;
        bytes = &bytes[size..];
        Some((kind, data))
    })
}

fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(found, _)| found == kind).map(|(_, data)| data)
}

fn within<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, kind| child(bytes, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full(kind: &[u8; 4], numbers: &[u32]) -> Vec<u8> {
        let mut out = (numbers.len() as u32 * 4 + 8).to_be_bytes().to_vec();
        out.extend_from_slice(kind);
        numbers.iter().for_each(|n| out.extend_from_slice(&n.to_be_bytes()));
        out
    }

    #[test]
    fn counts_the_samples_inside_the_file() {
        // Two chunks at 100 and 200, of 2 samples and 1, of sizes 10, 20, 30: they end at 110, 130 and 230.
        let mut table = full(b"stsz", &[0, 0, 3, 10, 20, 30]);
        table.extend(full(b"stco", &[0, 2, 100, 200]));
        table.extend(full(b"stsc", &[0, 2, 1, 2, 1, 2, 1, 1]));
        let inside = |len| samples(&table, len).unwrap();
        assert_eq!([109, 110, 130, 229, 230].map(inside), [(3, 0), (3, 1), (3, 2), (3, 2), (3, 3)]);
    }

    #[test]
    fn a_lying_table_is_harmless() {
        let mut table = full(b"stsz", &[0, 7, u32::MAX]);
        table.extend(full(b"stco", &[0, u32::MAX, 100]));
        table.extend(full(b"stsc", &[0, 1, 1, u32::MAX, 1]));
        assert_eq!(samples(&table, 114), Some((u64::from(u32::MAX), 2)));
        assert_eq!(boxes(&[0, 0, 0, 4, 1, 2, 3, 4]).count(), 0);
        assert_eq!(movie(&full(b"trak", &[1]), 10).video, Some(false));
    }
}
