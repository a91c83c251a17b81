//! What the camera does between two frames, and flow without it.
//!
//! Reference: Wang and Schmid, "Action Recognition with Improved Trajectories", ICCV 2013, section 2.1, and its code; the warped flow of
//! Wang et al., "Temporal Segment Networks", ECCV 2016, section 3.2, as dense_flow finds it.

mod corners;
mod homography;
mod matches;
#[cfg(test)]
mod pair;
mod ransac;

pub use corners::{Corners, cornerness};
pub use homography::Homography;
pub use matches::{Match, Patches, flow_matches};
pub use ransac::Ransac;

use rayon::prelude::*;

use crate::error::same_size;
use crate::{Error, Field, Grey, Result};

/// What the camera does, as far as it was found out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraMotion {
    /// Where what stands still comes to; the identity if it was not [`found`](Self::found).
    pub homography: Homography,
    /// Points of the frames that were matched.
    pub matches: usize,
    /// Those of them that the homography leads to their places; 0 if it was not asked for, of 50 matches or fewer.
    pub inliers: usize,
}

impl CameraMotion {
    /// Whether more than 25 points agree.
    #[must_use]
    pub fn found(&self) -> bool {
        self.inliers > 25
    }
}

/// The camera's motion between frames of one size, as iDT finds it: from more than 50 matches of patches, and of `flow` from the first
/// to the second frame where there is some, both at corners; by a homography that more than 25 of them agree on, to 1 pixel.
///
/// A body that has more corners than what is behind it is taken for the world. iDT leaves people out where they were detected.
pub fn camera_motion(
    from: &Grey,
    to: &Grey,
    flow: Option<&Field>,
    seed: u64,
) -> Result<CameraMotion> {
    same_size("the camera's motion is of frames", from.size(), to.size())?;
    let corners = Corners::default().of(from);
    let mut matches = Patches::default().matches(&corners, from, to);
    if let Some(flow) = flow {
        same_size("the camera's motion is of frames and flow", from.size(), flow.size())?;
        matches.extend(flow_matches(&corners, flow));
    }
    let unknown =
        CameraMotion { homography: Homography::IDENTITY, matches: matches.len(), inliers: 0 };
    if matches.len() <= 50 {
        return Ok(unknown);
    }
    let ransac = Ransac { seed, ..Ransac::default() };
    let Some((homography, agree)) = ransac.homography(&matches) else { return Ok(unknown) };
    let motion =
        CameraMotion { inliers: agree.iter().filter(|agrees| **agrees).count(), ..unknown };
    Ok(if motion.found() { CameraMotion { homography, ..motion } } else { motion })
}

/// A field without the camera's motion: where each pixel would be in the second frame, had the camera stood still. That is
/// what is found between the first frame and the [`steadied`] second one, without finding flow again.
pub fn compensate(field: &Field, camera: &Homography) -> Result<Field> {
    let back = camera.inverse();
    Field::from_fn(field.width(), field.height(), |column, row| {
        let from = [column as f64, row as f64];
        let steady = field
            .get(column, row)
            .and_then(|[dx, dy]| back.apply([from[0] + f64::from(dx), from[1] + f64::from(dy)]));
        steady.map_or([f32::NAN; 2], |to| [0, 1].map(|i| (to[i] - from[i]) as f32))
    })
}

/// The second frame as a camera that stood still would have it: warped by the inverse of its motion. Where it says nothing, or only
/// within 5 pixels of its border, it is the first frame, so that nothing seems to move there.
pub fn steadied(from: &Grey, to: &Grey, camera: &Homography) -> Result<Grey> {
    const MARGIN: f64 = 5.;
    same_size("the camera's motion is of frames", from.size(), to.size())?;
    let (w, h) = (to.width(), to.height());
    let well_inside = |place: f64, len: usize| place > MARGIN && place < len as f64 - 1. - MARGIN;
    let pixel = |at: usize| {
        let source = camera.apply([(at % w) as f64, (at / w) as f64]);
        source.is_some_and(|[x, y]| well_inside(x, w) && well_inside(y, h))
    };
    let warped = camera.inverse().warp(to)?;
    let both = warped.pixels().iter().zip(from.pixels()).enumerate();
    Grey::new(w, h, both.map(|(at, (to, from))| if pixel(at) { *to } else { *from }).collect())
}

