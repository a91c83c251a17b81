//! How the clips of a network are made from frames.

use candle::Result;

use crate::{Clip, Normalize, Part, View};

/// The size frames are brought to before they are cropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// The shorter side has this many cells, the other keeps the shape.
    ShortSide(usize),
    /// Height and width, whatever the shape was.
    Exactly(usize, usize),
}

/// How the clips of a network are made from frames: what its paper, or the code that trained its released weights, does
/// when it tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recipe {
    /// Frames of a clip.
    pub frames: usize,
    /// Frames of the video from one of the clip to the next.
    pub stride: usize,
    /// The size before the crop.
    pub size: Size,
    /// Side of the square in the middle that the network sees.
    pub crop: usize,
    /// The range of values.
    pub normalize: Normalize,
}

impl Recipe {
    /// How it sees a clip: the middle.
    pub fn view(&self) -> View {
        View {
            size: self.size,
            part: Part::MIDDLE,
            side: self.crop,
            mirrored: false,
            colour: None,
            normalize: self.normalize,
        }
    }

    /// Resizes, crops the middle, and normalises: `[3, T, H, W]` in `[0, 1]` to `[3, T, crop, crop]`.
    pub fn prepare(&self, clip: &Clip) -> Result<Clip> {
        self.view().apply(clip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{DType, Device, Tensor};

    #[test]
    fn prepare_of_a_grey_clip_is_grey_in_the_wanted_range() -> Result<()> {
        let grey = Tensor::full(0.5f32, (3, 2, 30, 40), &Device::Cpu)?.to_dtype(DType::F32)?;
        for size in [Size::ShortSide(16), Size::Exactly(16, 21)] {
            let recipe =
                Recipe { frames: 2, stride: 1, size, crop: 14, normalize: Normalize::SIGNED };
            let clip = recipe.prepare(&Clip::new(grey.clone())?)?;
            assert_eq!(clip.tensor().dims(), [3, 2, 14, 14]);
            assert!(clip.tensor().abs()?.max_all()?.to_scalar::<f32>()? < 1e-6);
        }
        Ok(())
    }
}
