//! Which point of a frame is which of another.
//!
//! iDT takes matches of SURF descriptors and those of flow at corners (Wang and Schmid, ICCV 2013, section 2.1). There is no SURF here:
//! in its place patches are found again by normalised cross-correlation, from coarse to fine. That choice is ours.

use rayon::prelude::*;

use crate::{Field, Grey};

/// A point of a frame, and where it is in another: `[x, y]` in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Match {
    /// In the frame.
    pub from: [f64; 2],
    /// In the other.
    pub to: [f64; 2],
}

/// Corners `[column, row]` and where flow takes them, but for those whose flow is not known.
pub fn flow_matches(corners: &[[usize; 2]], flow: &Field) -> Vec<Match> {
    let followed = |&[x, y]: &[usize; 2]| {
        let d = flow.get(x, y)?.map(f64::from);
        Some(moved([x, y], d))
    };
    corners.iter().filter_map(followed).collect()
}

fn moved([x, y]: [usize; 2], [dx, dy]: [f64; 2]) -> Match {
    let from = [x as f64, y as f64];
    Match { from, to: [from[0] + dx, from[1] + dy] }
}

/// How patches are found again. With the default, up to 24 pixels away in each direction, about as far as dense_flow looks (25).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patches {
    /// A patch has `2 radius + 1` pixels a side, on every level.
    pub radius: usize,
    /// At most so many levels, each of half the sides of the one before, and of 32 pixels at least.
    pub levels: usize,
    /// How far a patch is looked for on the coarsest level, in its pixels.
    pub reach: usize,
    /// The smallest correlation of a match, in `[-1, 1]`.
    pub likeness: f32,
    /// How far from 1 a match's correlation on the coarsest level may be, as a share of that of the next best place.
    pub ratio: f32,
    /// How far from its start a patch may end that is found there and back, in pixels.
    pub astray: f64,
}

impl Default for Patches {
    fn default() -> Self {
        Self { radius: 4, levels: 3, reach: 6, likeness: 0.8, ratio: 0.8, astray: 1. }
    }
}

/// The least side of a level.
const SMALLEST: usize = 32;

impl Patches {
    /// Corners `[column, row]` of `from` that are found in `to`, to parts of a pixel. Those are left out whose patches do not lie inside
    /// both frames on every level, look unlike, look as much like another place, or do not find back.
    pub fn matches(&self, corners: &[[usize; 2]], from: &Grey, to: &Grey) -> Vec<Match> {
        let (from, to) = (self.pyramid(from), self.pyramid(to));
        let found = |corner: &[usize; 2]| {
            let d = self.find(*corner, &from, &to)?;
            let there = moved(*corner, d);
            let pixel = there.to.map(|place| place.round() as usize);
            let back = self.find(pixel, &to, &from)?;
            ((d[0] + back[0]).hypot(d[1] + back[1]) <= self.astray).then_some(there)
        };
        corners.par_iter().filter_map(found).collect()
    }

    /// The coarsest level last.
    fn pyramid(&self, image: &Grey) -> Vec<Grey> {
        let halved = |fine: &Grey| {
            let (w, h) = (fine.width() / 2, fine.height() / 2);
            let pixel = |at: usize| {
                let first = at / w * 2 * fine.width() + at % w * 2;
                let four = [0, 1, fine.width(), fine.width() + 1];
                four.map(|next| fine.pixels()[first + next] / 4.).iter().sum()
            };
            (w.min(h) >= SMALLEST).then(|| Grey::new(w, h, (0..w * h).map(pixel).collect()).ok())?
        };
        std::iter::successors(Some(image.clone()), halved).take(self.levels.max(1)).collect()
    }

    /// Where a pixel of the first level has gone.
    fn find(&self, place: [usize; 2], from: &[Grey], to: &[Grey]) -> Option<[f64; 2]> {
        let patch = |level: usize| Patch::new(&from[level], place.map(|p| p >> level), self.radius);
        let coarsest = from.len().min(to.len()) - 1;
        let seen = patch(coarsest)?.seen(&to[coarsest], [0, 0], self.reach);
        let mut found = best(&seen)?;
        let elsewhere =
            |s: &&Seen| (0..2).any(|axis| s.shift[axis].abs_diff(found.shift[axis]) > 1);
        let next = seen.iter().filter(elsewhere).map(|s| s.likeness).fold(-1., f32::max);
        if 1. - found.likeness > self.ratio * (1. - next) {
            return None;
        }
        for level in (0..coarsest).rev() {
            found = best(&patch(level)?.seen(&to[level], found.shift.map(|d| 2 * d), FINER))?;
        }
        if found.likeness < self.likeness {
            return None;
        }
        between(&patch(0)?.seen(&to[0], found.shift, 1))
    }
}

/// How far a patch may be from where the level before has it: half a pixel of that level, and as much again by rounding.
const FINER: usize = 2;

/// A patch of one frame seen in another.
#[derive(Clone, Copy)]
struct Seen {
    shift: [isize; 2],
    /// The correlation, in `[-1, 1]`.
    likeness: f32,
}

fn best(seen: &[Seen]) -> Option<Seen> {
    seen.iter().copied().max_by(|a, b| a.likeness.total_cmp(&b.likeness))
}

/// The peak of the parabolas through 3 x 3 places; nothing if the best is not in their middle, or not all of them are inside.
fn between(seen: &[Seen]) -> Option<[f64; 2]> {
    let &[_, up, _, left, middle, right, _, down, _] = seen else { return None };
    if best(seen)?.likeness > middle.likeness {
        return None;
    }
    let peak = |before: Seen, after: Seen| {
        let [a, b, c] = [before, middle, after].map(|seen| f64::from(seen.likeness));
        let curve = a - 2. * b + c;
        if curve < 0. { ((a - c) / (2. * curve)).clamp(-0.5, 0.5) } else { 0. }
    };
    let [x, y] = middle.shift.map(|d| d as f64);
    Some([x + peak(left, right), y + peak(up, down)])
}

