//! What is done to the clips a network learns from.

use candle::{Result, bail};
use rand::Rng;

use crate::colour::ColourJitter;
use crate::multi_scale::MultiScale;
use crate::normalize::Normalize;
use crate::recipe::{Recipe, Size};
use crate::view::{Extent, Part, Place, View};

/// How [`View`]s of training clips are drawn.
///
/// ```
/// use marey_clip::{Augment, Crop, Normalize, Size};
/// use rand::SeedableRng;
/// // 16 x 112 x 112 of 16 x 128 x 171, and half of the clips mirrored: C3D.
/// let augment = Augment {
///     size: Size::Exactly(128, 171),
///     crop: Crop::Random,
///     flip: 0.5,
///     side: 112,
///     ..Augment::none(Normalize::SIGNED)
/// };
/// let view = augment.draw(&mut rand_chacha::ChaCha8Rng::seed_from_u64(1));
/// assert_eq!(view.side, 112);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Augment {
    /// The size of the frames before a part of them is taken.
    pub size: Size,
    /// The shorter side is drawn from this range in place of `size`, both ends included.
    pub short_sides: Option<[usize; 2]>,
    /// Which part is taken.
    pub crop: Crop,
    /// The side of the square that the part becomes.
    pub side: usize,
    /// The chance that left becomes right.
    pub flip: f32,
    /// What is done to the colours.
    pub colour: Option<ColourJitter>,
    /// The range of values.
    pub normalize: Normalize,
}

/// Which part of a training clip's frames is taken.
#[derive(Debug, Clone, PartialEq)]
pub enum Crop {
    /// The middle, as large as what the network sees.
    Center,
    /// From anywhere, as large as what the network sees.
    Random,
    /// A corner or the middle, as large as what the network sees.
    Corners,
    /// A corner or the middle, at a random size (Wang et al. 2016).
    MultiScale(MultiScale),
    /// From anywhere, of a share of the area and a width over height from these ranges; the latter's logarithm is drawn
    /// evenly (Szegedy et al. 2015, as in torchvision, but one that is larger than the frame is cut to it, not drawn again).
    Resized {
        /// From and to which share of the area, in `(0, 1]`.
        area: [f32; 2],
        /// From and to which width over height.
        ratio: [f32; 2],
    },
}

impl Augment {
    /// The middle 224 x 224 of frames with a shorter side of 256.
    pub fn none(normalize: Normalize) -> Self {
        Self {
            size: Size::ShortSide(256),
            short_sides: None,
            crop: Crop::Center,
            side: 224,
            flip: 0.,
            colour: None,
            normalize,
        }
    }

    /// Random crops and flips of what a network is tested on.
    pub fn of(recipe: &Recipe) -> Self {
        Self {
            size: recipe.size,
            crop: Crop::Random,
            side: recipe.crop,
            flip: 0.5,
            ..Self::none(recipe.normalize)
        }
    }

    /// Refuses settings that no view can be drawn by.
    ///
    /// # Errors
    ///
    /// If a chance, share, range or side makes no sense.
    pub fn check(&self) -> Result<()> {
        let range = |[from, to]: [f32; 2], most: f32| from > 0. && from <= to && to <= most;
        if !(0. ..=1.).contains(&self.flip) {
            bail!("augmentation: the chance of a flip is {}, outside [0, 1]", self.flip)
        }
        if let Some([from, to]) = self.short_sides
            && (from == 0 || from > to)
        {
            bail!("augmentation: shorter sides from {from} to {to}")
        }
        match &self.crop {
            Crop::MultiScale(config) => config.check()?,
            Crop::Resized { area, ratio } if !range(*area, 1.) || !range(*ratio, 1e3) => {
                bail!(
                    "augmentation: areas {area:?} and ratios {ratio:?}; ascending ones above 0 wanted, areas up to 1"
                )
            }
            _ => {}
        }
        self.colour.as_ref().map_or(Ok(()), ColourJitter::check)
    }

    /// How one clip is seen.
    pub fn draw(&self, rng: &mut impl Rng) -> View {
        let size = match self.short_sides {
            None => self.size,
            Some([from, to]) => Size::ShortSide(rng.random_range(from..=to.max(from))),
        };
        let part = match &self.crop {
            Crop::Center => Part::MIDDLE,
            Crop::Random => Part { place: anywhere(rng), ..Part::MIDDLE },
            Crop::Corners => Part { place: corner(rng), ..Part::MIDDLE },
            Crop::MultiScale(config) => config.draw(rng),
            Crop::Resized { area: [least, most], ratio } => {
                let [narrow, wide] = ratio.map(f32::ln);
                let share = least + (most - least) * rng.random::<f32>();
                let ratio = (narrow + (wide - narrow) * rng.random::<f32>()).exp();
                Part { extent: Extent::Area(share, ratio), place: anywhere(rng) }
            }
        };
        View {
            size,
            part,
            side: self.side,
            mirrored: rng.random::<f32>() < self.flip,
            colour: self.colour.as_ref().map(|jitter| jitter.draw(rng)),
            normalize: self.normalize,
        }
    }
}

fn anywhere(rng: &mut impl Rng) -> Place {
    Place::Share([rng.random(), rng.random()])
}

fn corner(rng: &mut impl Rng) -> Place {
    let five = crate::crop::FIVE;
    Place::Quarters(five[rng.random_range(0..five.len())])
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const NONE: fn() -> Augment = || Augment::none(Normalize::SIGNED);

    #[test]
    fn what_is_drawn_follows_from_the_generator_alone() {
        let colour = ColourJitter { brightness: 0.4, hue: 0.1, ..ColourJitter::default() };
        let crop = Crop::Resized { area: [0.2, 0.5], ratio: [0.75, 1.5] };
        let augment = Augment { crop, flip: 0.5, colour: Some(colour), ..NONE() };
        let draw = |seed| augment.draw(&mut ChaCha8Rng::seed_from_u64(seed));
        assert_eq!(draw(1), draw(1));
        let all: Vec<View> = (0..200).map(draw).collect();
        let flips = all.iter().filter(|view| view.mirrored).count();
        // Five deviations of 200 tosses.
        assert!(flips.abs_diff(100) < 36, "{flips}");
        let in_range = |view: &View| match view.part.extent {
            Extent::Area(share, ratio) => {
                (0.2..=0.5).contains(&share) && (0.749..=1.501).contains(&ratio)
            }
            _ => false,
        };
        assert!(all.iter().all(in_range));
    }

    #[test]
    fn shorter_sides_are_drawn_to_both_ends() {
        let augment = Augment { short_sides: Some([7, 9]), ..NONE() };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let sizes: Vec<Size> = (0..100).map(|_| augment.draw(&mut rng).size).collect();
        assert!([7, 8, 9].iter().all(|side| sizes.contains(&Size::ShortSide(*side))));
        assert!(!sizes.contains(&Size::ShortSide(10)));
    }

    #[test]
    fn senseless_settings_are_refused() {
        let resized = |area, ratio| Crop::Resized { area, ratio };
        assert!(NONE().check().is_ok());
        for augment in [
            Augment { flip: 1.5, ..NONE() },
            Augment { short_sides: Some([9, 7]), ..NONE() },
            Augment { crop: resized([0., 1.], [1., 1.]), ..NONE() },
            Augment { crop: resized([0.5, 1.], [2., 1.]), ..NONE() },
            Augment {
                crop: Crop::MultiScale(MultiScale { scales: vec![], ..MultiScale::default() }),
                ..NONE()
            },
        ] {
            assert!(augment.check().is_err(), "{augment:?}");
        }
    }
}
