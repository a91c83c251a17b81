//! Figures: what a pose looks like on one person.

use rand::Rng;

use super::draw::{Colour, Point, Shape};
use super::pose::{Limb, Pose};

/// One person's looks and place in the scene.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// Of the shorter side of the frame.
    height: f32,
    /// Where it stands: x, and y of the ground, from the middle of the frame.
    place: Point,
    /// Where the ground meets the sky, to which what is far off shrinks.
    horizon: f32,
    mirrored: bool,
    /// Of limbs, about 1.
    thickness: f32,
    skin: Colour,
    hair: Colour,
    shirt: Colour,
    trousers: Colour,
    shoes: Colour,
    seat: Colour,
}

const SKINS: [Colour; 5] = [
    [0.96, 0.82, 0.71],
    [0.88, 0.68, 0.52],
    [0.76, 0.55, 0.38],
    [0.55, 0.37, 0.25],
    [0.4, 0.27, 0.19],
];

impl Figure {
    /// In a scene as bright as `around`, from 0 to 1, whose clothes stand out from it.
    pub(crate) fn draw(around: f32, variation: f32, rng: &mut impl Rng) -> Self {
        let mut vary = |middle: f32, by: f32| middle + variation * by * rng.random_range(-1f32..1.);
        let (height, thickness) = (vary(0.7, 0.09), vary(1., 0.22));
        let place = [vary(0., 0.13), vary(0.4, 0.035)];
        let horizon = vary(0.02, 0.08);
        let mut cloth = |light: f32| hsv(rng.random(), rng.random_range(0.35..0.95), light);
        let light = if around > 0.5 { [0.15, 0.4] } else { [0.7, 1.] };
        let (shirt, trousers) = (cloth(light[0]), cloth((light[0] + light[1]) / 2.));
        let (shoes, seat) = (cloth(0.25), cloth(if around > 0.5 { 0.3 } else { 0.85 }));
        Self {
            height,
            place,
            horizon,
            mirrored: rng.random(),
            thickness,
            skin: SKINS[rng.random_range(0..SKINS.len())],
            hair: hsv(rng.random_range(0.02..0.12), 0.6, rng.random_range(0.05..0.5)),
            shirt,
            trousers,
            shoes,
            seat,
        }
    }

    /// The shapes of `pose` in the scene, the farthest first.
    pub(crate) fn shapes(&self, pose: &Pose) -> Vec<Shape> {
        let size = self.height * pose.near;
        let ground = self.horizon + (self.place[1] - self.horizon) * pose.near;
        let sign = if self.mirrored { -1. } else { 1. };
        let at = |p: Point| [self.place[0] * pose.near + sign * p[0] * size, ground - p[1] * size];
        let shape = |corners: &[Point], radius: f32, colour: Colour| Shape {
            corners: corners.iter().map(|c| at(*c)).collect(),
            radius: radius * size,
            colour,
        };
        let thick = self.thickness;
        let leg = |i: usize, shade: f32| {
            let [hip, knee, ankle] = pose.legs[i];
            let trousers = dim(self.trousers, shade);
            [
                shape(&[ankle, pose.toes[i]], 0.026, dim(self.shoes, shade)),
                shape(&[knee, ankle], 0.034 * thick, trousers),
                shape(&[hip, knee], 0.043 * thick, trousers),
            ]
        };
        let arm = |[shoulder, elbow, hand]: Limb, shade: f32| {
            [
                shape(&[hand], 0.036, dim(self.skin, shade)),
                shape(&[elbow, hand], 0.026 * thick, dim(self.skin, shade)),
                shape(&[shoulder, elbow], 0.032 * thick, dim(self.shirt, shade * 0.9)),
            ]
        };
        let far = if pose.side { 0.7 } else { 1. };
        let mut shapes = Vec::with_capacity(24);
        if let Some([x, y]) = pose.seat {
            let post = |x: f32| shape(&[[x, y - 0.02], [x, 0.01]], 0.014, dim(self.seat, 0.8));
            shapes.extend([post(x - 0.09), post(x + 0.09)]);
            shapes.push(shape(&[[x - 0.1, y - 0.02], [x + 0.1, y - 0.02]], 0.022, self.seat));
        }
        if pose.side {
            shapes.extend(arm(pose.arms[0], far));
        }
        shapes.extend(leg(0, far));
        shapes.extend(leg(1, 1.));
        shapes.extend(self.torso(pose, &shape));
        shapes.extend(self.head(pose, &shape));
        if !pose.side {
            shapes.extend(arm(pose.arms[0], 1.));
        }
        shapes.extend(arm(pose.arms[1], 1.));
        shapes
    }

