//! The flow images of LRCN: x, y and length as the three channels of one image.

use image::{Rgb, RgbImage};

use crate::{Field, Quantization::Lrcn, Result};

/// Red is x, green is y, blue the length of the displacement, each `16 v + 128`, clipped to `[0, 255]`
/// (`create_flow_images_LRCN.m` of the code of Donahue et al., CVPR 2015, which stores them as JPEG).
///
/// # Errors
///
/// If a displacement is not known.
pub fn lrcn_image(field: &Field) -> Result<RgbImage> {
    let length = field.x().iter().zip(field.y()).map(|(x, y)| x.hypot(*y));
    let length = Lrcn.quantize(&length.collect::<Vec<_>>())?;
    let (x, y) = (Lrcn.quantize(field.x())?, Lrcn.quantize(field.y())?);
    let (width, height) = field.sides()?;
    let mut image = RgbImage::new(width, height);
    for (pixel, ((x, y), length)) in image.pixels_mut().zip(x.into_iter().zip(y).zip(length)) {
        *pixel = Rgb([x, y, length]);
    }
    Ok(image)
}

/// The field of such an image: what red and green say. They are within 1/32 pixel, where neither was clipped (-8 to 7.94 pixels)
/// and the image was not compressed.
///
/// # Errors
///
/// If the image has no pixels.
pub fn lrcn_field(image: &RgbImage) -> Result<Field> {
    let plane = |c: usize| Lrcn.dequantize(&image.pixels().map(|p| p.0[c]).collect::<Vec<_>>());
    Field::new(image.width() as usize, image.height() as usize, plane(0)?, plane(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_x_y_and_length() {
        // By hand: 16 * 3 + 128 = 176, 16 * -4 + 128 = 64, 16 * 5 + 128 = 208; then all clipped.
        let field = Field::new(2, 1, vec![3., -9.], vec![-4., 12.]).unwrap();
        let image = lrcn_image(&field).unwrap();
        assert_eq!(image.as_raw(), &[176, 64, 208, 0, 255, 255]);
        let back = lrcn_field(&image).unwrap();
        assert_eq!((back.get(0, 0), back.get(1, 0)), (Some([3., -4.]), Some([-8., 7.9375])));
    }

    #[test]
    fn an_unknown_displacement_has_no_colour() {
        assert!(lrcn_image(&Field::from_fn(2, 2, |_, _| [f32::NAN; 2]).unwrap()).is_err());
        assert!(lrcn_field(&RgbImage::new(0, 3)).is_err());
    }
}
