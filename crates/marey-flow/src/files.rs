//! Files of one field: what is read is told by its content, what is written by its extension.

use std::path::Path;

use image::ImageFormat;

use crate::{Error, Field, Result, disk};

mod flo;
mod kitti;

/// Reads a field: Middlebury's `.flo`, or a PNG as KITTI has it. Displacements are in pixels; those that are not known are NaN.
///
/// # Errors
///
/// If it is not there, is neither format, is cut short or too long, or is of more than 8192x8192 pixels.
pub fn read(path: impl AsRef<Path>) -> Result<Field> {
    let path = path.as_ref();
    let bytes = disk::read(path)?;
    if bytes.starts_with(flo::MAGIC) {
        return flo::decode(path, &bytes);
    }
    if disk::image_format(&bytes) == Some(ImageFormat::Png) {
        return kitti::decode(path, &bytes);
    }
    let first = bytes[..bytes.len().min(4)].escape_ascii();
    Err(Error::format(
        path,
        format!("a .flo file or a PNG of flow, not what begins with \"{first}\""),
    ))
}

/// Writes a field: `.flo` as Middlebury's, which keeps every bit, or `.png` as KITTI's, which keeps 1/64 pixel.
///
/// # Errors
///
/// If the extension is another, if a displacement is more than the format can say (512 pixels in a PNG, 1e9 in `.flo`), or if
/// the system refuses. What was there before is then still there.
pub fn write(path: impl AsRef<Path>, field: &Field) -> Result<()> {
    let path = path.as_ref();
    let is = |name| path.extension().is_some_and(|met| met.eq_ignore_ascii_case(name));
    let bytes = if is("flo") {
        flo::encode(path, field)?
    } else if is("png") {
        kitti::encode(path, field)?
    } else {
        return Err(Error::format(path, "a field is written as .flo or .png, and this is neither"));
    };
    disk::write(path, &bytes)
}

/// The displacement of a pixel that a format cannot say.
fn too_far(path: &Path, column: usize, row: usize, [x, y]: [f32; 2], most: &str) -> Error {
    let what = format!("({x}, {y}) at column {column}, row {row} cannot be written: {most}");
    Error::format(path, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_content_and_not_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let field = Field::from_fn(5, 3, |x, y| [x as f32 / 4., -(y as f32)]).unwrap();
        for name in ["a.flo", "a.PNG"] {
            let (path, other) = (dir.path().join(name), dir.path().join("other.bin"));
            write(&path, &field).unwrap();
            std::fs::rename(&path, &other).unwrap();
            assert_eq!(read(&other).unwrap(), field, "{name}");
        }
    }

    #[test]
    fn other_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.flo");
        assert!(read(&path).unwrap_err().is_not_found());
        for bytes in [&b""[..], b"PI", b"GIF89a", &[0xFF, 0xD8, 0xFF]] {
            std::fs::write(&path, bytes).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("a.flo: a .flo file or a PNG"), "{error}");
        }
        let field = Field::from_fn(1, 1, |_, _| [0., 0.]).unwrap();
        for name in ["a.txt", "flo", "a"] {
            assert!(write(dir.path().join(name), &field).is_err(), "{name}");
        }
    }
}
