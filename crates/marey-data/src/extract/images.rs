//! Frames in, images of them and of their flow out, some at once.

use std::fs;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use marey_flow::{Field, Grey, Quantization, TvL1, warped_flows, write_flow_images};
use marey_video::Frame;
use rayon::prelude::*;

use super::config::ExtractConfig;
use crate::error::{Error, Result};

/// Writes `img_00001.jpg`, `flow_x_00001.jpg` and `flow_y_00001.jpg` of the first frame, and so on.
///
/// The field of a frame is the one to the next frame; the last one's is that of the frame before it, once more.
pub(super) struct Images<'a> {
    config: &'a ExtractConfig,
    tvl1: &'a TvL1,
    folder: &'a Path,
    /// Those that nothing was done with.
    waiting: Vec<Frame>,
    /// The last frame whose field is not there, for want of the next frame.
    open: Option<Image>,
    /// The field before that.
    field: Option<Field>,
    /// How many frames were written, and what the bytes of their fields mean.
    rules: Vec<[Quantization; 2]>,
}

/// A frame at its size.
struct Image {
    frame: Frame,
    grey: Grey,
}

impl<'a> Images<'a> {
    pub(super) fn new(config: &'a ExtractConfig, tvl1: &'a TvL1, folder: &'a Path) -> Self {
        let (waiting, rules) = (Vec::new(), Vec::new());
        Self { config, tvl1, folder, waiting, open: None, field: None, rules }
    }

    /// Takes the next frame. Frames are worked on by twice as many as there are threads, and one more.
    pub(super) fn push(&mut self, frame: Frame) -> Result<()> {
        self.waiting.push(frame);
        let here = self.waiting.len() + usize::from(self.open.is_some());
        if here > 2 * rayon::current_num_threads() { self.work() } else { Ok(()) }
    }

    /// How many frames were written.
    pub(super) fn written(&self) -> usize {
        self.rules.len()
    }

    /// Writes the rest, the last field twice; what the bytes of each frame's field mean.
    pub(super) fn finish(mut self) -> Result<Vec<[Quantization; 2]>> {
        self.work()?;
        if let (Some(image), Some(field)) = (&self.open, &self.field) {
            let last = self.write(self.written() + 1, image, field)?;
            self.rules.push(last);
        }
        Ok(self.rules)
    }

    /// Writes all that wait, but for the last one.
    fn work(&mut self) -> Result<()> {
        let size = self.config.size;
        let bring = |frame: Frame| {
            let frame = size.bring(frame)?;
            let (width, height) = (frame.width as usize, frame.height as usize);
            let grey = Grey::from_rgb_bytes(width, height, &frame.data)?;
            Ok(Image { frame, grey })
        };
        let waiting = std::mem::take(&mut self.waiting);
        let brought: Vec<Image> = waiting.into_par_iter().map(bring).collect::<Result<_>>()?;
        let mut images: Vec<Image> = self.open.take().into_iter().chain(brought).collect();
        let pairs: Vec<_> = images.windows(2).map(|pair| (&pair[0].grey, &pair[1].grey)).collect();
        let mut fields = self.fields(&pairs)?;
        let before = self.written();
        let write = |(at, (field, image)): (usize, (&Field, &Image))| {
            self.write(before + at + 1, image, field)
        };
        let rules: Vec<_> =
            fields.par_iter().zip(&images).enumerate().map(write).collect::<Result<_>>()?;
        self.rules.extend(rules);
        self.open = images.pop();
        self.field = fields.pop().or(self.field.take());
        Ok(())
    }

    fn fields(&self, pairs: &[(&Grey, &Grey)]) -> Result<Vec<Field>> {
        let Some(warped) = self.config.warped else { return Ok(self.tvl1.fields(pairs)?) };
        let found = warped_flows(pairs, warped.seed, |pairs| self.tvl1.fields(pairs))?;
        Ok(found.into_iter().map(|found| found.warped).collect())
    }

    fn write(&self, number: usize, image: &Image, field: &Field) -> Result<[Quantization; 2]> {
        let (range, quality) = (self.config.range, self.config.quality);
        let rules = [range.rule(field.x())?, range.rule(field.y())?];
        write_flow_images(self.folder, number, field, rules, quality)?;
        let path = self.folder.join(format!("img_{number:05}.jpg"));
        let bytes = jpeg(&image.frame, quality, &path)?;
        fs::write(&path, bytes).map_err(|e| Error::io(&path, e))?;
        Ok(rules)
    }
}

/// A frame as a JPEG, which is to be called `path`.
pub(crate) fn jpeg(frame: &Frame, quality: u8, path: &Path) -> Result<Vec<u8>> {
    let Frame { width, height, data } = frame;
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(data, *width, *height, ExtendedColorType::Rgb8)
        .map_err(|source| Error::Image { path: path.to_path_buf(), source })?;
    Ok(bytes)
}
