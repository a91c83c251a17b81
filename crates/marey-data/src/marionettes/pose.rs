//! Poses: where the joints are at each moment of a motion.
//!
//! Lengths are in heights of the figure. x is to its front where it is seen from the side, y is
//! up from the ground. Of two limbs the first is the farther one (the left of the frame where
//! the figure faces the camera).

use std::f32::consts::{FRAC_PI_2, PI, TAU};

use rand::Rng;

use super::action::Motion;
use super::draw::{Point, sub};

const THIGH: f32 = 0.245;
const SHANK: f32 = 0.245;
const ANKLE: f32 = 0.03;
const HIP: f32 = ANKLE + THIGH + SHANK;
const TORSO: f32 = 0.3;
const ARM: f32 = 0.165;
/// Half the shoulders' and half the hips' width, facing the camera and from the side.
const WIDTH: [Point; 2] = [[0.105, 0.06], [0.012, 0.01]];

/// A moment of a motion.
#[derive(Debug, Clone)]
pub(crate) struct Pose {
    pub(crate) head: Point,
    pub(crate) arms: [Limb; 2],
    pub(crate) legs: [Limb; 2],
    pub(crate) toes: [Point; 2],
    /// Seen from the side, not from the front.
    pub(crate) side: bool,
    /// How large the figure is, of its full size.
    pub(crate) near: f32,
    /// The seat's x and height.
    pub(crate) seat: Option<Point>,
}

/// Shoulder, elbow, hand; or hip, knee, ankle.
pub(crate) type Limb = [Point; 3];

/// How one figure does a motion.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// How far it goes, about 1.
    reach: f32,
    /// How bent elbows and knees are, from 0 to 1.
    bent: f32,
    /// Where the arms that do nothing hang, in radians from the body.
    idle: f32,
    /// How far off the motion begins, of the figure's size, where it approaches.
    far: f32,
    /// Steps of an approach.
    steps: f32,
}

impl Manner {
    pub(crate) fn draw(rng: &mut impl Rng) -> Self {
        Self {
            reach: rng.random_range(0.88..1.04),
            bent: rng.random(),
            idle: rng.random_range(0.05..0.3),
            far: rng.random_range(0.38..0.5),
            steps: rng.random_range(2.5..4.5),
        }
    }

    /// The pose when `phase` of `motion`, from 0 to 1, is done.
    pub(crate) fn pose(&self, motion: Motion, phase: f32) -> Pose {
        match motion {
            Motion::RaiseArm => self.raise_arm(phase),
            Motion::OpenArms => self.open_arms(phase),
            Motion::SitDown => self.sit_down(phase),
            Motion::BendOver => self.bend_over(phase),
            Motion::KickOut => self.kick_out(phase),
            Motion::Approach => self.approach(phase),
        }
    }

    fn raise_arm(&self, p: f32) -> Pose {
        let mut pose = Pose::upright(false, self.idle);
        let angle = self.idle + p * (3. * self.reach - self.idle);
        let elbow = 0.5 * self.bent * (PI * p).sin();
        pose.arms[1] = chain(pose.arms[1][0], angle - 0.3 * elbow, angle + elbow, ARM, ARM);
        pose
    }

    /// The arms, stretched out to the camera, turn to the sides.
    fn open_arms(&self, p: f32) -> Pose {
        let mut pose = Pose::upright(false, 0.);
        let turn = -0.3 + p * (FRAC_PI_2 * self.reach.min(1.) + 0.3);
        let droop = 0.1 * self.bent * p;
        for (arm, sign) in pose.arms.iter_mut().zip([-1., 1.]) {
            let shoulder = arm[0];
            // Towards the camera the hands are seen a little lower.
            let [out, down] = [turn.sin(), 0.3 * turn.cos() + droop];
            let at = |length: f32| [shoulder[0] + sign * length * out, shoulder[1] - length * down];
            *arm = [shoulder, at(ARM), at(2. * ARM)];
        }
        pose
    }

