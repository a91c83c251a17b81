//! Flow as colours: Middlebury's colour wheel.

use std::f64::consts::PI;

use image::{Rgb, RgbImage};

use crate::{Error, Field, Result};

/// How many colours the wheel has between two corners of the RGB cube, and the corners, from red by yellow back to red.
const ARCS: [(usize, [f64; 3], [f64; 3]); 6] = [
    (15, [255., 0., 0.], [255., 255., 0.]),
    (6, [255., 255., 0.], [0., 255., 0.]),
    (4, [0., 255., 0.], [0., 255., 255.]),
    (11, [0., 255., 255.], [0., 0., 255.]),
    (13, [0., 0., 255.], [255., 0., 255.]),
    (6, [255., 0., 255.], [255., 0., 0.]),
];

/// Direction as hue, length as saturation: white is rest, full colour the longest displacement, or `max` pixels, which makes
/// pictures comparable. What is longer than `max` is darker, what is not known is black.
///
/// After `colorcode.cpp` of the Middlebury code, of which it differs by at most 1 of 255 (Baker et al., A Database and Evaluation
/// Methodology for Optical Flow, IJCV 2011).
///
/// # Errors
///
/// If `max` is not a positive number.
pub fn colour(field: &Field, max: Option<f32>) -> Result<RgbImage> {
    let max = match max {
        Some(max) if max > 0. && max.is_finite() => f64::from(max),
        Some(max) => {
            return Err(Error::Input(format!(
                "the longest displacement of a picture cannot be {max} pixels"
            )));
        }
        None => longest(field),
    };
    let (width, height) = field.sides()?;
    let mut image = RgbImage::new(width, height);
    for (pixel, (_, _, v)) in image.pixels_mut().zip(field.pixels()) {
        *pixel = v.map_or(Rgb([0; 3]), |v| shade(v, length(v) / max));
    }
    Ok(image)
}

/// The legend of [`colour`]: a disc of `side` pixels on white, whose pixels have the colour of the displacement from the centre
/// to them.
pub fn wheel(side: u32) -> RgbImage {
    let radius = f64::from(side) / 2.;
    RgbImage::from_fn(side, side, |x, y| {
        let v = [x, y].map(|at| (f64::from(at) + 0.5 - radius) as f32);
        if length(v) > radius { Rgb([255; 3]) } else { shade(v, length(v) / radius) }
    })
}

/// The colour of a direction, paler for a `saturation` under 1, and darker for one over 1.
pub(crate) fn shade(v: [f32; 2], saturation: f64) -> Rgb<u8> {
    let byte = |full: f64| match saturation {
        s if s <= 1. => 255. - s * (255. - full),
        _ => 0.75 * full,
    };
    Rgb(hue(v).map(|full| byte(full) as u8))
}

pub(crate) fn length([x, y]: [f32; 2]) -> f64 {
    // In 32 bits, as displacements are: (0.6, 0.8) is no longer than 1.
    f64::from(x.hypot(y))
}

/// The longest displacement; 1 pixel if none is longer than nothing.
fn longest(field: &Field) -> f64 {
    let lengths = field.pixels().filter_map(|(_, _, v)| v.map(length));
    let longest = lengths.filter(|length| length.is_finite()).fold(0., f64::max);
    if longest > 0. { longest } else { 1. }
}

/// The full colour of a direction, 0 to 255. The wheel begins at the right with red and goes on by the bottom.
fn hue([x, y]: [f32; 2]) -> [f64; 3] {
    let turn = (f64::from(-y).atan2(f64::from(-x)) / PI + 1.) / 2.;
    // From the first colour to the last and not back to the first, as the code has it.
    let place = turn * 54.;
    let (first, second) = (place.floor(), place.fract());
    let (a, b) = (colour_of_wheel(first as usize), colour_of_wheel(first as usize + 1));
    [0, 1, 2].map(|c| (1. - second) * a[c] + second * b[c])
}

