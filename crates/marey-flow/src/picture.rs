//! Pictures of flow for the eye: frames, colours and arrows side by side, still or moving.

use std::path::Path;

use image::{
    Delay, DynamicImage, Frame, Rgb, RgbImage,
    codecs::gif::{GifEncoder, Repeat},
    imageops,
};

use crate::error::same_size;
use crate::{Arrows, Error, Field, Result, colour::colour, disk};

/// Pixels between two images.
const GAP: u32 = 4;

/// The frame, the next one, the flow between them in [`colour`](crate::colour()) and the frame with [`Arrows`], side by side.
/// `max` is as that of `colour`.
///
/// # Errors
///
/// If frames and field are not of one size, or `max` or the arrows cannot be drawn.
pub fn picture(
    frame: &RgbImage,
    next: &RgbImage,
    field: &Field,
    max: Option<f32>,
    arrows: Arrows,
) -> Result<RgbImage> {
    same_size("a picture is of a frame and a field", crate::grey::size_of(next), field.size())?;
    let drawn = arrows.draw(frame, field)?;
    Ok(side_by_side(&[frame, next, &colour(field, max)?, &drawn]))
}

/// Images from left to right, on white.
pub fn side_by_side(images: &[&RgbImage]) -> RgbImage {
    let width = images.iter().map(|image| image.width() + GAP).sum::<u32>().saturating_sub(GAP);
    let height = images.iter().map(|image| image.height()).max().unwrap_or(0);
    let mut all = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    let mut x = 0;
    for image in images {
        imageops::replace(&mut all, *image, x, 0);
        x += i64::from(image.width() + GAP);
    }
    all
}

/// Writes pictures of one size as an animated GIF that repeats for ever, each shown for `delay` milliseconds. GIF counts hundredths
/// of a second, and has 256 colours a picture.
///
/// # Errors
///
/// If there is no picture, if they are not of one size, or if the system refuses.
pub fn write_gif(path: impl AsRef<Path>, pictures: &[RgbImage], delay: u32) -> Result<()> {
    let path = path.as_ref();
    let Some(first) = pictures.first() else {
        return Err(Error::format(path, "a GIF is of one picture or more, and there is none"));
    };
    if let Some(other) = pictures.iter().find(|other| other.dimensions() != first.dimensions()) {
        let (met, wanted) = (other.dimensions(), first.dimensions());
        let what = format!("the pictures of a GIF are of one size, not {met:?} and {wanted:?}");
        return Err(Error::format(path, what));
    }
    let mut bytes = Vec::new();
    encode(&mut bytes, pictures, delay)
        .map_err(|e| Error::format(path, format!("no GIF could be made: {e}")))?;
    disk::write(path, &bytes)
}

fn encode(bytes: &mut Vec<u8>, pictures: &[RgbImage], delay: u32) -> image::ImageResult<()> {
    // 1 chooses the best colours and takes the longest, 30 the fastest.
    let mut encoder = GifEncoder::new_with_speed(bytes, 10);
    encoder.set_repeat(Repeat::Infinite)?;
    pictures.iter().try_for_each(|picture| {
        let picture = DynamicImage::from(picture.clone()).into_rgba8();
        let delay = Delay::from_numer_denom_ms(delay, 1);
        encoder.encode_frame(Frame::from_parts(picture, 0, 0, delay))
    })
}

#[cfg(test)]
mod tests {
    use image::{AnimationDecoder, codecs::gif::GifDecoder};

    use super::*;

    fn plain(width: u32, height: u32, grey: u8) -> RgbImage {
        RgbImage::from_pixel(width, height, Rgb([grey; 3]))
    }

    #[test]
    fn images_are_side_by_side() {
        let all = side_by_side(&[&plain(3, 2, 10), &plain(1, 4, 20)]);
        assert_eq!(all.dimensions(), (8, 4));
        let row = |y: u32| (0..8).map(|x| all.get_pixel(x, y).0[0]).collect::<Vec<_>>();
        assert_eq!(row(1), [10, 10, 10, 255, 255, 255, 255, 20]);
        assert_eq!(row(3), [255, 255, 255, 255, 255, 255, 255, 20]);
        assert_eq!(side_by_side(&[]).dimensions(), (0, 0));
    }

    #[test]
    fn a_picture_is_frames_colours_and_arrows() {
        let field = Field::from_fn(6, 4, |_, _| [0., 2.]).unwrap();
        let (frame, next) = (plain(6, 4, 50), plain(6, 4, 60));
        let all = picture(&frame, &next, &field, None, Arrows { step: 4, scale: 1. }).unwrap();
        assert_eq!(all.dimensions(), (36, 4));
        let at = |x| all.get_pixel(x, 0).0;
        assert_eq!((at(0), at(10), at(20)), ([50; 3], [60; 3], [255, 229, 0]));
        assert_ne!(all.get_pixel(32, 2).0, [50; 3]);
        assert!(picture(&frame, &plain(5, 4, 0), &field, None, Arrows::default()).is_err());
    }

    #[test]
    fn a_gif_has_its_pictures_and_its_delay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.gif");
        write_gif(&path, &[plain(5, 3, 0), plain(5, 3, 255)], 120).unwrap();
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let frames = GifDecoder::new(file).unwrap().into_frames().collect_frames().unwrap();
        let greys: Vec<u8> =
            frames.iter().map(|frame| frame.buffer().get_pixel(2, 2).0[0]).collect();
        assert_eq!(greys, [0, 255]);
        assert_eq!(frames[0].delay().numer_denom_ms(), (120, 1));
        for bad in [&[][..], &[plain(5, 3, 0), plain(3, 5, 0)], &[plain(70_000, 1, 0)]] {
            assert!(write_gif(&path, bad, 10).is_err());
        }
    }
}
