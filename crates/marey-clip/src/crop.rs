//! Cropping clips: the same part of every frame.

use candle::{Result, bail};
use rand::Rng;

use crate::clip::Clip;
use crate::flip::flip;

/// `height` x `width` pixels from row `top` and column `left` on, without copying them.
///
/// # Errors
///
/// If a size is zero or the crop leaves the frame; so do all crops here.
pub fn crop(clip: &Clip, top: usize, left: usize, height: usize, width: usize) -> Result<Clip> {
    let [down, right] = slack(clip, height, width)?;
    if top > down || left > right {
        let (_, _, h, w) = clip.dims();
        bail!("crop: {height} x {width} from ({top}, {left}) on leaves a frame of {h} x {w}")
    }
    Ok(clip.view(clip.tensor().narrow(2, top, height)?.narrow(3, left, width)?))
}

/// The middle; where a row or column is left over, it is the last (as in Caffe).
///
/// # Errors
///
/// As [`crop`].
pub fn center_crop(clip: &Clip, height: usize, width: usize) -> Result<Clip> {
    let [down, right] = slack(clip, height, width)?;
    crop(clip, down / 2, right / 2, height, width)
}

/// A part from anywhere, the same in each frame.
///
/// # Errors
///
/// As [`crop`].
pub fn random_crop(clip: &Clip, height: usize, width: usize, rng: &mut impl Rng) -> Result<Clip> {
    let [down, right] = slack(clip, height, width)?;
    let (top, left) = (rng.random_range(0..=down), rng.random_range(0..=right));
    crop(clip, top, left, height, width)
}

/// Top left, top right, bottom left, bottom right, middle.
///
/// # Errors
///
/// As [`crop`].
pub fn five_crop(clip: &Clip, height: usize, width: usize) -> Result<Vec<Clip>> {
    at(clip, height, width, &FIVE)
}

/// [`five_crop`], then the [`flip`] of each: the test of the two-stream networks
/// (Simonyan and Zisserman 2014).
///
/// # Errors
///
/// As [`crop`].
pub fn ten_crop(clip: &Clip, height: usize, width: usize) -> Result<Vec<Clip>> {
    let mut crops = five_crop(clip, height, width)?;
    for i in 0..crops.len() {
        crops.push(flip(&crops[i])?);
    }
    Ok(crops)
}

/// Three rows of three, from top left to bottom right: the test of F_ST CN (Sun et al. 2015).
///
/// # Errors
///
/// As [`crop`].
pub fn nine_crop(clip: &Clip, height: usize, width: usize) -> Result<Vec<Clip>> {
    let grid: Vec<_> = [0, 2, 4].iter().flat_map(|&y| [0, 2, 4].map(|x| [y, x])).collect();
    at(clip, height, width, &grid)
}

/// One of [`five_crop`]: the corner cropping of Temporal Segment Networks (Wang et al. 2016).
///
/// # Errors
///
/// As [`crop`].
pub fn random_corner_crop(
    clip: &Clip,
    height: usize,
    width: usize,
    rng: &mut impl Rng,
) -> Result<Clip> {
    let place = FIVE[rng.random_range(0..FIVE.len())];
    Ok(at(clip, height, width, &[place])?.remove(0))
}

/// Corners and middle, in quarters of the room there is: `[down, right]`.
pub(crate) const FIVE: [[usize; 2]; 5] = [[0, 0], [0, 4], [4, 0], [4, 4], [2, 2]];

/// Crops at places given in quarters of the room there is: `[down, right]`.
pub(crate) fn at(
    clip: &Clip,
    height: usize,
    width: usize,
    places: &[[usize; 2]],
) -> Result<Vec<Clip>> {
    let [down, right] = slack(clip, height, width)?;
    places.iter().map(|[y, x]| crop(clip, down * y / 4, right * x / 4, height, width)).collect()
}

/// How far down and to the right a crop may lie.
fn slack(clip: &Clip, height: usize, width: usize) -> Result<[usize; 2]> {
    let (_, _, h, w) = clip.dims();
    match (h.checked_sub(height), w.checked_sub(width)) {
        (Some(down), Some(right)) if height > 0 && width > 0 => Ok([down, right]),
        _ => bail!("crop: a frame of {h} x {w} has no part of {height} x {width}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, Tensor};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Pixel `(y, x)` of frame `t` is `100 t + 10 y + x`.
    fn clip(h: usize, w: usize) -> Clip {
        let value = |t: usize, y: usize, x: usize| (100 * t + 10 * y + x) as f32;
        let data: Vec<f32> = (0..2)
            .flat_map(|t| (0..h).flat_map(move |y| (0..w).map(move |x| value(t, y, x))))
            .collect();
        Clip::new(Tensor::from_vec(data, (1, 2, h, w), &Device::Cpu).unwrap()).unwrap()
    }

    fn values(clip: &Clip) -> Vec<f32> {
        clip.tensor().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn center_crop_leaves_the_odd_pixel_at_the_end() {
        let part = center_crop(&clip(4, 5), 2, 2).unwrap();
        assert_eq!(values(&part), [11., 12., 21., 22., 111., 112., 121., 122.]);
    }

    #[test]
    fn five_and_nine_crop_touch_the_borders() {
        let firsts = |crops: Vec<Clip>| crops.iter().map(|c| values(c)[0]).collect::<Vec<_>>();
        assert_eq!(firsts(five_crop(&clip(5, 7), 3, 2).unwrap()), [0., 5., 20., 25., 12.]);
        assert_eq!(
            firsts(nine_crop(&clip(5, 7), 3, 2).unwrap()),
            [0., 2., 5., 10., 12., 15., 20., 22., 25.]
        );
    }

    #[test]
    fn ten_crop_mirrors_the_second_five() {
        let crops = ten_crop(&clip(3, 3), 2, 2).unwrap();
        assert_eq!(crops.len(), 10);
        assert_eq!(values(&crops[6])[..4], [2., 1., 12., 11.]);
    }

    #[test]
    fn random_crops_reach_every_place_and_hold_it_over_time() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let part = values(&random_crop(&clip(3, 4), 2, 2, &mut rng).unwrap());
            assert_eq!(part[4], part[0] + 100.);
            seen.insert(part[0] as usize);
        }
        assert_eq!(Vec::from_iter(seen), [0, 1, 2, 10, 11, 12]);
        let corner = |rng: &mut _| values(&random_corner_crop(&clip(5, 5), 3, 3, rng).unwrap())[0];
        let seen: std::collections::BTreeSet<_> =
            (0..100).map(|_| corner(&mut rng) as usize).collect();
        assert_eq!(Vec::from_iter(seen), [0, 2, 11, 20, 22]);
    }

    #[test]
    fn too_large_and_empty_crops_are_errors_that_say_the_sizes() {
        let error = center_crop(&clip(4, 5), 6, 2).unwrap_err().to_string();
        assert!(error.contains("4 x 5") && error.contains("6 x 2"), "{error}");
        assert!(center_crop(&clip(4, 5), 0, 2).is_err());
        assert!(crop(&clip(4, 5), 3, 0, 2, 2).is_err());
        assert!(crop(&clip(4, 5), usize::MAX, 0, 2, 2).is_err());
    }
}
