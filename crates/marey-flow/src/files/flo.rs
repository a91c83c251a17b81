//! `.flo`, the format of Middlebury's ground truth.
//!
//! Little endian: the bytes `PIEH`, which are 202021.25 as a float, width and height of 32 bits, then x and y of each pixel as
//! floats, row by row. A pixel with x or y over 1e9 is unknown, and 1e10 stands for it (`flowIO.cpp` of the Middlebury code,
//! <https://vision.middlebury.edu/flow/code/flow-code/>).

use std::path::Path;

use crate::{Error, Field, Result, disk::MOST_PIXELS};

pub(super) const MAGIC: &[u8; 4] = b"PIEH";
const HEADER: usize = 12;
const UNKNOWN: f32 = 1e10;
const MOST: f32 = 1e9;

/// The field that bytes with [`MAGIC`] are.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<Field> {
    let Some((header, pixels)) = bytes.split_at_checked(HEADER) else {
        let what = format!("cut short: {} of {HEADER} bytes of a .flo header", bytes.len());
        return Err(Error::format(path, what));
    };
    let [width, height] = [4, 8].map(|at| u32::from_le_bytes(four(&header[at..])));
    let area = u64::from(width) * u64::from(height);
    if area == 0 || area > MOST_PIXELS {
        let what =
            format!("a .flo file of {width}x{height} pixels, where 1 to {MOST_PIXELS} can be");
        return Err(Error::format(path, what));
    }
    if pixels.len() as u64 != 8 * area {
        let (met, wanted) = (bytes.len(), 8 * area + HEADER as u64);
        let what = format!(
            "a .flo file of {width}x{height} pixels has {wanted} bytes, and this has {met}"
        );
        return Err(Error::format(path, what));
    }
    let pixel = |bytes: &[u8]| {
        let pixel = [0, 4].map(|at| f32::from_le_bytes(four(&bytes[at..])));
        if pixel.iter().all(|v| v.abs() <= MOST) { pixel } else { [f32::NAN; 2] }
    };
    let (x, y) = pixels.chunks_exact(8).map(|bytes| pixel(bytes).into()).unzip();
    Field::new(width as usize, height as usize, x, y)
}

/// The bytes of a file of `field`.
pub(super) fn encode(path: &Path, field: &Field) -> Result<Vec<u8>> {
    let side = |side: usize| {
        let what = format!("a side of {side} pixels is too long for a .flo file");
        i32::try_from(side).map(i32::to_le_bytes).map_err(|_| Error::format(path, what))
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend(side(field.width())?);
    bytes.extend(side(field.height())?);
    for (column, row, pixel) in field.pixels() {
        let pixel = pixel.unwrap_or([UNKNOWN; 2]);
        if pixel != [UNKNOWN; 2] && pixel.iter().any(|v| v.abs() > MOST) {
            let most = "a .flo file takes more than 1e9 for unknown";
            return Err(super::too_far(path, column, row, pixel, most));
        }
        bytes.extend(pixel.into_iter().flat_map(f32::to_le_bytes));
    }
    Ok(bytes)
}

/// The first four of at least four bytes.
fn four(bytes: &[u8]) -> [u8; 4] {
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> &'static Path {
        Path::new("a.flo")
    }

    /// 2x1 pixels, (1.5, -2) and an unknown one, written by hand.
    fn by_hand() -> Vec<u8> {
        let mut bytes = 202021.25f32.to_le_bytes().to_vec();
        bytes.extend([2, 0, 0, 0, 1, 0, 0, 0]);
        bytes.extend([0, 0, 0xC0, 0x3F, 0, 0, 0, 0xC0]);
        bytes.extend([1e10f32.to_le_bytes(), 1e10f32.to_le_bytes()].concat());
        bytes
    }

    #[test]
    fn a_file_made_by_hand_is_read_and_written_again() {
        let field = decode(path(), &by_hand()).unwrap();
        assert_eq!((field.width(), field.height()), (2, 1));
        assert_eq!((field.get(0, 0), field.get(1, 0)), (Some([1.5, -2.]), None));
        assert_eq!(encode(path(), &field).unwrap(), by_hand());
    }

    #[test]
    fn a_pixel_with_one_unknown_number_is_unknown() {
        for bad in [2e9, -2e9, f32::NAN, f32::INFINITY] {
            let mut bytes = by_hand();
            bytes[16..20].copy_from_slice(&bad.to_le_bytes());
            let field = decode(path(), &bytes).unwrap();
            assert!(field.x()[0].is_nan() && field.y()[0].is_nan(), "{bad}");
        }
    }

    #[test]
    fn every_cut_and_every_tail_is_refused() {
        let bytes = by_hand();
        for end in 0..bytes.len() {
            assert!(decode(path(), &bytes[..end]).is_err(), "{end} bytes");
        }
        let longer = [&bytes[..], &[0]].concat();
        let error = decode(path(), &longer).unwrap_err().to_string();
        assert_eq!(error, "a.flo: a .flo file of 2x1 pixels has 28 bytes, and this has 29");
    }

    #[test]
    fn sizes_that_cannot_be_are_refused() {
        for (width, height) in
            [(0u32, 1u32), (1, 0), (u32::MAX, u32::MAX), (1 << 31, 2), (1 << 14, 1 << 14)]
        {
            let mut bytes = by_hand();
            bytes[4..8].copy_from_slice(&width.to_le_bytes());
            bytes[8..12].copy_from_slice(&height.to_le_bytes());
            let error = decode(path(), &bytes).unwrap_err().to_string();
            assert!(error.contains(&format!("{width}x{height}")), "{error}");
        }
    }

    #[test]
    fn a_displacement_that_would_be_read_as_unknown_is_refused() {
        let field =
            Field::from_fn(3, 2, |x, y| [if (x, y) == (2, 1) { 2e9 } else { 0. }, 0.]).unwrap();
        let error = encode(path(), &field).unwrap_err().to_string();
        assert!(error.contains("column 2, row 1"), "{error}");
    }

    #[test]
    fn real_files_keep_every_bit() {
        let Some(data) = std::env::var_os("MAREY_DATA") else {
            eprintln!("skipped: MAREY_DATA, the folder of real data, is not set");
            return;
        };
        let file = Path::new(&data).join("flow/chairs-1/flow.flo");
        let bytes = std::fs::read(&file).unwrap();
        let field = decode(&file, &bytes).unwrap();
        assert_eq!((field.width(), field.height()), (512, 384));
        assert!(encode(path(), &field).unwrap() == bytes);
    }
}
