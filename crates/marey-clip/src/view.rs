//! How one clip is seen: one size, one part of the frame, one range of values, the same in all its frames.

use candle::{Result, bail};

use crate::clip::Clip;
use crate::colour::Colour;
use crate::crop::crop;
use crate::flip::flip;
use crate::normalize::{Normalize, normalize};
use crate::recipe::Size;
use crate::resize::{resize, resize_short_side};

/// How a clip is seen by a network. [`Augment`](crate::Augment) draws some, [`Crops`](crate::Crops) lists some.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct View {
    /// The size of the frames before a part of them is taken.
    pub size: Size,
    /// Which part.
    pub part: Part,
    /// The side of the square that the part becomes.
    pub side: usize,
    /// Whether left becomes right.
    pub mirrored: bool,
    /// What is done to the colours.
    pub colour: Option<Colour>,
    /// The range of values.
    pub normalize: Normalize,
}

/// A part of a frame: how large, and where.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// How large it is.
    pub extent: Extent,
    /// Where it is.
    pub place: Place,
}

/// How large a part of a frame is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// As large as what the network sees: nothing is resized.
    Same,
    /// Height and width as shares of the shorter side of the frame, in `(0, 1]`; a side that is within 2 pixels of what the
    /// network sees is taken to be that, as in the code of Temporal Segment Networks.
    Scales([f32; 2]),
    /// A share of the frame's area, in `(0, 1]`, and width over height. What is higher or wider than the frame is cut to it.
    Area(f32, f32),
}

/// Where a part of a frame is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Place {
    /// Down and to the right, in quarters of the room there is, rounded down: `[2, 2]` is the middle.
    Quarters([usize; 2]),
    /// Down and to the right, from `[0, 1)` to all places there are.
    Share([f32; 2]),
}

impl Part {
    /// As large as what the network sees, in the middle.
    pub const MIDDLE: Self = Self { extent: Extent::Same, place: Place::Quarters([2, 2]) };

    /// The part of `clip`, brought to `height` x `width`.
    ///
    /// # Errors
    ///
    /// If the frame has no such part.
    pub fn of(&self, clip: &Clip, height: usize, width: usize) -> Result<Clip> {
        let (_, _, h, w) = clip.dims();
        let [rows, columns] = match self.extent {
            Extent::Same => [height, width],
            Extent::Scales([a, b]) => {
                let side = |scale: f32, wanted: usize, room: usize| {
                    let side = ((h.min(w) as f32 * scale) as usize).max(1);
                    if side.abs_diff(wanted) < 3 && wanted <= room { wanted } else { side }
                };
                [side(a, height, h), side(b, width, w)]
            }
            Extent::Area(share, ratio) => {
                let area = (h * w) as f32 * share;
                let cut = |side: f32, room: usize| (side.round() as usize).clamp(1, room);
                [cut((area / ratio).sqrt(), h), cut((area * ratio).sqrt(), w)]
            }
        };
        let (Some(down), Some(right)) = (h.checked_sub(rows), w.checked_sub(columns)) else {
            bail!("crop: a frame of {h} x {w} has no part of {rows} x {columns}")
        };
        let [top, left] = match self.place {
            Place::Quarters([y, x]) => [down * y / 4, right * x / 4],
            Place::Share([y, x]) => [(y, down), (x, right)]
                .map(|(share, room)| ((share * (room + 1) as f32) as usize).min(room)),
        };
        resize(&crop(clip, top, left, rows, columns)?, height, width)
    }
}

impl View {
    /// The first step, for clips of any channels: frames of the size that the part is taken of.
    ///
    /// # Errors
    ///
    /// If a side would be zero.
    pub fn resize(&self, clip: &Clip) -> Result<Clip> {
        match self.size {
            Size::ShortSide(side) => resize_short_side(clip, side),
            Size::Exactly(height, width) => resize(clip, height, width),
        }
    }

    /// The second step, for clips of any channels: the part, mirrored if it is to be.
    ///
    /// # Errors
    ///
    /// If the frame has no such part.
    pub fn crop(&self, clip: &Clip) -> Result<Clip> {
        let part = self.part.of(clip, self.side, self.side)?;
        if self.mirrored { flip(&part) } else { Ok(part) }
    }

    /// The third step, for clips of RGB: their colours and range.
    ///
    /// # Errors
    ///
    /// If the clip has no RGB.
    pub fn tone(&self, clip: &Clip) -> Result<Clip> {
        match &self.colour {
            None => normalize(clip, &self.normalize),
            Some(colour) => normalize(&colour.apply(clip)?, &self.normalize),
        }
    }

    /// All three: `[3, T, H, W]` in `[0, 1]` to `[3, T, side, side]`.
    ///
    /// # Errors
    ///
    /// As the steps.
    pub fn apply(&self, clip: &Clip) -> Result<Clip> {
        self.tone(&self.crop(&self.resize(clip)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, Tensor};

    /// Pixel `(y, x)` is `10 y + x`.
    fn frame(h: usize, w: usize) -> Clip {
        let data: Vec<f32> = (0..h * w).map(|i| (10 * (i / w) + i % w) as f32).collect();
        Clip::new(Tensor::from_vec(data, (1, 1, h, w), &Device::Cpu).unwrap()).unwrap()
    }

    fn first(part: Part, h: usize, w: usize) -> f32 {
        let clip = part.of(&frame(h, w), 2, 2).unwrap();
        clip.tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap()[0]
    }

    #[test]
    fn shares_reach_every_place_and_no_other() {
        let at = |y, x| first(Part { place: Place::Share([y, x]), ..Part::MIDDLE }, 4, 5);
        assert_eq!([at(0., 0.), at(0.34, 0.26), at(0.999_999_9, 0.999_999_9)], [0., 11., 23.]);
        assert_eq!(first(Part::MIDDLE, 4, 5), 11.);
    }

    #[test]
    fn an_area_keeps_within_the_frame() {
        let of = |share, ratio| Part { extent: Extent::Area(share, ratio), ..Part::MIDDLE };
        // 2 x 2 of 16 pixels, in the middle of 4 x 4: not resized.
        assert_eq!(first(of(0.25, 1.), 4, 4), 11.);
        // 4 x 1, cut to 2 x 1 by a frame of 2 x 8, each pixel twice.
        let tall = of(0.25, 0.25).of(&frame(2, 8), 2, 2).unwrap();
        let tall = tall.tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(tall, [3., 3., 13., 13.]);
    }

    #[test]
    fn a_part_larger_than_the_frame_is_refused() {
        assert!(Part::MIDDLE.of(&frame(2, 2), 3, 2).unwrap_err().to_string().contains("2 x 2"));
    }
}
