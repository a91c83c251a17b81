//! What holds for TV-L1 whatever the frames.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod common;

use common::{Texture, differences, mean, most, moved};
use marey_flow::{Consistency, Field, Grey, Preset, TvL1, warp_grey};

fn flow(preset: Preset, [from, to]: &[Grey; 2]) -> Field {
    TvL1::preset(preset).field(from, to).unwrap()
}

/// Values of the pixels that are 8 or more from the borders, where nothing enters.
fn inside(values: &[f64], [w, h]: [usize; 2]) -> Vec<f64> {
    let within = |at: usize, len: usize| (8..len - 8).contains(&at);
    let values = values.iter().enumerate();
    values.filter(|(at, _)| within(at % w, w) && within(at / w, h)).map(|(_, v)| *v).collect()
}

/// An image of `size` whose pixels `at` makes.
fn grey([w, h]: [usize; 2], at: impl Fn(usize, usize) -> f32) -> Grey {
    Grey::new(w, h, (0..w * h).map(|i| at(i % w, i / w)).collect()).unwrap()
}

// Measured: 0.04 pixels on the mean, 0.08 at most.
#[test]
fn shifts_of_parts_of_a_pixel_are_found() {
    let size = [80, 60];
    for preset in Preset::ALL {
        for (seed, shift) in (7..).zip([[0.25, 0.], [-1.5, 0.7], [2.3, -3.1]]) {
            let texture = Texture::new(seed);
            let frames = [[0.; 2], shift].map(|shift| texture.frame(size, |_, _| shift));
            let truth = Field::from_fn(size[0], size[1], |_, _| shift.map(|d| d as f32)).unwrap();
            let errors = inside(&differences(&flow(preset, &frames), &truth), size);
            let (mean, most) = (mean(&errors), most(&errors));
            assert!(mean < 0.1 && most < 0.2, "{} {shift:?}: {mean}, {most}", preset.name());
        }
    }
}

// Not exactly: differences of the flow are forward ones. Measured inside: 0.011 pixels on the mean, 0.07 at most.
#[test]
fn mirrored_and_transposed_frames_have_the_mirrored_and_transposed_flow() {
    let [w, h] = [64, 48];
    let frames = moved(3, [w, h]);
    let pixel = |frame: &Grey, x: usize, y: usize| frame.pixels()[y * w + x];
    for preset in Preset::ALL {
        let upright = flow(preset, &frames);
        let mirrored = frames.each_ref().map(|f| grey([w, h], |x, y| pixel(f, w - 1 - x, y)));
        let turned = frames.each_ref().map(|f| grey([w, h], |x, y| pixel(f, x, h - 1 - y)));
        let transposed = frames.each_ref().map(|f| grey([h, w], |x, y| pixel(f, y, x)));
        let turned = flow(preset, &turned);
        let transposed = flow(preset, &transposed);
        let others = [
            flow(preset, &mirrored).flip(),
            Field::from_fn(w, h, |x, y| {
                let [dx, dy] = turned.get(x, h - 1 - y).unwrap();
                [dx, -dy]
            })
            .unwrap(),
            Field::from_fn(w, h, |x, y| {
                let [dx, dy] = transposed.get(y, x).unwrap();
                [dy, dx]
            })
            .unwrap(),
        ];
        for (i, other) in others.iter().enumerate() {
            let apart = inside(&differences(&upright, other), [w, h]);
            let (mean, most) = (mean(&apart), most(&apart));
            assert!(mean < 0.03 && most < 0.2, "{} {i}: {mean}, {most}", preset.name());
        }
    }
}

// Measured: 15 grey levels become 1.0 to 1.4.
#[test]
fn the_second_frame_seen_through_the_flow_is_the_first() {
    let size = [64, 48];
    let [from, to] = moved(4, size);
    for preset in Preset::ALL {
        let seen = warp_grey(&to, &flow(preset, &[from.clone(), to.clone()])).unwrap();
        let apart = |other: &Grey| {
            let pairs = from.pixels().iter().zip(other.pixels());
            let apart: Vec<f64> = pairs.map(|(a, b)| f64::from(a - b).abs()).collect();
            mean(&inside(&apart, size))
        };
        let (before, after) = (apart(&to), apart(&seen));
        assert!(after < before / 6., "{}: {before} becomes {after}", preset.name());
    }
}

#[test]
fn the_flow_back_undoes_the_flow_there() {
    let [from, to] = moved(5, [64, 48]);
    for preset in Preset::ALL {
        let there = flow(preset, &[from.clone(), to.clone()]);
        let back = flow(preset, &[to.clone(), from.clone()]);
        // Measured: 0.96, the rest being what leaves the frame.
        let share = Consistency::new(&there, &back).unwrap().share();
        assert!(share > 0.9, "{}: {share}", preset.name());
    }
}

#[test]
fn what_does_not_change_does_not_move() {
    let size = [40, 31];
    let [textured, _] = moved(6, size);
    let even = [77., 99.].map(|value| grey(size, |_, _| value));
    for preset in Preset::ALL {
        for frames in [[textured.clone(), textured.clone()], even.clone()] {
            let field = flow(preset, &frames);
            assert!(field.x().iter().chain(field.y()).all(|d| *d == 0.), "{}", preset.name());
        }
    }
}

#[test]
fn the_smallest_frames_have_a_flow() {
    for preset in Preset::ALL {
        for size in [[1, 1], [1, 17], [17, 1], [2, 2], [3, 3], [2, 40]] {
            let field = flow(preset, &moved(6, size));
            assert_eq!(field.size(), size);
            let finite = field.x().iter().chain(field.y()).all(|d| d.is_finite());
            assert!(finite, "{} {size:?}", preset.name());
        }
    }
}

#[test]
fn what_has_no_flow_is_refused() {
    let [from, _] = moved(6, [20, 18]);
    let [other, _] = moved(6, [18, 20]);
    let huge = grey([20, 18], |x, y| 1e30 * ((7 * x + 3 * y) % 5) as f32);
    for preset in Preset::ALL {
        let refused =
            |from: &Grey, to: &Grey| TvL1::preset(preset).field(from, to).unwrap_err().to_string();
        let sizes = refused(&from, &other);
        assert!(sizes.contains("20x18") && sizes.contains("18x20"), "{sizes}");
        for error in [refused(&from, &huge), refused(&huge, &huge)] {
            assert!(error.contains("pixels"), "{error}");
        }
    }
    assert!(Grey::new(1, 1, vec![f32::NAN]).is_err());
}

#[test]
fn the_bits_do_not_depend_on_threads() {
    // High enough for seven bands.
    let pairs: Vec<[Grey; 2]> = (1..4).map(|seed| moved(seed, [37, 120])).collect();
    let pairs: Vec<(&Grey, &Grey)> = pairs.iter().map(|[from, to]| (from, to)).collect();
    for preset in Preset::ALL {
        let tvl1 = TvL1::preset(preset);
        let all = [1, 2, 3, 7].map(|threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let one_by_one = pairs.iter().map(|(from, to)| tvl1.field(from, to).unwrap());
                (one_by_one.collect::<Vec<_>>(), tvl1.fields(&pairs).unwrap())
            })
        });
        for (one_by_one, at_once) in &all {
            assert!(*one_by_one == all[0].0 && *at_once == all[0].0, "{}", preset.name());
        }
    }
}
