//! Looking at a dataset: a contact sheet and a moving picture of each class.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use image::codecs::gif::{GifEncoder, Repeat};
use image::{Delay, Frame, RgbImage, RgbaImage};
use marey_clip::{Clip, ClipSampler, Window, resize};
use marey_layers::rng::stream;

use crate::dataset::Dataset;
use crate::error::{Error, Result};

/// Height of a frame as it is shown.
const SIDE: usize = 128;
/// Frames in a row of the sheet.
const COLUMNS: usize = 8;
/// The most frames of a moving picture.
const MOST: usize = 64;

/// Writes `contact-sheet.png` (a row for each class, in their order, of frames evenly spaced over its
/// first video) and a `.gif` of each class's first video into `dir`, which is made if need be.
///
/// Classes without a video are left out. Gives the paths of what was written.
///
/// # Errors
///
/// If a video cannot be read or a file not written.
pub fn preview(dataset: &dyn Dataset, dir: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io(dir, e))?;
    let mut rows = Vec::new();
    let mut written = Vec::new();
    for (label, class) in dataset.classes().iter().enumerate() {
        let Some(index) = (0..dataset.len()).find(|i| dataset.label(*i) as usize == label) else {
            continue;
        };
        let frames = dataset.num_frames(index)?;
        rows.push(shown(dataset, index, &spread(frames, COLUMNS)?)?);
        let moving = shown(dataset, index, &spread(frames, frames.min(MOST))?)?;
        let path = dir.join(format!("{}.gif", file_name(class)));
        write_gif(&path, moving)?;
        written.push(path);
    }
    let path = dir.join("contact-sheet.png");
    sheet(&rows).save(&path).map_err(|source| Error::Image { path: path.clone(), source })?;
    written.insert(0, path);
    Ok(written)
}

/// `count` frames of video `index`, evenly spaced over it, 128 pixels high.
///
/// # Errors
///
/// If the video cannot be read.
pub fn thumbnails(dataset: &dyn Dataset, index: usize, count: usize) -> Result<Vec<RgbImage>> {
    shown(dataset, index, &spread(dataset.num_frames(index)?, count)?)
}

/// `count` frames from the first to the last.
fn spread(frames: usize, count: usize) -> Result<Vec<usize>> {
    let each = ClipSampler::Uniform(Window { length: 1, stride: 1 }, count);
    Ok(each.sample(frames, &mut stream(0, "preview", 0))?.concat())
}

fn shown(dataset: &dyn Dataset, index: usize, which: &[usize]) -> Result<Vec<RgbImage>> {
    let clip = dataset.frames(index, which)?;
    let (_, _, h, w) = clip.dims();
    let width = (w * SIDE / h).max(1);
    let clip: Clip = resize(&clip, SIDE, width)?;
    let images = clip.to_rgb8()?.into_iter().map(|bytes| {
        RgbImage::from_raw(width as u32, SIDE as u32, bytes).expect("bytes of this very size")
    });
    Ok(images.collect())
}

/// Rows of images of one height, on white.
pub fn sheet(rows: &[Vec<RgbImage>]) -> RgbImage {
    let gap = 4;
    let widest = rows.iter().map(|row| row.iter().map(|i| i.width() + gap).sum()).max();
    let tallest = rows.iter().flatten().map(|image| image.height() + gap).max().unwrap_or(0);
    let height = rows.len() as u32 * tallest;
    let mut sheet = RgbImage::from_pixel(widest.unwrap_or(1), height.max(1), image::Rgb([255; 3]));
    for (y, row) in rows.iter().enumerate() {
        let mut x = 0;
        for image in row {
            image::imageops::replace(&mut sheet, image, x, y as i64 * i64::from(tallest));
            x += i64::from(image.width() + gap);
        }
    }
    sheet
}

fn write_gif(path: &Path, frames: Vec<RgbImage>) -> Result<()> {
    let file = File::create(path).map_err(|e| Error::io(path, e))?;
    let failed = |source| Error::Image { path: path.to_path_buf(), source };
    let mut encoder = GifEncoder::new_with_speed(BufWriter::new(file), 10);
    encoder.set_repeat(Repeat::Infinite).map_err(failed)?;
    for frame in frames {
        let rgba = RgbaImage::from_fn(frame.width(), frame.height(), |x, y| {
            let [r, g, b] = frame.get_pixel(x, y).0;
            image::Rgba([r, g, b, 255])
        });
        let frame = Frame::from_parts(rgba, 0, 0, Delay::from_numer_denom_ms(40, 1));
        encoder.encode_frame(frame).map_err(failed)?;
    }
    Ok(())
}

/// A class's name without what file systems may refuse.
fn file_name(class: &str) -> String {
    class.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect()
}
