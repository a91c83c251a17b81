//! Bytes from and to the disk: bounded when read, whole or not there when written.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
    process,
    sync::atomic::{AtomicU64, Ordering},
};

use image::{DynamicImage, ImageFormat, ImageReader};

use crate::{Error, Result};

/// No file that holds more pixels is read: 8192x8192 of them.
pub(crate) const MOST_PIXELS: u64 = 1 << 26;

/// The largest file taken: that many pixels of 8 bytes, and a header.
const MOST_BYTES: u64 = 8 * MOST_PIXELS + 4096;

/// All bytes of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    let failed = |e| Error::io(path, e);
    let file = File::open(path).map_err(failed)?;
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(Error::format(path, "a folder or a device, not a file"));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::format(
            path,
            format!("more than {MOST_BYTES} bytes, which is too large"),
        ));
    }
    Ok(bytes)
}

/// A file of these bytes. Who reads it sees the old file or the new one and nothing between, even if the process is killed.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    let Some(name) = path.file_name() else {
        return Err(Error::io(path, io::ErrorKind::IsADirectory.into()));
    };
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{}-{}", process::id(), WRITES.fetch_add(1, Ordering::Relaxed)));
    let beside = path.with_file_name(hidden);
    let written = File::create_new(&beside)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| {
        // The first error is the one to report.
        let _ = fs::remove_file(&beside);
        Error::io(path, error)
    })
}

/// The format of an image by its first bytes, of those that flow is stored in.
pub(crate) fn image_format(bytes: &[u8]) -> Option<ImageFormat> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some(ImageFormat::Png)
    } else if bytes.starts_with(&[0xFF, 0xD8, 0xFF]) {
        Some(ImageFormat::Jpeg)
    } else {
        None
    }
}

/// The image that the bytes of `path` are, within the decoder's limits of memory.
pub(crate) fn decode(path: &Path, bytes: &[u8]) -> Result<DynamicImage> {
    let Some(format) = image_format(bytes) else {
        return Err(Error::format(path, "neither a JPEG nor a PNG image"));
    };
    // The decoder fills up what is missing with grey.
    if format == ImageFormat::Jpeg && !bytes.ends_with(&[0xFF, 0xD9]) {
        let what = format!("cut short: {} bytes without the end mark of a JPEG", bytes.len());
        return Err(Error::format(path, what));
    }
    let broken = |e: image::ImageError| Error::format(path, format!("a broken image: {e}"));
    let reader = || ImageReader::with_format(io::Cursor::new(bytes), format);
    let (width, height) = reader().into_dimensions().map_err(broken)?;
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        let what = format!("{width}x{height} pixels, and {MOST_PIXELS} are the most");
        return Err(Error::format(path, what));
    }
    reader().decode().map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_fails_leaves_no_file_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(read(&path).unwrap(), b"new");
        assert!(write(&dir.path().join("missing/a"), b"").unwrap_err().is_not_found());
        assert!(write(Path::new("/"), b"").is_err());
        fs::create_dir(dir.path().join("folder")).unwrap();
        assert!(write(&dir.path().join("folder"), b"").is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_is_no_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(&dir.path().join("missing")).unwrap_err().is_not_found());
        assert!(matches!(read(dir.path()), Err(Error::Format { .. })));
    }

    #[test]
    fn a_size_that_cannot_be_is_refused_before_it_is_allocated() {
        // A PNG's signature and header alone, of 2^31 - 1 pixels each way.
        let mut bytes =
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\0\0\0\0".to_vec();
        bytes.extend([0; 4]);
        assert!(decode(Path::new("a.png"), &bytes).is_err());
        let error = decode(Path::new("a.jpg"), &[0xFF, 0xD8, 0xFF, 0]).unwrap_err().to_string();
        assert!(error.contains("a.jpg: cut short"), "{error}");
    }
}
