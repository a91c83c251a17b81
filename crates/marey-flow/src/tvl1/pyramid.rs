//! Images at several sizes, and flow from one size to another.

use super::plane::Plane;
use super::resample::{bicubic, bilinear, gaussian};
use super::{Scheme, TvL1Config};

/// Levels of OpenCV's pyramid have no fewer pixels a side; those of IPOL's have about as many in their diagonal.
const LEAST: usize = 16;

/// Smoothing of the images before all else, in pixels (IPOL 2013).
pub(super) const BEFORE: f64 = 0.8;

/// Width and height of each level, the largest first.
pub(super) fn sizes(config: &TvL1Config, size: [usize; 2]) -> Vec<[usize; 2]> {
    let scales = match config.scheme {
        Scheme::OpenCv => config.scales,
        Scheme::Ipol => {
            let diagonal = (size[0] as f64).hypot(size[1] as f64);
            let all = 1. + (diagonal / LEAST as f64).ln() / (1. / f64::from(config.zoom)).ln();
            config.scales.min(all.max(1.) as usize)
        }
    };
    std::iter::successors(Some(size), |size| above(config, *size)).take(scales).collect()
}

/// The size of the level above one of `size`, if there is one.
fn above(config: &TvL1Config, size: [usize; 2]) -> Option<[usize; 2]> {
    match config.scheme {
        Scheme::OpenCv => {
            let above =
                size.map(|len| (len as f64 * f64::from(config.zoom)).round_ties_even() as usize);
            above.iter().all(|len| *len >= LEAST).then_some(above)
        }
        Scheme::Ipol => Some(size.map(|len| ((len as f32 * config.zoom + 0.5) as usize).max(1))),
    }
}

/// Both images at each size, the largest first.
pub(super) fn pyramid(config: &TvL1Config, images: [Plane; 2]) -> Vec<[Plane; 2]> {
    let mut sizes = sizes(config, [images[0].width(), images[0].height()]).into_iter().skip(1);
    let images = match config.scheme {
        Scheme::OpenCv => images,
        Scheme::Ipol => {
            let mut images = stretched(images);
            images.iter_mut().for_each(|image| gaussian(image, BEFORE));
            images
        }
    };
    std::iter::successors(Some(images), |below| {
        let [width, height] = sizes.next()?;
        Some(below.each_ref().map(|image| smaller(config, image, width, height)))
    })
    .collect()
}

/// An image, made one of the level above.
pub(super) fn smaller(config: &TvL1Config, image: &Plane, width: usize, height: usize) -> Plane {
    let zoom = f64::from(config.zoom);
    match config.scheme {
        Scheme::OpenCv => bilinear(image, width, height, [1. / zoom; 2]),
        Scheme::Ipol => {
            let mut image = image.clone();
            gaussian(&mut image, 0.6 * (1. / (zoom * zoom) - 1.).sqrt());
            bicubic(&image, width, height, [config.zoom; 2])
        }
    }
}

/// A component of flow, in pixels of the level above, made a start for this one.
pub(super) fn larger(config: &TvL1Config, above: &Plane, width: usize, height: usize) -> Plane {
    let from = [above.width(), above.height()];
    match config.scheme {
        Scheme::OpenCv => {
            let step = |from: usize, to: usize| from as f64 / to as f64;
            bilinear(above, width, height, [step(from[0], width), step(from[1], height)])
        }
        Scheme::Ipol => {
            let factor = |from: usize, to: usize| to as f32 / from as f32;
            bicubic(above, width, height, [factor(from[0], width), factor(from[1], height)])
        }
    }
}

/// A start of flow on the level above, from one on this.
pub(super) fn start_above(
    config: &TvL1Config,
    below: &Plane,
    width: usize,
    height: usize,
) -> Plane {
    bilinear(below, width, height, [1. / f64::from(config.zoom); 2]).scaled(config.zoom)
}

/// Both images with their least number made 0 and their most 255.
fn stretched(images: [Plane; 2]) -> [Plane; 2] {
    let values = || images.iter().flat_map(|image| (0..image.height()).flat_map(|y| image.row(y)));
    let least = values().copied().fold(f32::INFINITY, f32::min);
    let most = values().copied().fold(f32::NEG_INFINITY, f32::max);
    if most <= least {
        return images;
    }
    let stretch = |value: f32| (255. * f64::from(value - least) / f64::from(most - least)) as f32;
    images.map(|image| image.map(stretch))
}
