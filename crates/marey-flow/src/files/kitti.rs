//! The flow PNGs of the KITTI benchmarks.
//!
//! RGB of 16 bits: red is `64 x + 2^15`, green `64 y + 2^15`, and blue is 0 where the displacement is not known (the readme of
//! KITTI's development kit, <https://www.cvlibs.net/datasets/kitti/eval_scene_flow.php?benchmark=flow>).

use std::{io::Cursor, path::Path};

use image::{DynamicImage, ImageBuffer, ImageFormat, Rgb};

use crate::{Error, Field, Result, disk};

type Image = ImageBuffer<Rgb<u16>, Vec<u16>>;

/// The field that the bytes of a PNG are.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<Field> {
    let image = match disk::decode(path, bytes)? {
        DynamicImage::ImageRgb16(image) => image,
        other => {
            let what = format!("a PNG of flow is RGB of 16 bits, and this is {:?}", other.color());
            return Err(Error::format(path, what));
        }
    };
    let pixel = |&Rgb([x, y, known]): &Rgb<u16>| match known {
        0 => (f32::NAN, f32::NAN),
        _ => (displacement(x), displacement(y)),
    };
    let (x, y) = image.pixels().map(pixel).unzip();
    Field::new(image.width() as usize, image.height() as usize, x, y)
}

/// The bytes of a PNG of `field`, each displacement to the nearest 1/64 pixel.
pub(super) fn encode(path: &Path, field: &Field) -> Result<Vec<u8>> {
    let (width, height) = field.sides()?;
    let mut image = Image::new(width, height);
    for (numbers, (column, row, pixel)) in image.pixels_mut().zip(field.pixels()) {
        let Some(pixel) = pixel else { continue };
        let [Some(x), Some(y)] = pixel.map(number) else {
            let most = "a PNG holds -512 to 511.98 pixels";
            return Err(super::too_far(path, column, row, pixel, most));
        };
        *numbers = Rgb([x, y, 1]);
    }
    let mut bytes = Cursor::new(Vec::new());
    let written = image.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|e| Error::format(path, format!("no PNG could be made: {e}")))?;
    Ok(bytes.into_inner())
}

fn displacement(number: u16) -> f32 {
    (f32::from(number) - 32768.) / 64.
}

/// What stands for a displacement, if anything can.
fn number(displacement: f32) -> Option<u16> {
    let number = (64. * f64::from(displacement) + 32768.).round();
    (0. ..=65535.).contains(&number).then_some(number as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> &'static Path {
        Path::new("a.png")
    }

    fn png(image: DynamicImage) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn numbers_are_those_of_the_formula() {
        // By hand: 64 * -512 + 32768 = 0, 64 * 1.5 + 32768 = 32864, 64 * 512 + 32768 is 1 too many.
        for (v, n) in [(-512., 0), (0., 32768), (1.5, 32864), (512. - 1. / 64., 65535)] {
            assert_eq!((number(v), displacement(n)), (Some(n), v));
        }
        for out in [-512.01, 512., f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(number(out), None, "{out}");
        }
    }

    #[test]
    fn every_number_comes_back() {
        for n in 0..=u16::MAX {
            assert_eq!(number(displacement(n)), Some(n));
        }
    }

    #[test]
    fn a_field_goes_in_and_out_to_half_a_step() {
        let of = |x: usize, y: usize| match (x, y) {
            (3, 2) => [f32::NAN; 2],
            _ => [x as f32 * 0.777 - 2., (y as f32).sin() * 300.],
        };
        let field = Field::from_fn(7, 5, of).unwrap();
        let back = decode(path(), &encode(path(), &field).unwrap()).unwrap();
        assert_eq!(back.get(3, 2), None);
        for ((_, _, want), (column, row, got)) in field.pixels().zip(back.pixels()) {
            let (Some(want), Some(got)) = (want, got) else {
                assert_eq!((column, row, want), (3, 2, None));
                continue;
            };
            assert!(
                (0..2).all(|c| (want[c] - got[c]).abs() <= 1. / 128. + 1e-5),
                "{want:?} {got:?}"
            );
        }
    }

    #[test]
    fn the_pixel_that_is_too_far_is_named() {
        let field =
            Field::from_fn(4, 3, |x, y| [0., if (x, y) == (1, 2) { 600. } else { 0. }]).unwrap();
        let error = encode(path(), &field).unwrap_err().to_string();
        assert!(error.contains("a.png: (0, 600) at column 1, row 2"), "{error}");
    }

    #[test]
    fn other_images_and_cut_ones_are_refused() {
        for image in [
            DynamicImage::new_rgb8(2, 2),
            DynamicImage::new_luma16(2, 2),
            DynamicImage::new_rgba16(2, 2),
        ] {
            let error = decode(path(), &png(image)).unwrap_err().to_string();
            assert!(error.contains("RGB of 16 bits"), "{error}");
        }
        let noise = Image::from_fn(9, 9, |x, y| Rgb([x as u16 * 7919, y as u16 * 104, 1]));
        let bytes = png(noise.into());
        // All but the end mark, which carries nothing.
        for end in 8..bytes.len() - 12 {
            assert!(decode(path(), &bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
        }
    }
}
