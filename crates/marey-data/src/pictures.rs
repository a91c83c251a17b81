//! What a network sees, as pictures.

use candle::Tensor;
use image::{RgbImage, imageops};
use marey_clip::{Clip, Normalize};
use marey_flow::{Flow, colour};

use crate::error::Result;
use crate::modality::Modality;

/// The frames of a clip `[C, T, H, W]` that a network of this modality sees, whose colours were normalised by `normalize`: T
/// pictures. Flow is in the colours of [`marey_flow::colour()`], full ones at the longest displacement of the clip; no
/// difference is grey. Where there are both, colours are above flow or difference.
///
/// # Errors
///
/// If the clip has other channels.
pub fn pictures(clip: &Tensor, modality: Modality, normalize: &Normalize) -> Result<Vec<RgbImage>> {
    let rgb = || images(&undone(&clip.narrow(0, 0, 3)?, normalize, normalize.mean)?);
    Ok(match modality {
        Modality::Rgb => rgb()?,
        Modality::Flow(_) | Modality::FlowImage(_) => flow(clip, 0)?,
        Modality::RgbFlow(_) => stacked(rgb()?, flow(clip, 3)?),
        Modality::RgbDifference(_) => {
            let difference = undone(&clip.narrow(0, 3, 3)?, normalize, [0.; 3])?;
            stacked(rgb()?, images(&difference.affine(0.5, 0.5)?)?)
        }
    })
}

/// Three channels times the deviation, plus `mean`.
fn undone(channels: &Tensor, by: &Normalize, mean: [f32; 3]) -> candle::Result<Tensor> {
    let of = |values: &[f32; 3]| Tensor::new(values, channels.device())?.reshape((3, 1, 1, 1));
    channels.broadcast_mul(&of(&by.std)?)?.broadcast_add(&of(&mean)?)
}

fn images(rgb: &Tensor) -> Result<Vec<RgbImage>> {
    let clip = Clip::new(rgb.contiguous()?)?;
    let (_, _, h, w) = clip.dims();
    let image =
        |bytes| RgbImage::from_raw(w as u32, h as u32, bytes).expect("bytes of this very size");
    Ok(clip.to_rgb8()?.into_iter().map(image).collect())
}

/// The flow whose x is channel `first`.
fn flow(clip: &Tensor, first: usize) -> Result<Vec<RgbImage>> {
    let flow = clip.narrow(0, first, 2)?;
    let longest = flow.sqr()?.sum(0)?.max_all()?.sqrt()?.to_scalar::<f32>()?;
    let max = (longest > 0.).then_some(longest);
    let fields = Flow::new(flow.unsqueeze(0)?)?.fields()?.concat();
    Ok(fields.iter().map(|field| colour(field, max)).collect::<marey_flow::Result<_>>()?)
}

/// Each of `above` with its own of `below` under it.
fn stacked(above: Vec<RgbImage>, below: Vec<RgbImage>) -> Vec<RgbImage> {
    let stack = |(above, below): (RgbImage, RgbImage)| {
        let mut both = RgbImage::new(above.width(), above.height() + below.height());
        imageops::replace(&mut both, &above, 0, 0);
        imageops::replace(&mut both, &below, 0, above.height().into());
        both
    };
    above.into_iter().zip(below).map(stack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modality::FlowRange;
    use candle::Device;

    /// One frame of two pixels, a list a channel.
    fn clip(channels: &[[f32; 2]]) -> Tensor {
        let values = channels.concat();
        Tensor::from_vec(values, (channels.len(), 1, 1, 2), &Device::Cpu).unwrap()
    }

    fn pixels(clip: &Tensor, modality: Modality) -> Vec<[u8; 3]> {
        let normalize = Normalize { mean: [0.2, 0.4, 0.6], std: [0.1, 0.2, 0.4] };
        let pictures = pictures(clip, modality, &normalize).unwrap();
        assert_eq!(pictures.len(), 1);
        pictures[0].pixels().map(|pixel| pixel.0).collect()
    }

    #[test]
    fn colours_are_those_before_they_were_normalised() {
        // By hand: 0.2 + 0.1 * 2 = 0.4 is 102, 0.4 + 0.2 * -2 = 0, and what is beyond the range is cut.
        let seen = [[2., 0.], [-2., 1.], [1., 3.]];
        let colours = [[102, 0, 255], [51, 153, 255]];
        assert_eq!(pixels(&clip(&seen), Modality::Rgb), colours);
        // Below them differences: 0.5 + 0.1 * 5 / 2 = 0.75 is 191, 0.5 is 128, 0.5 - 0.4 / 2 = 0.3 is 77 (76.5).
        let both = [seen, [[5., 0.], [0., 0.], [0., -1.]]].concat();
        let differences = [[191, 128, 128], [128, 128, 77]];
        let want = [colours, differences].concat();
        assert_eq!(pixels(&clip(&both), Modality::RgbDifference(1)), want);
    }

    #[test]
    fn flow_is_in_the_colours_of_the_wheel_whatever_its_range() {
        // The longest displacement, to the right, is red at full; rest is white.
        let seen = [[0.5, 0.], [0., 0.]];
        let want = [[255, 0, 0], [255; 3]];
        assert_eq!(pixels(&clip(&seen), Modality::Flow(FlowRange::SIGNED)), want);
        let image = [seen.to_vec(), vec![[0.5, 0.]]].concat();
        assert_eq!(pixels(&clip(&image), Modality::FlowImage(FlowRange::BYTES)), want);
        let both = [vec![[0.; 2]; 3], seen.to_vec()].concat();
        let all = pixels(&clip(&both), Modality::RgbFlow(FlowRange::PIXELS));
        assert_eq!(all, [[[51, 102, 153]; 2], want].concat());
        assert_eq!(pixels(&clip(&[[0.; 2]; 2]), Modality::Flow(FlowRange::PIXELS)), [[255; 3]; 2]);
        let normalize = Normalize::SIGNED;
        assert!(pictures(&clip(&seen), Modality::Rgb, &normalize).is_err());
    }
}
