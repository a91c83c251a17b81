//! The homography that most matches agree on.
//!
//! Reference: Fischler and Bolles, "Random Sample Consensus", Communications of the ACM 1981, with the threshold of iDT, and OpenCV's
//! `findHomography` for the number of tries.

use super::{Homography, Match};

/// How the matches are asked. The same seed gives the same answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ransac {
    /// How far from its place a match may be led that agrees, in pixels.
    pub threshold: f64,
    /// How sure it is to have tried four matches that all agree, below 1.
    pub confidence: f64,
    /// At most so many tries.
    pub most: usize,
    /// Of the draws.
    pub seed: u64,
}

impl Default for Ransac {
    fn default() -> Self {
        Self { threshold: 1., confidence: 0.995, most: 2000, seed: 0 }
    }
}

impl Ransac {
    /// The homography, and which matches agree; nothing of fewer than four matches, or if no four of them determine one.
    pub fn homography(&self, matches: &[Match]) -> Option<(Homography, Vec<bool>)> {
        if matches.len() < 4 {
            return None;
        }
        let mut draws =
            draws(self.seed).map(|draw| matches[(draw % matches.len() as u64) as usize]);
        let mut best: Option<(Homography, usize)> = None;
        let (mut tried, mut enough) = (0, self.most);
        while tried < enough {
            tried += 1;
            // A match that is drawn twice makes a sample of too few points, of which there is no homography.
            let four: Vec<Match> = draws.by_ref().take(4).collect();
            let Some(found) = Homography::fit(&four) else { continue };
            let agree = self.agreeing(&found, matches).count();
            if best.is_none_or(|(_, most)| agree > most) {
                best = Some((found, agree));
                enough = self.tries(agree as f64 / matches.len() as f64);
            }
        }
        let (mut homography, mut most) = best?;
        // What fits all that agree may make more agree; after a few times it does not.
        for _ in 0..5 {
            let agreeing: Vec<Match> = self.agreeing(&homography, matches).collect();
            let Some(refit) = Homography::fit(&agreeing) else { break };
            let agree = self.agreeing(&refit, matches).count();
            if agree < most {
                break;
            }
            (homography, most) = (refit, agree);
        }
        Some((homography, matches.iter().map(|m| self.agrees(&homography, m)).collect()))
    }

    fn agrees(&self, homography: &Homography, m: &Match) -> bool {
        homography
            .apply(m.from)
            .is_some_and(|[x, y]| (x - m.to[0]).hypot(y - m.to[1]) <= self.threshold)
    }

    fn agreeing<'a>(
        &'a self,
        homography: &'a Homography,
        matches: &'a [Match],
    ) -> impl Iterator<Item = Match> + 'a {
        matches.iter().copied().filter(|m| self.agrees(homography, m))
    }

    /// How many tries are enough if this share of the matches agrees.
    fn tries(&self, share: f64) -> usize {
        let misses = (-share.powi(4)).ln_1p();
        ((1. - self.confidence).ln() / misses).ceil().min(self.most as f64) as usize
    }
}

/// Draws that follow from a seed: the generator SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), a function of seed and number.
pub(super) fn draws(seed: u64) -> impl Iterator<Item = u64> {
    (1..).map(move |number: u64| {
        let z = seed.wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::pair::{CORNERS, TILT};

    /// 90 matches in 320 x 240 pixels that `TILT` leads to their places, up to 0.3 pixels off along each axis; of each third one,
    /// the place is any.
    fn matches() -> Vec<Match> {
        let mut units = draws(7).map(|draw| draw as f64 / 2f64.powi(64));
        let mut unit = move || units.next().unwrap();
        let tilt = Homography::new(TILT).unwrap();
        let one = |i: usize| {
            let from = [320. * unit(), 240. * unit()];
            let to = match i % 3 {
                2 => [320. * unit(), 240. * unit()],
                _ => tilt.apply(from).unwrap().map(|place| place + 0.6 * (unit() - 0.5)),
            };
            Match { from, to }
        };
        (0..90).map(one).collect()
    }

    #[test]
    fn draws_are_those_of_the_reference() {
        // The first values of seed 1234567 in the test of splitmix64 on Rosetta Code.
        let want = [6457827717110365317, 3203168211198807973, 9817491932198370423];
        assert_eq!(draws(1234567).take(3).collect::<Vec<_>>(), want);
    }

    #[test]
    fn wrong_matches_are_found_out() {
        let (homography, agree) = Ransac::default().homography(&matches()).unwrap();
        assert_eq!(agree, (0..90).map(|i| i % 3 != 2).collect::<Vec<_>>());
        // cv2.findHomography(from, to, 0) of OpenCV 5.0.0 on those that agree, which are those that its RANSAC with 1 pixel finds.
        let want = [
            [-6.57219, 4.14802],
            [316.86777, -2.08192],
            [0.76128, 240.16875],
            [326.15341, 232.1773],
            [160.40791, 118.7061],
        ];
        for (corner, want) in CORNERS.into_iter().zip(want) {
            let got = homography.apply(corner).unwrap();
            let error = (got[0] - want[0]).hypot(got[1] - want[1]);
            assert!(error < 0.02, "{corner:?} is led to {got:?}, not {want:?}");
        }
    }

    #[test]
    fn the_more_agree_the_fewer_tries_are_enough() {
        let tries = |share| Ransac::default().tries(share);
        // ln(0.005) / ln(1 - 0.5^4) = 82.1, and ln(0.005) / ln(1 - 0.9^4) = 4.96.
        assert_eq!((tries(0.5), tries(0.9), tries(1.)), (83, 5, 0));
        assert_eq!((tries(0.), tries(1e-6)), (2000, 2000));
    }

    #[test]
    fn the_same_seed_gives_the_same_answer() {
        let with = |seed| Ransac { seed, ..Ransac::default() }.homography(&matches());
        assert_eq!(with(3), with(3));
        // Here all seeds find all that agree.
        (0..20).for_each(|seed| assert_eq!(with(seed), with(3), "seed {seed}"));
    }

    #[test]
    fn too_little_gives_nothing() {
        let ransac = Ransac::default();
        assert_eq!(ransac.homography(&matches()[..3]), None);
        let line = |i: usize| Match { from: [i as f64, i as f64], to: [i as f64, i as f64] };
        assert_eq!(ransac.homography(&(0..9).map(line).collect::<Vec<_>>()), None);
        let nowhere = Match { from: [f64::NAN; 2], to: [0.; 2] };
        assert_eq!(ransac.homography(&[nowhere; 9]), None);
        // What is not known does not get in the way of the rest.
        let some: Vec<Match> = matches().into_iter().chain([nowhere; 9]).collect();
        assert_eq!(
            ransac.homography(&some).unwrap().1.iter().filter(|agrees| **agrees).count(),
            60
        );
    }
}
