//! Grey images: what flow is found between.

use image::RgbImage;

use crate::{Error, Result};

/// An image of one channel in `[0, 255]`, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<f32>,
}

impl Grey {
    /// Wraps `width * height` finite numbers.
    pub fn new(width: usize, height: usize, pixels: Vec<f32>) -> Result<Self> {
        if width == 0 || height == 0 || width.checked_mul(height) != Some(pixels.len()) {
            let len = pixels.len();
            return Err(Error::Input(format!(
                "an image of {width}x{height} pixels cannot have {len} numbers"
            )));
        }
        if let Some(at) = pixels.iter().position(|pixel| !pixel.is_finite()) {
            let (x, y, value) = (at % width, at / width, pixels[at]);
            return Err(Error::Input(format!(
                "a grey image has finite pixels, not {value} at column {x}, row {y}"
            )));
        }
        Ok(Self { width, height, pixels })
    }

    /// `0.299 R + 0.587 G + 0.114 B`, rounded to whole numbers, as OpenCV makes grey of colour (in 15 bits of fraction).
    pub fn from_rgb(image: &RgbImage) -> Result<Self> {
        Self::from_rgb_bytes(image.width() as usize, image.height() as usize, image.as_raw())
    }

    /// [`from_rgb`](Self::from_rgb), of `3 * width * height` bytes, pixel by pixel.
    pub fn from_rgb_bytes(width: usize, height: usize, bytes: &[u8]) -> Result<Self> {
        let grey = |pixel: &[u8]| {
            let [r, g, b] = [0, 1, 2].map(|c| u32::from(pixel[c]));
            ((9798 * r + 19235 * g + 3735 * b + (1 << 14)) >> 15) as f32
        };
        if !bytes.len().is_multiple_of(3) {
            let len = bytes.len();
            return Err(Error::Input(format!("an RGB image has 3 bytes a pixel, not {len} bytes")));
        }
        Self::new(width, height, bytes.chunks_exact(3).map(grey).collect())
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width and height.
    pub fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// `width * height` numbers, row by row.
    pub fn pixels(&self) -> &[f32] {
        &self.pixels
    }
}

/// Width and height of an image.
pub(crate) fn size_of(image: &RgbImage) -> [usize; 2] {
    [image.width() as usize, image.height() as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_rounded_luma() {
        let image = RgbImage::from_raw(2, 1, vec![255, 255, 255, 10, 200, 30]).unwrap();
        // 2.99 + 117.4 + 3.42 = 123.81.
        assert_eq!(Grey::from_rgb(&image).unwrap().pixels(), [255., 124.]);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert!(Grey::new(2, 2, vec![0.; 3]).is_err());
        assert!(Grey::new(0, 2, vec![]).is_err());
        let error = Grey::new(2, 1, vec![0., f32::NAN]).unwrap_err().to_string();
        assert!(error.contains("column 1, row 0"), "{error}");
        assert!(Grey::from_rgb_bytes(1, 1, &[0; 4]).is_err());
    }
}