/// One of the 55 colours, whole numbers.
fn colour_of_wheel(index: usize) -> [f64; 3] {
    let mut index = index % 55;
    for (count, from, to) in ARCS {
        if index < count {
            let part = (255 * index / count) as f64;
            return [0, 1, 2].map(|c| from[c] + (to[c] - from[c]) / 255. * part);
        }
        index -= count;
    }
    ARCS[0].1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colour_at(v: [f32; 2]) -> [u8; 3] {
        let image = colour(&Field::from_fn(1, 1, |_, _| v).unwrap(), Some(1.)).unwrap();
        image.get_pixel(0, 0).0
    }

    #[test]
    fn the_wheel_has_the_colours_of_the_reference() {
        // The first of each arc and of some others, by hand: 255 * 1 / 15 = 17, 255 - 255 * 1 / 11 = 232.
        let want = [(0, [255, 0, 0]), (1, [255, 17, 0]), (15, [255, 255, 0]), (21, [0, 255, 0])];
        let more =
            [(25, [0, 255, 255]), (26, [0, 232, 255]), (36, [0, 0, 255]), (49, [255, 0, 255])];
        for (index, want) in
            want.into_iter().chain(more).chain([(54, [255, 0, 43]), (55, [255, 0, 0])])
        {
            assert_eq!(colour_of_wheel(index).map(|c| c as u8), want, "{index}");
        }
        assert_eq!(ARCS.iter().map(|arc| arc.0).sum::<usize>(), 55);
    }

    #[test]
    fn colours_are_those_of_the_reference() {
        // By a transcription of colorcode.cpp into numpy, in 32-bit floats.
        for (v, want) in [
            ([0., 0.], [255, 255, 255]),
            ([1., 0.], [255, 0, 0]),
            ([-1., 0.], [0, 209, 255]),
            ([0., 1.], [255, 229, 0]),
            ([0., -1.], [87, 0, 255]),
            ([0.5, 0.], [255, 127, 127]),
            ([-0.3, 0.4], [169, 255, 127]),
            ([0.6, -0.8], [196, 0, 255]),
            ([0.6, 0.8], [255, 135, 0]),
            ([3., 0.], [191, 0, 0]),
            ([0., -2.], [66, 0, 191]),
        ] {
            let got = colour_at(v);
            assert!((0..3).all(|c| got[c].abs_diff(want[c]) <= 1), "{v:?}: {got:?}, not {want:?}");
        }
    }

    #[test]
    fn the_longest_is_in_full_colour_and_the_unknown_is_black() {
        let field = Field::new(3, 1, vec![3.3, 0., f32::NAN], vec![0., 0., f32::NAN]).unwrap();
        let image = colour(&field, None).unwrap();
        assert_eq!(image.as_raw(), &[255, 0, 0, 255, 255, 255, 0, 0, 0]);
        let nothing = Field::from_fn(2, 1, |_, _| [0., 0.]).unwrap();
        assert_eq!(colour(&nothing, None).unwrap().as_raw(), &[255; 6]);
        let endless = Field::new(2, 1, vec![f32::INFINITY, 1.], vec![0., 0.]).unwrap();
        assert_eq!(colour(&endless, None).unwrap().as_raw(), &[191, 0, 0, 255, 0, 0]);
        for bad in [0., -1., f32::NAN, f32::INFINITY] {
            assert!(colour(&nothing, Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_legend_is_the_colours_of_its_own_displacements() {
        let legend = wheel(65);
        // 32 pixels of 32.5 to the right, to the left, and none.
        let near = |at: (u32, u32), want: [u8; 3]| {
            let got = legend.get_pixel(at.0, at.1).0;
            assert!((0..3).all(|c| got[c].abs_diff(want[c]) <= 4), "{at:?}: {got:?}");
        };
        near((64, 32), [255, 0, 0]);
        near((0, 32), [0, 209, 255]);
        near((32, 64), [255, 229, 0]);
        assert_eq!((legend.get_pixel(32, 32).0, legend.get_pixel(0, 0).0), ([255; 3], [255; 3]));
        assert_eq!(wheel(0).dimensions(), (0, 0));
    }
}