/// Flow with and without the camera's motion.
#[derive(Debug, Clone, PartialEq)]
pub struct WarpedFlow {
    /// From the first frame to the second, as they are.
    pub flow: Field,
    /// From the first frame to the [`steadied`] second one; `flow` itself if the camera's motion was not found.
    pub warped: Field,
    /// What the camera does.
    pub camera: CameraMotion,
}

/// The warped flow of iDT and of TSN: `find` finds flow, which helps to find the camera's motion, which the second frame is steadied
/// by, to which `find` finds flow again.
pub fn warped_flow(
    from: &Grey,
    to: &Grey,
    seed: u64,
    mut find: impl FnMut(&Grey, &Grey) -> Result<Field>,
) -> Result<WarpedFlow> {
    let each = |pairs: &[(&Grey, &Grey)]| pairs.iter().map(|(from, to)| find(from, to)).collect();
    let mut found = warped_flows(&[(from, to)], seed, each)?;
    Ok(found.swap_remove(0))
}

/// [`warped_flow`] of many pairs, in their order. `find` is given all pairs at once, and then those whose camera moves, steadied.
pub fn warped_flows(
    pairs: &[(&Grey, &Grey)],
    seed: u64,
    mut find: impl FnMut(&[(&Grey, &Grey)]) -> Result<Vec<Field>>,
) -> Result<Vec<WarpedFlow>> {
    let mut find = |pairs: &[(&Grey, &Grey)]| match find(pairs)? {
        fields if fields.len() == pairs.len() => Ok(fields),
        fields => {
            let (met, wanted) = (fields.len(), pairs.len());
            Err(Error::Input(format!("{met} fields were found of {wanted} pairs")))
        }
    };
    let flows = find(pairs)?;
    let look = |((from, to), flow): (&(&Grey, &Grey), &Field)| {
        let camera = camera_motion(from, to, Some(flow), seed)?;
        let steady = camera.found().then(|| steadied(from, to, &camera.homography)).transpose()?;
        Ok((camera, steady))
    };
    let cameras: Vec<_> = pairs.par_iter().zip(&flows).map(look).collect::<Result<_>>()?;
    let steady =
        pairs.iter().zip(&cameras).filter_map(|(pair, (_, to))| Some((pair.0, to.as_ref()?)));
    let mut again = find(&Vec::from_iter(steady))?.into_iter();
    let all = flows.into_iter().zip(&cameras).map(|(flow, (camera, steady))| {
        let warped = steady.as_ref().and_then(|_| again.next()).unwrap_or_else(|| flow.clone());
        WarpedFlow { flow, warped, camera: *camera }
    });
    Ok(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pair::{Pair, TILT, texture};

    /// Mean distance between where two homographies lead the background of a pair, in pixels.
    fn residual(pair: &Pair, found: &Homography) -> f64 {
        let (w, h) = (pair.from.width(), pair.from.height());
        let pixels = (0..w * h).filter(|at| !pair.moves([at % w, at / w]));
        let errors: Vec<f64> = pixels
            .map(|at| {
                let place = [(at % w) as f64, (at / w) as f64];
                let (a, b) = (found.apply(place).unwrap(), pair.camera.apply(place).unwrap());
                (a[0] - b[0]).hypot(a[1] - b[1])
            })
            .collect();
        errors.iter().sum::<f64>() / errors.len() as f64
    }

    fn check(pair: &Pair) {
        for flow in [None, Some(&pair.flow)] {
            let motion = camera_motion(&pair.from, &pair.to, flow, 1).unwrap();
            let off = residual(pair, &motion.homography);
            assert!(motion.found() && off < 0.1, "{off} px off");
        }
    }

    #[test]
    fn the_camera_is_found_behind_a_moving_body() {
        check(&Pair::new(texture(200, 150, 1), Homography::new(TILT).unwrap()));
    }

    #[test]
    fn the_camera_is_found_in_photographs() {
        let Some(data) = std::env::var_os("MAREY_DATA") else {
            return println!("skipped: MAREY_DATA is not set, so there are no photographs");
        };
        for name in ["rubberwhale", "chairs-3"] {
            let path = std::path::Path::new(&data).join("flow").join(name).join("frame0.png");
            let image = image::open(&path).unwrap().to_rgb8();
            check(&Pair::new(Grey::from_rgb(&image).unwrap(), Homography::new(TILT).unwrap()));
        }
    }

    #[test]
    fn most_of_a_scene_stands_still_without_its_cameras_motion() {
        let Some(data) = std::env::var_os("MAREY_DATA") else {
            return println!("skipped: MAREY_DATA is not set, so there is no true flow");
        };
        // Chairs before photographs that move by themselves: most of the true flow is the photograph's.
        for name in ["chairs-1", "chairs-3"] {
            let folder = std::path::Path::new(&data).join("flow").join(name);
            let frame = |file| image::open(folder.join(file)).unwrap().to_rgb8();
            let [from, to] =
                ["frame0.png", "frame1.png"].map(|f| Grey::from_rgb(&frame(f)).unwrap());
            // A .flo file: 12 bytes of head, then x and y of each pixel.
            let bytes = std::fs::read(folder.join("flow.flo")).unwrap();
            let values =
                bytes[12..].chunks_exact(4).map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]]));
            let (x, y) = values.enumerate().partition::<Vec<_>, _>(|(i, _)| i % 2 == 0);
            let [x, y] = [x, y].map(|plane| plane.into_iter().map(|(_, v)| v).collect());
            let truth = Field::new(from.width(), from.height(), x, y).unwrap();
            let motion = camera_motion(&from, &to, None, 1).unwrap();
            let left = compensate(&truth, &motion.homography).unwrap();
            let [before, after] = [&truth, &left].map(median);
            // Measured: 3.79 and 4.94 pixels become 0.06 and 0.15.
            assert!(before > 3. && after < 0.3, "{name}: {before} px become {after}");
        }
    }

    fn median(field: &Field) -> f32 {
        let mut lengths: Vec<f32> =
            field.x().iter().zip(field.y()).map(|(x, y)| x.hypot(*y)).collect();
        lengths.sort_by(f32::total_cmp);
        lengths[lengths.len() / 2]
    }

    #[test]
    fn where_too_little_agrees_there_is_no_motion() {
        let (flat, some) = (Grey::new(80, 60, vec![5.; 4800]).unwrap(), texture(80, 60, 1));
        for to in [&flat, &texture(80, 60, 2)] {
            let motion = camera_motion(&some, to, None, 1).unwrap();
            assert_eq!((motion.found(), motion.homography), (false, Homography::IDENTITY));
        }
        // Enough matches, each to another place.
        let rough =
            Field::from_fn(80, 60, |x, y| [(x * x * 7 % 83) as f32, (y * x * 5 % 71) as f32]);
        let motion = camera_motion(&some, &flat, Some(&rough.unwrap()), 1).unwrap();
        assert!(motion.matches > 50 && !motion.found(), "{motion:?}");
        assert_eq!(motion.homography, Homography::IDENTITY);
        assert!(camera_motion(&flat, &texture(60, 80, 1), None, 1).is_err());
        let small = Field::from_fn(2, 2, |_, _| [0.; 2]).unwrap();
        assert!(camera_motion(&flat, &flat, Some(&small), 1).is_err());
    }

    #[test]
    fn nothing_is_left_of_the_cameras_own_field() {
        let camera = Homography::new(TILT).unwrap();
        let own = camera.field(64, 48).unwrap();
        let left = compensate(&own, &camera).unwrap();
        assert!(left.x().iter().chain(left.y()).all(|d| d.abs() < 1e-4));
        assert_eq!(compensate(&own, &Homography::IDENTITY).unwrap(), own);
        let unknown = Field::from_fn(2, 1, |_, _| [f32::NAN; 2]).unwrap();
        assert_eq!(compensate(&unknown, &camera).unwrap().get(0, 0), None);
    }

    #[test]
    fn flow_is_found_again_in_frames_without_the_cameras_motion() {
        let pair = Pair::new(texture(200, 150, 1), Homography::new(TILT).unwrap());
        let mut seconds = Vec::new();
        let zero = Field::from_fn(200, 150, |_, _| [0.; 2]).unwrap();
        let found = warped_flow(&pair.from, &pair.to, 1, |from, to| {
            assert_eq!(from, &pair.from);
            seconds.push(to.clone());
            Ok(if seconds.len() == 1 { pair.flow.clone() } else { zero.clone() })
        })
        .unwrap();
        assert_eq!((&found.flow, &found.warped), (&pair.flow, &zero));
        assert_eq!((seconds.len(), &seconds[0]), (2, &pair.to));
        // Off the body, which a seam of a pixel surrounds, the steadied frame is the first one, twice interpolated.
        let still = (0..200 * 150).filter(|at| !pair.near_body([at % 200, at / 200]));
        let difference = |a: &Grey| {
            let all: Vec<f32> =
                still.clone().map(|at| (a.pixels()[at] - pair.from.pixels()[at]).abs()).collect();
            all.iter().sum::<f32>() / all.len() as f32
        };
        let (before, after) = (difference(&seconds[0]), difference(&seconds[1]));
        assert!(after < before / 8., "{before} grey levels become {after}");
        // What compensation finds without finding flow again: the body moves, the rest does not.
        let direct = compensate(&found.flow, &found.camera.homography).unwrap();
        let still = still.map(|at| f64::from(direct.x()[at]).hypot(f64::from(direct.y()[at])));
        assert!(still.fold(0., f64::max) < 0.5);
    }

    #[test]
    fn many_pairs_have_the_warped_flow_of_each() {
        let pair = Pair::new(texture(200, 150, 1), Homography::new(TILT).unwrap());
        let flat = Grey::new(200, 150, vec![5.; 200 * 150]).unwrap();
        let find = |from: &Grey, to: &Grey| match (from, to) {
            (from, to) if *from == pair.from && *to == pair.to => Ok(pair.flow.clone()),
            (from, to) => Field::from_fn(200, 150, |x, y| {
                let at = y * 200 + x;
                [from.pixels()[at] - to.pixels()[at], 1.]
            }),
        };
        let pairs = [(&flat, &flat), (&pair.from, &pair.to), (&flat, &flat)];
        let each = |pairs: &[(&Grey, &Grey)]| pairs.iter().map(|(a, b)| find(a, b)).collect();
        let all = warped_flows(&pairs, 1, each).unwrap();
        for (found, (from, to)) in all.iter().zip(pairs) {
            assert_eq!(*found, warped_flow(from, to, 1, find).unwrap());
        }
        assert_eq!([0, 1, 2].map(|at| all[at].camera.found()), [false, true, false]);
        assert!(warped_flows(&pairs, 1, |_| Ok(vec![])).is_err());
    }

    #[test]
    fn without_a_motion_flow_is_not_found_again() {
        let flat = Grey::new(40, 40, vec![5.; 1600]).unwrap();
        let mut times = 0;
        let found = warped_flow(&flat, &flat, 1, |from, _| {
            times += 1;
            Field::from_fn(from.width(), from.height(), |_, _| [1., 2.])
        });
        let found = found.unwrap();
        assert_eq!((times, &found.flow, found.camera.found()), (1, &found.warped, false));
        assert!(
            warped_flow(&flat, &flat, 1, |_, _| Err(crate::Error::Input("none".into()))).is_err()
        );
    }
}
