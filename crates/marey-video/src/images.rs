//! A folder of JPEG or PNG images as a video, and a single image as a video of one frame.

use std::{
    cmp::Ordering,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    Error, Frame, FrameSource, Known, Options, Result,
    disk::{Disk, number},
    error::Unit,
    jpeg,
    source::Wanted,
};

/// Images in display order; each is read when it is asked for.
pub(crate) struct Images {
    path: PathBuf,
    images: Vec<PathBuf>,
    size: (u32, u32),
    options: Options,
}

impl Images {
    /// The images of a folder in natural order (`2.jpg` before `10.jpg`). Files that are not named as images,
    /// hidden files and folders are passed over. Where names of several series lie together, as
    /// `img_00001.jpg` and `flow_x_00001.jpg` do, those of `flow_` are passed over, and more than one
    /// remaining series is refused.
    pub(crate) fn folder(path: &Path, known: Option<Known>, options: &Options) -> Result<Self> {
        let mut images = Vec::new();
        for entry in fs::read_dir(path).map_err(|e| Error::io(path, e))? {
            let entry = entry.map_err(|e| Error::io(path, e))?.path();
            if is_image_name(&entry) && entry.is_file() {
                images.push(entry);
                options.check_frames(path, images.len())?;
            }
        }
        images.sort_by(|a, b| natural(name(a), name(b)));
        let not_a_video = |why| Err(Error::NotAVideo { path: path.to_path_buf(), why });
        if images.iter().any(|image| !series(name(image)).starts_with(b"flow_")) {
            images.retain(|image| !series(name(image)).starts_with(b"flow_"));
        }
        let mut all: Vec<&[u8]> = images.iter().map(|image| series(name(image))).collect();
        all.sort_unstable();
        all.dedup();
        match all.as_slice() {
            [] => not_a_video("a folder without JPEG or PNG images".to_string()),
            [_] => Self::new(path, images, known, options),
            [a, .., b] => {
                let (a, b) = (a.escape_ascii(), b.escape_ascii());
                not_a_video(format!("a folder of several series of images, as \"{a}\" and \"{b}\""))
            }
        }
    }

    /// One image.
    pub(crate) fn single(path: &Path, options: &Options) -> Result<Self> {
        Self::new(path, vec![path.to_path_buf()], None, options)
    }

    fn new(
        path: &Path,
        images: Vec<PathBuf>,
        known: Option<Known>,
        options: &Options,
    ) -> Result<Self> {
        let size = match known {
            Some(known) => known.size,
            None => decode(&images[0], options).map(|first| (first.width, first.height))?,
        };
        Ok(Self { path: path.to_path_buf(), images, size, options: options.clone() })
    }

    fn decode(&self, index: usize) -> Result<Frame> {
        let path = &self.images[index];
        let frame = decode(path, &self.options)?;
        let (got, expected) = ((frame.width, frame.height), self.size);
        if got != expected {
            return Err(Error::FrameSize { path: path.clone(), index, got, expected });
        }
        Ok(frame)
    }
}

impl FrameSource for Images {
    fn len(&mut self) -> Result<usize> {
        Ok(self.images.len())
    }

    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn frames(&mut self, wanted: &[usize]) -> Result<Vec<Frame>> {
        let wanted = Wanted::new(&self.path, wanted, self.images.len(), self.size, &self.options)?;
        let frames =
            wanted.sorted().iter().map(|&index| self.decode(index)).collect::<Result<_>>()?;
        Ok(wanted.answer(frames))
    }
}

