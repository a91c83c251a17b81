//! The scale-jittered crop of Temporal Segment Networks.

use candle::{Result, bail};
use rand::Rng;

use crate::clip::Clip;
use crate::crop::FIVE;
use crate::view::{Extent, Part, Place};

/// How [`multi_scale_crop`] draws; the default is that for RGB of Wang et al. 2016.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiScale {
    /// Sides of the crop, in shorter sides of the frame, in `(0, 1]`.
    pub scales: Vec<f32>,
    /// How many places apart in `scales` height and width may be.
    pub max_distort: usize,
    /// Whether eight places between corners and middle are drawn too (the authors' `more_fix_crop`).
    pub more_places: bool,
}

impl Default for MultiScale {
    fn default() -> Self {
        Self { scales: vec![1., 0.875, 0.75, 0.66], max_distort: 1, more_places: false }
    }
}

impl MultiScale {
    /// The scales for flow.
    pub fn flow() -> Self {
        Self { scales: vec![1., 0.875, 0.75], ..Self::default() }
    }
}

const MORE: [[usize; 2]; 13] = [
    FIVE[0],
    FIVE[1],
    FIVE[2],
    FIVE[3],
    FIVE[4],
    [0, 2],
    [2, 0],
    [2, 4],
    [4, 2],
    [1, 1],
    [1, 3],
    [3, 1],
    [3, 3],
];

impl MultiScale {
    /// Refuses scales that no part can be drawn by.
    ///
    /// # Errors
    ///
    /// If there are no scales or one is outside `(0, 1]`.
    pub fn check(&self) -> Result<()> {
        let scales = &self.scales;
        if scales.is_empty() || scales.iter().any(|s| !(*s > 0. && *s <= 1.)) {
            bail!("multi-scale crop: scales in (0, 1] wanted, got {scales:?}")
        }
        Ok(())
    }

    /// The part that one clip is seen by. There must be scales.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> Part {
        let count = self.scales.len();
        let pairs: Vec<_> = (0..count)
            .flat_map(|i| (0..count).map(move |j| (i, j)))
            .filter(|(i, j)| i.abs_diff(*j) <= self.max_distort)
            .collect();
        let (i, j) = pairs[rng.random_range(0..pairs.len())];
        let places: &[_] = if self.more_places { &MORE } else { &FIVE };
        let place = Place::Quarters(places[rng.random_range(0..places.len())]);
        Part { extent: Extent::Scales([self.scales[i], self.scales[j]]), place }
    }
}

/// Crops a corner or the middle at a random size, then resizes it to `height` x `width`.
///
/// The height and the width of the crop are drawn from `scales` times the shorter side of the
/// frame; one within 2 pixels of the wanted size is taken to be it, as the authors' code does.
///
/// # Errors
///
/// If there are no scales or one is outside `(0, 1]`.
pub fn multi_scale_crop(
    clip: &Clip,
    height: usize,
    width: usize,
    config: &MultiScale,
    rng: &mut impl Rng,
) -> Result<Clip> {
    config.check()?;
    config.draw(rng).of(clip, height, width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, Tensor};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Channels hold x and y, in pixels, and are no flow.
    fn coordinates(h: usize, w: usize) -> Clip {
        let xs = (0..h * w).map(|i| (i % w) as f32);
        let ys = (0..h * w).map(|i| (i / w) as f32);
        let zeros = std::iter::repeat_n(0., h * w);
        let data: Vec<f32> = xs.chain(ys).chain(zeros).collect();
        Clip::new(Tensor::from_vec(data, (3, 1, h, w), &Device::Cpu).unwrap()).unwrap()
    }

    #[test]
    fn crops_are_of_the_scales_at_most_one_apart_and_at_the_places() {
        let (h, w) = (64, 80);
        let clip = coordinates(h, w);
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut sizes = std::collections::BTreeSet::new();
        let mut places = std::collections::BTreeSet::new();
        for _ in 0..400 {
            let part = multi_scale_crop(&clip, 16, 16, &MultiScale::default(), &mut rng).unwrap();
            let at = |c: usize, y: usize, x: usize| {
                let t = part.tensor().get(c).unwrap().get(0).unwrap();
                t.get(y).unwrap().get(x).unwrap().to_scalar::<f32>().unwrap()
            };
            // Between output pixels 1 and 14 the crop's side / 16 per pixel passes 13 times.
            let width = ((at(0, 0, 14) - at(0, 0, 1)) * 16. / 13.).round() as usize;
            let height = ((at(1, 14, 0) - at(1, 1, 0)) * 16. / 13.).round() as usize;
            let left = (at(0, 0, 8) - (8.5 * width as f32 / 16. - 0.5)).round() as usize;
            let top = (at(1, 8, 0) - (8.5 * height as f32 / 16. - 0.5)).round() as usize;
            sizes.insert((height, width));
            places.insert((2 * top / (h - height).max(1), 2 * left / (w - width).max(1)));
        }
        // 64, 56, 48 and floor(42.24) = 42.
        let s = [64, 56, 48, 42];
        let wanted: std::collections::BTreeSet<_> = (0..4usize)
            .flat_map(|i| (0..4usize).map(move |j| (i, j)))
            .filter(|(i, j)| i.abs_diff(*j) <= 1)
            .map(|(i, j)| (s[i], s[j]))
            .collect();
        assert_eq!(sizes, wanted);
        // A crop of full height has no room to move down.
        let wanted = [(0, 0), (0, 1), (0, 2), (1, 1), (2, 0), (2, 2)];
        assert_eq!(Vec::from_iter(places), wanted);
    }

    #[test]
    fn a_scale_near_the_wanted_size_becomes_it() {
        let clip = coordinates(34, 40);
        let config = MultiScale { scales: vec![1.], max_distort: 0, more_places: true };
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let part = multi_scale_crop(&clip, 32, 32, &config, &mut rng).unwrap();
        let row = part.tensor().get(0).unwrap().get(0).unwrap().get(0).unwrap();
        let row = row.to_vec1::<f32>().unwrap();
        assert!(row.windows(2).all(|p| p[1] == p[0] + 1.), "resized: {row:?}");
    }

    #[test]
    fn scales_out_of_range_are_errors() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for scales in [vec![], vec![0.], vec![1.5], vec![f32::NAN]] {
            let config = MultiScale { scales, ..Default::default() };
            assert!(multi_scale_crop(&coordinates(8, 8), 4, 4, &config, &mut rng).is_err());
        }
    }
}