/// A patch of a frame, less its mean and of length 1, row by row.
struct Patch {
    place: [usize; 2],
    radius: usize,
    pixels: Vec<f32>,
}

impl Patch {
    /// Nothing if it does not lie inside the image, or is flat: then it is like any other.
    fn new(image: &Grey, place: [usize; 2], radius: usize) -> Option<Self> {
        let mut pixels = rows(image, place, radius)?.flatten().copied().collect::<Vec<f32>>();
        let mean = pixels.iter().sum::<f32>() / pixels.len() as f32;
        pixels.iter_mut().for_each(|pixel| *pixel -= mean);
        let length = pixels.iter().map(|pixel| pixel * pixel).sum::<f32>().sqrt();
        pixels.iter_mut().for_each(|pixel| *pixel /= length);
        (length > 1.).then_some(Self { place, radius, pixels })
    }

    /// The patch in another image, at its own place moved by `about` and up to `reach` pixels more, row by row.
    fn seen(&self, image: &Grey, about: [isize; 2], reach: usize) -> Vec<Seen> {
        let reach = -(reach as isize)..=reach as isize;
        let shifts = reach
            .clone()
            .flat_map(|dy| reach.clone().map(move |dx| [about[0] + dx, about[1] + dy]));
        let seen = |shift| Some(Seen { shift, likeness: self.likeness(image, shift)? });
        shifts.filter_map(seen).collect()
    }

    /// The correlation with what is in an image at the patch's place moved by `shift`.
    fn likeness(&self, image: &Grey, shift: [isize; 2]) -> Option<f32> {
        let [x, y] = [0, 1].map(|axis| self.place[axis].checked_add_signed(shift[axis]));
        let rows = rows(image, [x?, y?], self.radius)?;
        let (mut sum, mut squares, mut product) = (0., 0., 0.);
        for (row, own) in rows.zip(self.pixels.chunks(2 * self.radius + 1)) {
            for (pixel, own) in row.iter().zip(own) {
                sum += pixel;
                squares += pixel * pixel;
                product += pixel * own;
            }
        }
        let length = (squares - sum * sum / self.pixels.len() as f32).max(0.).sqrt();
        Some(if length > 1. { product / length } else { 0. })
    }
}

/// The rows of the patch about a place, if it lies inside the image.
fn rows(image: &Grey, [x, y]: [usize; 2], radius: usize) -> Option<impl Iterator<Item = &[f32]>> {
    let (left, top) = (x.checked_sub(radius)?, y.checked_sub(radius)?);
    let (right, bottom) = (x.saturating_add(radius), y.saturating_add(radius));
    (right < image.width() && bottom < image.height()).then(|| {
        let rows = image.pixels().chunks(image.width());
        rows.skip(top).take(bottom + 1 - top).map(move |row| &row[left..=right])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::Corners;
    use crate::camera::pair::texture;
    use crate::warp_grey;

    #[test]
    fn flow_is_followed_from_where_it_is_known() {
        let flow = Field::new(2, 1, vec![1.5, f32::NAN], vec![-2., f32::NAN]).unwrap();
        let want = [Match { from: [0., 0.], to: [1.5, -2.] }];
        assert_eq!(flow_matches(&[[0, 0], [1, 0], [5, 0]], &flow), want);
    }

    #[test]
    fn patches_are_found_to_parts_of_a_pixel() {
        let (w, h, shift) = (160, 128, [17.25f32, -9.5]);
        let from = texture(w, h, 1);
        let to =
            warp_grey(&from, &Field::from_fn(w, h, |_, _| shift.map(|d| -d)).unwrap()).unwrap();
        let corners = Corners::default().of(&from);
        let matches = Patches::default().matches(&corners, &from, &to);
        assert!(matches.len() > 50, "{} matches of {} corners", matches.len(), corners.len());
        let errors = matches.iter().map(|m| {
            let [dx, dy] = [0, 1].map(|axis| m.to[axis] - m.from[axis] - f64::from(shift[axis]));
            dx.hypot(dy)
        });
        let (mean, near) = (errors.clone().sum::<f64>(), errors.filter(|e| *e < 0.5).count());
        let mean = mean / matches.len() as f64;
        assert!(mean < 0.25, "{mean} px off");
        assert!(100 * near >= 99 * matches.len(), "{near} of {}", matches.len());
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        let (from, to) = (texture(96, 96, 1), texture(96, 96, 2));
        let corners = Corners::default().of(&from);
        assert!(corners.len() > 50);
        let matches = |from: &Grey, to| Patches::default().matches(&corners, from, to);
        let chance = matches(&from, &to).len();
        assert!(10 * chance < corners.len(), "{chance} of {}", corners.len());
        // Stripes look alike every eight pixels.
        let stripes = (0..96 * 96).map(|at| ((at % 96 / 4 + at / 96 / 4) % 2 * 200) as f32);
        let stripes = Grey::new(96, 96, stripes.collect()).unwrap();
        let flat = Grey::new(96, 96, vec![9.; 96 * 96]).unwrap();
        assert_eq!(matches(&stripes, &stripes), []);
        assert_eq!((matches(&from, &flat), matches(&flat, &from)), (vec![], vec![]));
        // Neither in a frame without room for a patch, nor beyond the frame.
        let tiny = Grey::new(1, 1, vec![9.]).unwrap();
        assert_eq!((matches(&from, &tiny), matches(&tiny, &from)), (vec![], vec![]));
    }
}
