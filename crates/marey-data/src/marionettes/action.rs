//! What the figures do: six motions, each an action forwards and another one backwards.

use rand::Rng;

/// A motion that is one action forwards and its partner backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Motion {
    RaiseArm,
    OpenArms,
    SitDown,
    BendOver,
    KickOut,
    Approach,
}

/// The actions: `2 m` is motion `m` forwards, `2 m + 1` is it backwards.
pub(crate) const ACTIONS: [&str; 12] = [
    "raise arm",
    "lower arm",
    "open arms",
    "close arms",
    "sit down",
    "stand up",
    "bend over",
    "straighten up",
    "kick out",
    "take leg back",
    "approach",
    "retreat",
];

impl Motion {
    pub(crate) const ALL: [Self; 6] = [
        Self::RaiseArm,
        Self::OpenArms,
        Self::SitDown,
        Self::BendOver,
        Self::KickOut,
        Self::Approach,
    ];
}

/// When a motion begins and ends, and how it speeds up and slows down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    /// Parts of the video at rest before and after.
    rest: [f32; 2],
    /// From uniform speed (0) to starting and ending at rest (1).
    ease: f32,
    /// Above 1 the second half is the quicker one, below 1 the first.
    skew: f32,
}

impl Timing {
    /// Rests last up to `rest` of the video each.
    pub(crate) fn draw(rest: f32, rng: &mut impl Rng) -> Self {
        let mut unit = || rng.random::<f32>();
        Self {
            rest: [rest * unit(), rest * unit()],
            ease: unit(),
            skew: (0.6 * (unit() - 0.5)).exp(),
        }
    }

    /// How much of the motion, from 0 to 1, is done at `time`, from 0 to 1.
    pub(crate) fn phase(&self, time: f32) -> f32 {
        let moving = (1. - self.rest[0] - self.rest[1]).max(1e-3);
        let x = ((time - self.rest[0]) / moving).clamp(0., 1.).powf(self.skew);
        x + self.ease * (x * x * (3. - 2. * x) - x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phase_by_hand() {
        let timing = Timing { rest: [0.25, 0.25], ease: 0., skew: 1. };
        let phases = [0., 0.25, 0.5, 0.75, 1.].map(|t| timing.phase(t));
        assert_eq!(phases, [0., 0., 0.5, 1., 1.]);
        // Smoothstep: 3/16 - 2/64 of the way at a quarter.
        let eased = Timing { rest: [0., 0.], ease: 1., skew: 1. };
        assert_eq!(eased.phase(0.25), 0.15625);
    }

    #[test]
    fn phase_never_goes_back_and_takes_most_of_the_video() {
        for i in 0..50 {
            let timing = Timing::draw(0.12, &mut marey_layers::rng::stream(1, "t", i));
            let phases: Vec<_> = (0..=100).map(|t| timing.phase(t as f32 / 100.)).collect();
            assert!(phases.windows(2).all(|p| p[1] >= p[0]));
            assert_eq!([phases[0], phases[100]], [0., 1.]);
            assert!(phases.windows(2).filter(|p| p[1] > p[0]).count() >= 70);
        }
    }
}