    fn sit_down(&self, p: f32) -> Pose {
        let seat = [-0.21, 0.25];
        let hip = [seat[0] * p, HIP - 0.005 + (seat[1] + 0.05 - HIP) * p];
        // Who sits down leans forward to keep the balance.
        let lean = 0.12 * p + (0.35 + 0.25 * self.bent) * (PI * p).sin();
        let mut pose = Pose::standing(true, hip, lean);
        let angle = self.idle + p * (0.58 - self.idle) + 0.3 * (PI * p).sin();
        pose.hang([angle - 0.05, angle + 0.05], 0.25 - 0.15 * p);
        pose.seat = Some(seat);
        pose
    }

    fn bend_over(&self, p: f32) -> Pose {
        let hip = [-0.1 * p, HIP - 0.005 - 0.015 * p];
        let mut pose = Pose::standing(true, hip, 1.8 * self.reach * p);
        // The arms hang.
        let angle = self.idle * (1. - p) + 0.1 * p;
        pose.hang([angle - 0.1, angle + 0.1], 0.1 * self.bent);
        pose
    }

    fn kick_out(&self, p: f32) -> Pose {
        let mut pose = Pose::standing(true, [0., HIP - 0.005], -0.28 * p);
        let thigh = 1.55 * self.reach * p;
        let knee = (0.4 + 0.7 * self.bent) * (PI * p).sin();
        pose.legs[1] = chain(pose.legs[1][0], thigh, thigh - knee, THIGH, SHANK);
        let foot = thigh - knee + FRAC_PI_2 - 0.3 * p;
        pose.toes[1] = along(pose.legs[1][2], foot, 0.09);
        // The arms balance the leg.
        pose.hang([self.idle + 0.7 * p, -0.1 - 0.6 * p], 0.25);
        pose
    }

    /// Walks to the camera.
    fn approach(&self, p: f32) -> Pose {
        let step = TAU * self.steps * p;
        let mut pose = Pose::upright(false, self.idle);
        for (i, sign) in [1., -1.].into_iter().enumerate() {
            let lifted = (sign * step.sin()).max(0.);
            let [hip, _, ankle] = pose.legs[i];
            let ankle = [ankle[0], ankle[1] + 0.11 * lifted];
            // A knee that comes forward is seen between hip and ankle.
            let knee = [(hip[0] + ankle[0]) / 2., (hip[1] + ankle[1]) / 2. + 0.03 * lifted];
            pose.legs[i] = [hip, knee, ankle];
            pose.toes[i] = [ankle[0] * 1.2, ankle[1] - 0.04];
            let hand = &mut pose.arms[i][2];
            hand[1] += 0.09 * (-sign * step.sin()).max(0.);
            hand[0] *= 0.9;
        }
        // Equal steps towards the camera look larger the nearer they are.
        pose.near = 1. / ((1. - p) / self.far + p);
        pose
    }
}

impl Pose {
    fn upright(side: bool, idle: f32) -> Self {
        let mut pose = Self::standing(side, [0., HIP - 0.005], 0.);
        pose.hang([idle, idle], 0.1);
        pose
    }

    /// Feet on the ground, the middle of the hips at `hip`, the torso leaning by `lean` radians.
    fn standing(side: bool, hip: Point, lean: f32) -> Self {
        let [shoulders, hips] = WIDTH[usize::from(side)];
        let up = |length: f32| [hip[0] + length * lean.sin(), hip[1] + length * lean.cos()];
        // Across the body: from the side, perpendicular to the torso.
        let across = |from: Point, by: f32| {
            [from[0] + by * lean.cos(), from[1] - if side { by * lean.sin() } else { 0. }]
        };
        let leg = |sign: f32| {
            let top = [hip[0] + sign * hips, hip[1]];
            let foot = [sign * if side { 0.02 } else { hips + 0.015 }, ANKLE];
            [top, knee(top, foot), foot]
        };
        let legs = [leg(-1.), leg(1.)];
        let toe = |leg: &Limb, sign: f32| match side {
            true => [leg[2][0] + 0.085, 0.012],
            false => [leg[2][0] + sign * 0.02, 0.],
        };
        Self {
            head: up(TORSO + 0.125),
            arms: [-1., 1.].map(|sign| [across(up(TORSO), sign * shoulders); 3]),
            toes: [toe(&legs[0], -1.), toe(&legs[1], 1.)],
            legs,
            side,
            near: 1.,
            seat: None,
        }
    }

