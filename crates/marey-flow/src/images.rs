//! Folders of flow images, two a field, as published extractions have them.

use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageEncoder, codecs::jpeg::JpegEncoder};

use crate::{Error, Field, Quantization, Result, disk};

mod series;

/// JPEG quality of written images: OpenCV's default, which `dense_flow` writes with.
pub const QUALITY: u8 = 95;

/// The flow of one video as grey images, an x and a y image for each field. They are read when they are asked for.
#[derive(Debug, Clone)]
pub struct FlowImages {
    x: Vec<PathBuf>,
    y: Vec<PathBuf>,
    size: (u32, u32),
}

impl FlowImages {
    /// The images of one folder: `flow_x_00001.jpg` and `flow_y_00001.jpg` (the code of temporal segment networks, mmaction), or
    /// `x_00001.jpg` and `y_00001.jpg`. Other files, as frames beside them, are passed over.
    ///
    /// # Errors
    ///
    /// As [`open_pair`](Self::open_pair), or if there are images of both namings.
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        Self::new(series::together(folder.as_ref())?)
    }

    /// The images of two folders, as `u/VIDEO/frame000001.jpg` and `v/VIDEO/frame000001.jpg` (the extractions released with
    /// convolutional two-stream fusion). All images of a folder have one name but for the number.
    ///
    /// # Errors
    ///
    /// If there is none, if the numbers do not begin at 0 or 1, or if one is missing in either folder; the error names the first
    /// that is.
    pub fn open_pair(x: impl AsRef<Path>, y: impl AsRef<Path>) -> Result<Self> {
        Self::new(series::apart(x.as_ref(), y.as_ref())?)
    }

    fn new([x, y]: [Vec<PathBuf>; 2]) -> Result<Self> {
        let size = grey(&x[0])?.dimensions();
        Ok(Self { x, y, size })
    }

    /// How many fields there are.
    #[allow(clippy::len_without_is_empty, reason = "a folder without images does not open")]
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Width and height.
    pub fn size(&self) -> (u32, u32) {
        self.size
    }

    /// The x and the y image of a field, from 0 whatever the numbers of the files begin at: what networks are given whose flow
    /// is in bytes.
    ///
    /// # Errors
    ///
    /// If there is no such field; if an image is cut short, broken, of colour, not of 8 bits, or not of the size of the first.
    pub fn planes(&self, index: usize) -> Result<[GrayImage; 2]> {
        let (Some(x), Some(y)) = (self.x.get(index), self.y.get(index)) else {
            let len = self.len();
            return Err(Error::Input(format!("field {index} was asked for, and there are {len}")));
        };
        Ok([self.plane(x)?, self.plane(y)?])
    }

    /// A field, from 0, by the rules that its x and y images were stored with.
    ///
    /// # Errors
    ///
    /// As [`planes`](Self::planes), or if a rule makes no sense.
    pub fn field(&self, index: usize, [x, y]: [Quantization; 2]) -> Result<Field> {
        let [x_bytes, y_bytes] = self.planes(index)?;
        let (width, height) = (self.size.0 as usize, self.size.1 as usize);
        Field::new(width, height, x.dequantize(&x_bytes)?, y.dequantize(&y_bytes)?)
    }

    fn plane(&self, path: &Path) -> Result<GrayImage> {
        let image = grey(path)?;
        let (met, wanted) = (image.dimensions(), self.size);
        if met != wanted {
            let what = format!(
                "{}x{} pixels, and the first image has {}x{}",
                met.0, met.1, wanted.0, wanted.1
            );
            return Err(Error::format(path, what));
        }
        Ok(image)
    }
}

/// Writes a field as `flow_x_00001.jpg` and `flow_y_00001.jpg`, of that `number`, into a folder, which is made if need be.
/// `dense_flow` numbers from 1. `quality` is of JPEG, 1 to 100 ([`QUALITY`]).
///
/// # Errors
///
/// If a displacement is not known, if a rule or the quality makes no sense, or if the system refuses.
pub fn write_flow_images(
    folder: impl AsRef<Path>,
    number: usize,
    field: &Field,
    [x, y]: [Quantization; 2],
    quality: u8,
) -> Result<()> {
    if !(1..=100).contains(&quality) {
        return Err(Error::Input(format!("the quality of a JPEG is 1 to 100, not {quality}")));
    }
    let folder = folder.as_ref();
    let (x, y) = (x.quantize(field.x())?, y.quantize(field.y())?);
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    for (axis, plane) in [("x", x), ("y", y)] {
        let path = folder.join(format!("flow_{axis}_{number:05}.jpg"));
        disk::write(&path, &jpeg(&path, field, &plane, quality)?)?;
    }
    Ok(())
}

/// One plane of `field` as a JPEG.
fn jpeg(path: &Path, field: &Field, plane: &[u8], quality: u8) -> Result<Vec<u8>> {
    let (width, height) = field.sides()?;
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(plane, width, height, image::ExtendedColorType::L8)
        .map_err(|e| Error::format(path, format!("no JPEG could be made: {e}")))?;
    Ok(bytes)
}

/// A grey image of 8 bits, also if it is stored in three equal channels.
fn grey(path: &Path) -> Result<GrayImage> {
    let refused =
        |what: String| Error::format(path, format!("a flow image is grey, of 8 bits, and {what}"));
    match disk::decode(path, &disk::read(path)?)? {
        DynamicImage::ImageLuma8(image) => Ok(image),
        DynamicImage::ImageRgb8(image) => {
            let coloured = image.enumerate_pixels().find(|(_, _, p)| p.0 != [p.0[0]; 3]);
            if let Some((x, y, pixel)) = coloured {
                return Err(refused(format!("the pixel at column {x}, row {y} is {:?}", pixel.0)));
            }
            Ok(DynamicImage::ImageRgb8(image).into_luma8())
        }
        other => Err(refused(format!("this is {:?}", other.color()))),
    }
}

#[cfg(test)]
mod tests;