/// One image file, by its content, whatever its name says.
fn decode(path: &Path, options: &Options) -> Result<Frame> {
    let mut disk = Disk::open(path)?;
    // The largest image allowed, uncompressed, with alpha and 16 bits a channel.
    let limit = options.max_pixels.saturating_mul(8).saturating_add(1 << 20);
    if disk.len() > limit {
        let what = "bytes in an image file";
        return Err(Error::TooLarge { path: path.to_path_buf(), what, got: disk.len(), limit });
    }
    let bytes = disk.up_to(0, limit)?;
    if bytes.starts_with(&[0xFF, 0xD8]) {
        // A decoder fills up what is missing with grey.
        let whole = || jpeg::end(&mut Disk::read_before(path, &bytes), 0);
        if !options.lenient && whole()?.is_none() {
            let (got, expected, unit) = (disk.len(), None, Unit::Bytes);
            return Err(Error::Truncated { path: path.to_path_buf(), got, expected, unit });
        }
        return jpeg::decode(path, &bytes, options);
    }
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let why = "neither a JPEG nor a PNG image".to_string();
        return Err(Error::NotAVideo { path: path.to_path_buf(), why });
    }
    // The size stands at a fixed place: refused before anything of that size is allocated.
    let size = (number::be32(&bytes, 16), number::be32(&bytes, 20));
    options.check_size(path, size)?;
    let image = image::load_from_memory_with_format(&bytes, image::ImageFormat::Png);
    let image = image.map_err(|e| match e {
        image::ImageError::IoError(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
            Error::Truncated {
                path: path.to_path_buf(),
                got: disk.len(),
                expected: None,
                unit: Unit::Bytes,
            }
        }
        e => Error::decoder(path, e.to_string()),
    })?;
    let image = image.into_rgb8();
    Ok(Frame { width: image.width(), height: image.height(), data: image.into_raw() })
}

fn name(path: &Path) -> &[u8] {
    path.file_name().map_or(&[], |name| name.as_encoded_bytes())
}

fn is_image_name(path: &Path) -> bool {
    let extension = path.extension().map(|extension| extension.to_ascii_lowercase());
    !name(path).starts_with(b".")
        && extension.is_some_and(|e| e == "jpg" || e == "jpeg" || e == "png")
}

/// What stands before the last number of a name: `img_` of `img_00001.jpg`; nothing of a name without a number.
fn series(name: &[u8]) -> &[u8] {
    let stem = name.iter().rposition(|&byte| byte == b'.').map_or(name, |dot| &name[..dot]);
    let Some(last) = stem.iter().rposition(u8::is_ascii_digit) else { return &[] };
    let first =
        stem[..last].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |place| place + 1);
    &stem[..first]
}

/// Runs of digits compare as numbers, all else byte by byte.
fn natural(a: &[u8], b: &[u8]) -> Ordering {
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let order = if a[i].is_ascii_digit() && b[j].is_ascii_digit() {
            let run = |bytes: &[u8], from: usize| {
                bytes[from..].iter().take_while(|b| b.is_ascii_digit()).count()
            };
            let (m, n) = (&a[i..i + run(a, i)], &b[j..j + run(b, j)]);
            (i, j) = (i + m.len(), j + n.len());
            let strip = |digits: &[u8]| {
                digits.iter().position(|&d| d != b'0').map_or(0, |z| digits.len() - z)
            };
            let (x, y) = (&m[m.len() - strip(m)..], &n[n.len() - strip(n)..]);
            x.len().cmp(&y.len()).then(x.cmp(y))
        } else {
            (i, j) = (i + 1, j + 1);
            a[i - 1].cmp(&b[j - 1])
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    // `01` and `1` are the same number: an order all the same, so that it does not depend on the disk's.
    (a.len() - i).cmp(&(b.len() - j)).then(a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order() {
        let mut names = ["10.jpg", "9.jpg", "a2.png", "009.jpg", "a10.png", "1.jpg", "a.png"];
        names.sort_by(|a, b| natural(a.as_bytes(), b.as_bytes()));
        assert_eq!(names, ["1.jpg", "009.jpg", "9.jpg", "10.jpg", "a.png", "a2.png", "a10.png"]);
    }

    #[test]
    fn series_of_names() {
        let all = ["img_00001.jpg", "flow_x_00001.jpg", "7.png", "cover.jpg", "v1_g2_003b.jpg"];
        let all = all.map(|name| series(name.as_bytes()).escape_ascii().to_string());
        assert_eq!(all, ["img_", "flow_x_", "", "", "v1_g2_"]);
    }
}
