//! Which parts of a frame a network is tested on.

use candle::{Result, bail};

use crate::view::{Part, Place, View};

/// Which parts of a frame a network is tested on, each as large as what it sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Crops {
    /// The middle.
    #[default]
    Center,
    /// Both ends of the longer side and the middle: the test of nonlocal, SlowFast and channel-separated networks, of frames
    /// whose shorter side is what the network sees (Tran et al. 2019).
    Three,
    /// The corners and the middle.
    Five,
    /// Three rows of three (Sun et al. 2015).
    Nine,
    /// The corners and the middle, then each mirrored (Simonyan and Zisserman 2014).
    Ten,
    /// Three rows of three, then each mirrored (Sun et al. 2015).
    Eighteen,
}

impl Crops {
    /// All of them, by how many there are.
    pub const ALL: [Self; 6] =
        [Self::Center, Self::Three, Self::Five, Self::Nine, Self::Ten, Self::Eighteen];

    /// Those of so many.
    ///
    /// # Errors
    ///
    /// If there is no such number.
    pub fn of(count: usize) -> Result<Self> {
        match Self::ALL.into_iter().find(|crops| crops.count() == count) {
            Some(crops) => Ok(crops),
            None => bail!("crops: 1, 3, 5, 9, 10 or 18 wanted, got {count}"),
        }
    }

    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::Center => 1,
            Self::Three => 3,
            Self::Five => 5,
            Self::Nine => 9,
            Self::Ten => 10,
            Self::Eighteen => 18,
        }
    }

    /// As in the description of a protocol: `centre crop`, `10 crops (corners, centre, mirrored)`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Center => "centre crop",
            Self::Three => "3 crops (along the longer side)",
            Self::Five => "5 crops (corners, centre)",
            Self::Nine => "9 crops (3 x 3)",
            Self::Ten => "10 crops (corners, centre, mirrored)",
            Self::Eighteen => "18 crops (3 x 3, mirrored)",
        }
    }

    /// `view` of each part, of frames of `height` x `width`.
    pub fn views(self, view: &View, height: usize, width: usize) -> Vec<View> {
        let grid = [0, 2, 4].into_iter().flat_map(|y| [0, 2, 4].map(|x| [y, x]));
        let (places, mirrored): (Vec<[usize; 2]>, bool) = match self {
            Self::Center => (vec![[2, 2]], false),
            Self::Three if width >= height => (vec![[2, 0], [2, 2], [2, 4]], false),
            Self::Three => (vec![[0, 2], [2, 2], [4, 2]], false),
            Self::Five => (crate::crop::FIVE.to_vec(), false),
            Self::Nine => (grid.collect(), false),
            Self::Ten => (crate::crop::FIVE.to_vec(), true),
            Self::Eighteen => (grid.collect(), true),
        };
        let seen = |mirrored| {
            places.iter().map(move |place| View {
                part: Part { place: Place::Quarters(*place), ..Part::MIDDLE },
                mirrored,
                ..*view
            })
        };
        let again = mirrored.then(|| seen(true)).into_iter().flatten();
        seen(false).chain(again).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clip, Normalize, Size, nine_crop, ten_crop};
    use candle::{Device, Tensor};

    const VIEW: View = View {
        size: Size::Exactly(6, 9),
        part: Part::MIDDLE,
        side: 4,
        mirrored: false,
        colour: None,
        normalize: Normalize::SIGNED,
    };

    #[test]
    fn views_are_the_crops_of_the_functions() {
        let clip = Tensor::arange(0f32, 108., &Device::Cpu).unwrap().reshape((1, 2, 6, 9)).unwrap();
        let clip = Clip::new(clip).unwrap();
        let all = |clips: Vec<Clip>| {
            let values = |c: &Clip| c.tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            clips.iter().map(values).collect::<Vec<_>>()
        };
        let seen = |crops: Crops| {
            let views = crops.views(&VIEW, 6, 9);
            assert_eq!(views.len(), crops.count());
            all(views.iter().map(|view| view.crop(&clip).unwrap()).collect())
        };
        assert_eq!(seen(Crops::Ten), all(ten_crop(&clip, 4, 4).unwrap()));
        let nine = all(nine_crop(&clip, 4, 4).unwrap());
        assert_eq!(seen(Crops::Nine), nine);
        let eighteen = seen(Crops::Eighteen);
        assert_eq!(eighteen[..9], nine);
        assert_eq!(eighteen[9][..4], [nine[0][3], nine[0][2], nine[0][1], nine[0][0]]);
        assert_eq!(seen(Crops::Three)[0], nine[3]);
        // The longer side of a tall frame is its height.
        assert_eq!(Crops::Three.views(&VIEW, 9, 6)[0].part.place, Place::Quarters([0, 2]));
    }

    #[test]
    fn crops_are_known_by_their_number() {
        for crops in Crops::ALL {
            assert_eq!(Crops::of(crops.count()).unwrap(), crops);
        }
        assert!(Crops::of(4).unwrap_err().to_string().contains("got 4"));
    }
}
