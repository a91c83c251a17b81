//! Videos with their frames, inside the page.

use std::fmt::Write;
use std::io::Cursor;

use anyhow::ensure;
use image::{ImageFormat, RgbImage, imageops};
use marey::inspect::plot::escape;

use super::percent;

/// A video that was not recognised.
pub struct Hard {
    pub video: String,
    /// The class it is of.
    pub label: String,
    /// The class it was taken for.
    pub answer: String,
    /// The label's score, a share of 1.
    pub score: f64,
    /// Some of its frames, in order.
    pub frames: Vec<RgbImage>,
}

/// The most rows of pixels of a frame on the page.
const HEIGHT: u32 = 112;

pub fn figures(videos: &[Hard]) -> anyhow::Result<String> {
    let mut figures = String::new();
    for hard in videos {
        figures += "<figure>\n";
        for frame in &hard.frames {
            let _ = writeln!(figures, "<img alt=\"\" src=\"{}\">", jpeg(frame)?);
        }
        let _ = writeln!(
            figures,
            "<figcaption><code>{}</code>: {}, taken for {}; score of its own class {}</figcaption>\n</figure>",
            escape(&hard.video),
            escape(&hard.label),
            escape(&hard.answer),
            percent(hard.score)
        );
    }
    Ok(figures)
}

/// A small JPEG of `frame` as an address.
fn jpeg(frame: &RgbImage) -> anyhow::Result<String> {
    let (width, height) = frame.dimensions();
    ensure!(width > 0 && height > 0, "a frame of {width}x{height}, wanted one with pixels");
    let mut bytes = Cursor::new(Vec::new());
    if height > HEIGHT {
        let width = (u64::from(width) * u64::from(HEIGHT) / u64::from(height)).max(1) as u32;
        imageops::thumbnail(frame, width, HEIGHT).write_to(&mut bytes, ImageFormat::Jpeg)?;
    } else {
        frame.write_to(&mut bytes, ImageFormat::Jpeg)?;
    }
    Ok(format!("data:image/jpeg;base64,{}", base64(bytes.get_ref())))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let byte = |i| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i <= three.len() { digit.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_rfc_4648() {
        // Section 10, and the last two digits.
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xbf]), "+/+/");
    }

    #[test]
    fn large_frames_become_small_and_empty_ones_are_refused() {
        let [small, large] = [(150, 112), (3000, 2240)]
            .map(|(width, height)| jpeg(&RgbImage::new(width, height)).unwrap().len());
        assert_eq!(small, large, "both 150x112");
        let error = jpeg(&RgbImage::new(0, 3)).unwrap_err();
        assert!(error.to_string().contains("0x3"), "{error}");
        assert!(jpeg(&RgbImage::new(1, 60_000)).is_ok());
    }
}