    /// Lets the arms hang at `angles` from straight down, their elbows bent by `bent`.
    fn hang(&mut self, angles: [f32; 2], bent: f32) {
        for (i, angle) in angles.into_iter().enumerate() {
            let sign = if i == 0 && !self.side { -1. } else { 1. };
            let lower = angle + if self.side { bent } else { -bent };
            self.arms[i] = chain(self.arms[i][0], sign * angle, sign * lower, ARM, ARM);
        }
    }
}

/// Two bones from `start` on, at angles from straight down towards the front.
fn chain(start: Point, upper: f32, lower: f32, a: f32, b: f32) -> Limb {
    let joint = along(start, upper, a);
    [start, joint, along(joint, lower, b)]
}

fn along(from: Point, angle: f32, length: f32) -> Point {
    [from[0] + length * angle.sin(), from[1] - length * angle.cos()]
}

/// The knee, bent forward, between a hip and an ankle.
fn knee(hip: Point, ankle: Point) -> Point {
    let way = sub(ankle, hip);
    let length = way[0].hypot(way[1]).max(1e-6);
    // Thigh and shank are equally long: the knee is over the middle.
    let out = (THIGH * THIGH - length * length / 4.).max(0.).sqrt();
    let middle = [hip[0] + way[0] / 2., hip[1] + way[1] / 2.];
    [middle[0] - out * way[1] / length, middle[1] + out * way[0] / length]
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Manner = Manner { reach: 1., bent: 0., idle: 0.1, far: 0.4, steps: 3. };

    fn length(a: Point, b: Point) -> f32 {
        (a[0] - b[0]).hypot(a[1] - b[1])
    }

    #[test]
    fn bones_keep_their_length_where_they_lie_in_the_frame() {
        for motion in [Motion::RaiseArm, Motion::SitDown, Motion::BendOver, Motion::KickOut] {
            for p in [0., 0.3, 0.5, 0.8, 1.] {
                let pose = PLAIN.pose(motion, p);
                for [shoulder, elbow, hand] in pose.arms {
                    assert!((length(shoulder, elbow) - ARM).abs() < 1e-5, "{motion:?} {p}");
                    assert!((length(elbow, hand) - ARM).abs() < 1e-5);
                }
                for [hip, knee, ankle] in pose.legs {
                    assert!((length(hip, knee) - THIGH).abs() < 0.01, "{motion:?} {p}");
                    assert!((length(knee, ankle) - SHANK).abs() < 0.01);
                }
            }
        }
    }

    #[test]
    fn motions_end_where_their_names_say() {
        let hand = |motion, p| PLAIN.pose(motion, p).arms[1][2];
        assert!(hand(Motion::RaiseArm, 0.)[1] < 0.6 && hand(Motion::RaiseArm, 1.)[1] > 1.1);
        let open = |p| hand(Motion::OpenArms, p)[0];
        assert!(open(0.) < 0.1 && open(1.) > 0.4);
        assert!(hand(Motion::BendOver, 1.)[1] < 0.2);
        let seated = PLAIN.pose(Motion::SitDown, 1.);
        let [hip, knee, ankle] = seated.legs[1];
        assert!((hip[1] - knee[1]).abs() < 0.08 && knee[0] - hip[0] > 0.2, "thigh level");
        assert!((knee[0] - ankle[0]).abs() < 0.08, "shank upright");
        assert!(PLAIN.pose(Motion::KickOut, 1.).legs[1][2][1] > 0.45);
        assert_eq!(PLAIN.pose(Motion::Approach, 1.).near, 1.);
        assert!((PLAIN.pose(Motion::Approach, 0.).near - 0.4).abs() < 1e-6);
    }
}