    fn torso(&self, pose: &Pose, shape: &dyn Fn(&[Point], f32, Colour) -> Shape) -> [Shape; 2] {
        let ([left, ..], [right, ..]) = (pose.arms[0], pose.arms[1]);
        let ([hip_left, ..], [hip_right, ..]) = (pose.legs[0], pose.legs[1]);
        let chest = mix(left, right, 0.5);
        let radius = if pose.side { 0.06 } else { 0.035 };
        [
            shape(&[chest, pose.head], 0.026, dim(self.skin, 0.85)),
            shape(&[left, right, hip_right, hip_left], radius * self.thickness, self.shirt),
        ]
    }

    fn head(&self, pose: &Pose, shape: &dyn Fn(&[Point], f32, Colour) -> Shape) -> [Shape; 3] {
        let head = pose.head;
        let chest = mix(pose.arms[0][0], pose.arms[1][0], 0.5);
        // Along the neck, and to the front, of unit length.
        let up = [head[0] - chest[0], head[1] - chest[1]];
        let length = up[0].hypot(up[1]).max(1e-6);
        let up = [up[0] / length, up[1] / length];
        let front = if pose.side { [up[1], -up[0]] } else { [0., 0.] };
        let to = |a: f32, b: f32| {
            [head[0] + a * up[0] + b * front[0], head[1] + a * up[1] + b * front[1]]
        };
        let nose = if pose.side { to(-0.005, 0.075) } else { to(-0.015, 0.) };
        [
            shape(&[to(0.02, -0.02)], 0.07, self.hair),
            shape(&[to(-0.012, 0.012)], 0.058, self.skin),
            shape(&[nose], 0.013, dim(self.skin, 0.75)),
        ]
    }
}

fn mix(a: Point, b: Point, t: f32) -> Point {
    [a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])]
}

fn dim(colour: Colour, by: f32) -> Colour {
    colour.map(|c| c * by)
}

/// A colour of a hue, a saturation and a value, all from 0 to 1.
pub(crate) fn hsv(hue: f32, saturation: f32, value: f32) -> Colour {
    // The usual hexagon: each channel is a trapezoid of the hue, a third of a turn apart.
    [5f32, 3., 1.].map(|offset| {
        let k = (offset + 6. * hue).rem_euclid(6.);
        value * (1. - saturation * k.min(4. - k).clamp(0., 1.))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::marionettes::action::Motion;
    use crate::marionettes::pose::Manner;

    #[test]
    fn hsv_of_the_pure_colours() {
        assert_eq!(hsv(0., 1., 1.), [1., 0., 0.]);
        assert_eq!(hsv(1. / 3., 1., 0.5), [0., 0.5, 0.]);
        assert_eq!(hsv(0.7, 0., 0.25), [0.25; 3]);
    }

    #[test]
    fn figures_stay_in_the_frame() {
        for i in 0..100 {
            let rng = &mut marey_layers::rng::stream(2, "f", i);
            let (figure, manner) = (Figure::draw(0.6, 1., rng), Manner::draw(rng));
            for motion in Motion::ALL {
                for p in [0., 0.5, 1.] {
                    for shape in figure.shapes(&manner.pose(motion, p)) {
                        for [x, y] in shape.corners {
                            assert!(x.abs() < 0.56 && y.abs() < 0.56, "{motion:?} {p}: {x} {y}");
                        }
                    }
                }
            }
        }
    }
}
