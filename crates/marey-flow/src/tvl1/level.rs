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

/// What a flow took: pixels that were computed, of all levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Of all iterations.
    pub iterations: u64,
    /// Of all passes over the planes, of several iterations each.
    pub passes: u64,
    /// Of all warps.
    pub warps: u64,
    /// Of all median filters, of one component or more.
    pub medians: u64,
}

impl Effort {
    fn add(&mut self, warps: u64, other: &Self) {
        self.iterations += other.iterations;
        self.passes += other.passes;
        self.medians += other.medians;
        self.warps += warps;
    }
}

/// The flow between two images, `x` and `y`, perhaps from a `start`.
pub(super) fn all(
    config: &TvL1Config,
    work: Work,
    images: [Plane; 2],
    start: Option<Vec<Plane>>,
) -> ([Vec<f32>; 2], Effort) {
    let levels = pyramid(config, images);
    let size = |level: &[Plane; 2]| (level[0].width(), level[0].height());
    let (mut u, mut effort) = (start.unwrap_or_default(), Effort::default());
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
        u = solve(config, work, &level[0], &level[1], u, &mut effort);
    }
    ([u[0].values(), u[1].values()], effort)
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
    effort: Effort,
}

/// Improves the flow `u` between two images of a level.
fn solve(
    config: &TvL1Config,
    work: Work,
    first: &Plane,
    second: &Plane,
    u: Vec<Plane>,
    effort: &mut Effort,
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
        effort: Effort::default(),
    };
    let second = Seen::new(second);
    for _ in 0..config.warps {
        let flow = [&level.now.u[0], &level.now.u[1]];
        constants(level.isa, config.scheme, first, &second, flow, &mut level.constants, bands);
        level.iterate();
    }
    effort.add(config.warps as u64 * (width * height) as u64, &level.effort);
    level.now.u
}

impl Level<'_> {
    /// Iterates until the flow changes by less than epsilon, as if one iteration were done after the other.
    fn iterate(&mut self) {
        let enough = f64::from(self.config.epsilon).powi(2) * self.pixels() as f64;
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

    fn pixels(&self) -> u64 {
        (self.now.u[0].width() * self.now.u[0].height()) as u64
    }

    /// The median filter of x and y.
    fn smooth(&mut self) {
        self.effort.medians += self.pixels();
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
        let all = &self.run(iterations)[..iterations];
        let done = all.iter().position(|change| *change <= enough).unwrap_or(iterations - 1);
        if done + 1 < iterations {
            // The state before it is still there.
            self.run(done + 1);
        }
        std::mem::swap(&mut self.now, &mut self.next);
        changes.add(&all[..=done]);
        all[done]
    }

    /// Runs so many iterations from the state into the next; gives their changes.
    fn run(&mut self, iterations: usize) -> [f64; LONGEST] {
        self.effort.iterations += iterations as u64 * self.pixels();
        self.effort.passes += self.pixels();
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
        std::array::from_fn(|j| {
            let bands = self.changes.chunks(rows * LONGEST);
            // Row by row, whatever the bands.
            bands.flat_map(|band| band.chunks(band.len() / LONGEST).skip(j).take(1).flatten()).sum()
        })
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
