//! One level of the pyramid: warps, and iterations between them.

use rayon::prelude::*;

use super::TvL1Config;
use super::lanes::Isa;
use super::median::median;
use super::plane::Plane;
use super::pyramid::{larger, pyramid, start_above};
use super::rows::{MOST, Terms};
use super::sweep::{Constants, LONGEST, Pass, Ring, State, Target};
use super::warp::{Seen, constants};

/// Fewest rows of a band: below, bands would compute more of their neighbours' rows than it is worth.
const BAND: usize = 16;

/// How the work is done; no result depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) isa: Isa,
    /// Bands of rows that are computed at once.
    pub(super) bands: usize,
}

/// The flow between two images, `x` and `y`, perhaps from a `start`.
pub(super) fn all(
    config: &TvL1Config,
    work: Work,
    images: [Plane; 2],
    start: Option<Vec<Plane>>,
) -> [Vec<f32>; 2] {
    let levels = pyramid(config, images);
    let size = |level: &[Plane; 2]| (level[0].width(), level[0].height());
    let mut u = start.unwrap_or_default();
    for (w, h) in levels.iter().skip(1).map(size) {
        u = u.iter().map(|plane| start_above(config, plane, w, h)).collect();
    }
    for (i, level) in levels.iter().enumerate().rev() {
        let (w, h) = size(level);
        if i + 1 < levels.len() {
            let (flow, brightness) = u.split_at(2);
            let larger = |plane: &Plane| larger(config, plane, w, h);
            let flow = flow.iter().map(|plane| larger(plane).scaled(1. / config.zoom));
            u = flow.chain(brightness.iter().map(larger)).collect();
        }
        u.resize(if config.gamma > 0. { MOST } else { 2 }, Plane::new(w, h));
        u = solve(config, work, &level[0], &level[1], u);
    }
    [u[0].values(), u[1].values()]
}

/// The state of a level, and room for the next.
struct Level<'a> {
    config: &'a TvL1Config,
    isa: Isa,
    now: State,
    next: State,
    constants: Constants,
    rings: Vec<Ring>,
    /// Rows of a band.
    rows: usize,
    changes: Vec<f64>,
    terms: Terms,
}

/// Improves the flow `u` between two images of a level.
fn solve(
    config: &TvL1Config,
    work: Work,
    first: &Plane,
    second: &Plane,
    u: Vec<Plane>,
) -> Vec<Plane> {
    let (width, height) = (first.width(), first.height());
    let bands = work.bands.min(height / BAND).max(1);
    let rows = height.div_ceil(bands);
    let bands = height.div_ceil(rows);
    let mut now = State::new(u.len(), width, height);
    now.u = u;
    let mut level = Level {
        config,
        isa: work.isa,
        next: now.clone(),
        constants: std::array::from_fn(|_| Plane::new(width, height)),
        rings: (0..bands).map(|_| Ring::new(now.u.len(), width)).collect(),
        rows,
        changes: vec![0.; LONGEST * height],
        terms: Terms::new(config),
        now,
    };
    let second = Seen::new(second);
    for _ in 0..config.warps {
        let flow = [&level.now.u[0], &level.now.u[1]];
        constants(level.isa, config.scheme, first, &second, flow, &mut level.constants, bands);
        level.iterate();
    }
    level.now.u
}

impl Level<'_> {
    /// Iterates until the flow changes by less than epsilon, as if one iteration were done after the other.
    fn iterate(&mut self) {
        let enough = f64::from(self.config.epsilon).powi(2) * self.area();
        let mut changes = Changes::default();
        for _ in 0..self.config.outer {
            if self.config.median > 1 {
                self.smooth();
            }
            let mut left = self.config.inner;
            while left > 0 {
                let iterations = changes.ahead(enough).min(left);
                let last = self.pass(iterations, enough, &mut changes);
                if last <= enough {
                    return;
                }
                left -= iterations;
            }
        }
    }

    fn area(&self) -> f64 {
        (self.now.u[0].width() * self.now.u[0].height()) as f64
    }

    /// The median filter of x and y.
    fn smooth(&mut self) {
        let bands = self.rings.len();
        for (from, to) in self.now.u.iter().zip(&mut self.next.u).take(2) {
            median(self.isa, self.config.median, from, to, bands);
        }
        for (now, next) in self.now.u.iter_mut().zip(&mut self.next.u).take(2) {
            std::mem::swap(now, next);
        }
    }

    /// So many iterations, or fewer if the flow changes by no more than `enough` before; gives the last one's change.
    fn pass(&mut self, iterations: usize, enough: f64, changes: &mut Changes) -> f64 {
        let all = self.run(iterations);
        let done = all.iter().position(|change| *change <= enough).unwrap_or(iterations - 1);
        if done + 1 < iterations {
            // The state before it is still there.
            self.run(done + 1);
        }
        std::mem::swap(&mut self.now, &mut self.next);
        changes.add(&all[..=done]);
        all[done]
    }

    /// Runs iterations from the state into the next; gives their changes.
    fn run(&mut self, iterations: usize) -> Vec<f64> {
        let (rows, height) = (self.rows, self.now.u[0].height());
        let target = Target::new(&mut self.next);
        let (isa, terms, constants, from) = (self.isa, &self.terms, &self.constants, &self.now);
        let band = |(band, (ring, changes)): (usize, (&mut Ring, &mut [f64]))| {
            let band = [band * rows, ((band + 1) * rows).min(height)];
            let pass = Pass { terms, constants, from, to: &target, band, iterations };
            // SAFETY: bands share no row, and nobody reads the target until all are done.
            unsafe { pass.run(isa, ring, changes) }
        };
        match &mut self.rings[..] {
            [ring] => band((0, (ring, &mut self.changes))),
            rings => {
                let changes = self.changes.par_chunks_mut(rows * LONGEST);
                rings.par_iter_mut().zip(changes).enumerate().for_each(band);
            }
        }
        let of = |j: usize| {
            let bands = self.changes.chunks(rows * LONGEST);
            let rows = bands.flat_map(|band| {
                let rows = band.len() / LONGEST;
                &band[j * rows..(j + 1) * rows]
            });
            rows.sum::<f64>()
        };
        (0..iterations).map(of).collect()
    }
}

/// How the flow changed in the iterations so far, and how long it may go on.
#[derive(Debug, Default)]
struct Changes {
    last: [f64; 2],
}

impl Changes {
    fn add(&mut self, changes: &[f64]) {
        for change in changes {
            self.last = [self.last[1], *change];
        }
    }

    /// Iterations that can be done at once without much risk that there would be too many, as changes decay now.
    fn ahead(&self, enough: f64) -> usize {
        let [before, last] = self.last;
        if before <= 0. {
            return 2;
        }
        if last >= before {
            return LONGEST;
        }
        let ahead = (enough / last).ln() / (last / before).ln();
        (ahead as usize).clamp(1, LONGEST)
    }
}
