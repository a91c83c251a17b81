//! One JPEG image into a frame, and where images end in a stream of them.

mod huffman;

use std::{
    io::{Read, Seek},
    path::Path,
};

use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

use crate::{
    Error, Frame, Options, Result,
    disk::{Disk, number},
};

/// Decodes one image. Damage within it is an error unless `options.lenient`.
pub(crate) fn decode(path: &Path, bytes: &[u8], options: &Options) -> Result<Frame> {
    let size = size(bytes).ok_or_else(|| Error::decoder(path, "a JPEG image without a header"))?;
    options.check_size(path, size)?;
    let patched = with_tables(bytes);
    let settings = DecoderOptions::default()
        .set_strict_mode(!options.lenient)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let bytes = patched.as_deref().unwrap_or(bytes);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), settings);
    let data = decoder.decode().map_err(|e| Error::decoder(path, e.to_string()))?;
    let (width, height) = size;
    if data.len() as u64 != u64::from(width) * u64::from(height) * 3 {
        return Err(Error::decoder(
            path,
            format!("{} bytes for {width}x{height} pixels", data.len()),
        ));
    }
    Ok(Frame { width, height, data })
}

/// Width and height by the frame header.
pub(crate) fn size(bytes: &[u8]) -> Option<(u32, u32)> {
    let (_, _, frame) = segments(bytes).find(|(_, marker, _)| is_frame_header(*marker))?;
    Some((u32::from(number::be16(frame, 3)), u32::from(number::be16(frame, 1))))
}

/// The place after the end mark of the image that begins at `start`; `None` if the file ends before it.
pub(crate) fn end<R: Read + Seek>(disk: &mut Disk<R>, start: u64) -> Result<Option<u64>> {
    let mut position = start + 2;
    while let Some([mark, marker]) = disk.array::<2>(position)? {
        match (mark, marker) {
            (0xFF, 0xD9) => return Ok(Some(position + 2)),
            (0xFF, 0xFF) => position += 1,
            // Marks without data.
            (0xFF, 0x01 | 0xD0..=0xD8) => position += 2,
            (0xFF, 0x02..) => {
                let Some(length) = disk.array::<2>(position + 2)? else { return Ok(None) };
                position += 2 + u64::from(u16::from_be_bytes(length)).max(2);
                if marker == 0xDA {
                    position = scan_end(disk, position)?;
                }
            }
            _ => position = scan_end(disk, position)?,
        }
    }
    Ok(None)
}

/// Whether another image of the same size follows the one that begins the file, and is no preview of it (which
/// cameras announce by an `MPF` segment).
pub(crate) fn is_stream(disk: &mut Disk) -> Result<bool> {
    let Some(first_end) = end(disk, 0)? else { return Ok(false) };
    if disk.array::<3>(first_end)? != Some([0xFF, 0xD8, 0xFF]) {
        return Ok(false);
    }
    let (first, second) = (disk.up_to(0, HEADER_LIMIT)?, disk.up_to(first_end, HEADER_LIMIT)?);
    let preview =
        segments(&first).any(|(_, marker, data)| marker == 0xE2 && data.starts_with(b"MPF\0"));
    Ok(!preview && size(&first).is_some() && size(&first) == size(&second))
}

/// Segments before the scan, with room for a few of the greatest length.
const HEADER_LIMIT: u64 = 1 << 19;

/// The next mark at or after `position` that ends coded data, or the end of the file.
fn scan_end<R: Read + Seek>(disk: &mut Disk<R>, mut position: u64) -> Result<u64> {
    loop {
        let block = disk.up_to(position, 1 << 15)?;
        let is_mark = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7 | 0xFF);
        if let Some(at) = block.windows(2).position(is_mark) {
            return Ok(position + at as u64);
        }
        if block.len() < 2 {
            return Ok(disk.len());
        }
        position += block.len() as u64 - 1; // the last byte may be the first of a mark
    }
}

/// The image with the standard Huffman tables put before its scan, if it has none.
fn with_tables(bytes: &[u8]) -> Option<Vec<u8>> {
    if segments(bytes).any(|(_, marker, _)| marker == 0xC4) {
        return None;
    }
    let (scan, ..) = segments(bytes).find(|(_, marker, _)| *marker == 0xDA)?;
    let (before, after) = bytes.split_at(scan);
    Some([before, &huffman::STANDARD, after].concat())
}

fn is_frame_header(marker: u8) -> bool {
    (0xC0..=0xCF).contains(&marker) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

/// Place, marker and data of the segments up to and with the first start of scan.
fn segments(bytes: &[u8]) -> impl Iterator<Item = (usize, u8, &[u8])> {
    let mut next = bytes.starts_with(&[0xFF, 0xD8]).then_some(2);
    std::iter::from_fn(move || {
        let mut place = next.take()?;
        while let Some([0xFF, 0xFF]) = bytes.get(place..place + 2) {
            place += 1; // fill bytes
        }
        let head = bytes.get(place..place + 4).filter(|head| head[0] == 0xFF)?;
        let end = place + 2 + usize::from(number::be16(head, 2));
        let data = bytes.get(place + 4..end)?;
        next = (head[1] != 0xDA).then_some(end);
        Some((place, head[1], data))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A grey ramp of 24 x 16 pixels, encoded by the image crate.
    fn image() -> Vec<u8> {
        let mut bytes = Vec::new();
        let pixels: Vec<u8> = (0..24 * 16 * 3).map(|i| (i / 3 * 2 % 256) as u8).collect();
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 90);
        encoder.encode(&pixels, 24, 16, image::ExtendedColorType::Rgb8).unwrap();
        bytes
    }

    /// `bytes` without its DHT segments.
    fn without_tables(bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        let tables: Vec<(usize, usize)> =
            segments(bytes).filter(|s| s.1 == 0xC4).map(|s| (s.0, s.0 + 4 + s.2.len())).collect();
        assert!(!tables.is_empty());
        tables.into_iter().rev().for_each(|(start, end)| drop(out.drain(start..end)));
        out
    }

    #[test]
    fn standard_tables_are_put_back() {
        let (path, options) = (Path::new("a.jpg"), Options::default());
        let whole = image();
        assert_eq!(size(&whole), Some((24, 16)));
        // The image crate's encoder writes the standard tables, so nothing may change.
        let wanted = decode(path, &whole, &options).unwrap();
        assert_eq!(decode(path, &without_tables(&whole), &options).unwrap(), wanted);
    }

    #[test]
    fn finds_ends_and_streams() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let one = image();
        let open = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Disk::open(&path).unwrap()
        };
        let len = one.len() as u64;
        assert_eq!(end(&mut open(&one), 0).unwrap(), Some(len));
        assert_eq!(end(&mut open(&one[..one.len() - 1]), 0).unwrap(), None);
        assert!(!is_stream(&mut open(&one)).unwrap());
        let mut two = open(&one.repeat(2));
        assert!(is_stream(&mut two).unwrap());
        assert_eq!(end(&mut two, len).unwrap(), Some(2 * len));
    }
}
