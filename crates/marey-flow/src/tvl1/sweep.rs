//! Several iterations in one pass over a band of rows.
//!
//! An iteration's row needs the flow of its row and the next, and the dual variables of its row and the one above. So iteration
//! `j + 1` can follow iteration `j` one row behind, all in place in a ring of few rows that stays in the cache: the planes are read
//! once and written once in a pass, however many iterations it has. What a band needs of its neighbours' rows it computes itself,
//! so that bands need not wait for one another within a pass.

use super::lanes::{Isa, Lanes, on_lanes};
use super::plane::{Plane, run};
use super::rows::{self, Data, Dual, MOST, Terms};

/// Iterations of a pass, at most.
pub(super) const LONGEST: usize = 8;

/// The flow and its dual variables, `2 C` planes: of each component, along x and along y.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) u: Vec<Plane>,
    pub(super) p: Vec<Plane>,
}

impl State {
    pub(super) fn new(components: usize, width: usize, height: usize) -> Self {
        let planes = |count| vec![Plane::new(width, height); count];
        Self { u: planes(components), p: planes(2 * components) }
    }
}

/// What a warp leaves constant, `[ix, iy, -1 / |grad|^2, rho]`, see [`Data`].
pub(super) type Constants = [Plane; 4];

/// Where a pass writes: the same rows of all planes of a [`State`] may be written by one band only.
pub(super) struct Target {
    u: [*mut f32; MOST],
    p: [*mut f32; 2 * MOST],
}

// SAFETY: it is a set of pointers; who writes through them keeps to rows of its own.
unsafe impl Sync for Target {}

impl Target {
    pub(super) fn new(state: &mut State) -> Self {
        let mut target =
            Self { u: [std::ptr::null_mut(); MOST], p: [std::ptr::null_mut(); 2 * MOST] };
        for (to, plane) in target.u.iter_mut().zip(&mut state.u) {
            *to = plane.pointer_mut(0);
        }
        for (to, plane) in target.p.iter_mut().zip(&mut state.p) {
            *to = plane.pointer_mut(0);
        }
        target
    }
}

/// A ring of rows, for [`LONGEST`] iterations.
#[derive(Debug)]
pub(super) struct Ring {
    rows: Plane,
    /// 1 where there is a number to the right, else 0.
    inside: Plane,
}

/// Rows in flight: one an iteration, and that above the last.
const FLIGHT: usize = LONGEST + 1;

impl Ring {
    pub(super) fn new(components: usize, width: usize) -> Self {
        let mut inside = Plane::new(width, 1);
        inside.row_mut(0)[..width - 1].fill(1.);
        // The last row stays zero: it is what lies above the first.
        Self { rows: Plane::new(width, 3 * components * FLIGHT + 1), inside }
    }
}

/// A pass over a band.
#[derive(Clone, Copy)]
pub(super) struct Pass<'a> {
    pub(super) terms: &'a Terms,
    pub(super) constants: &'a Constants,
    pub(super) from: &'a State,
    pub(super) to: &'a Target,
    /// The band's rows, from the first to before the last.
    pub(super) band: [usize; 2],
    /// From 1 to [`LONGEST`].
    pub(super) iterations: usize,
}

impl Pass<'_> {
    /// Runs it. Number `j * rows + y` of `changes` becomes the sum of squared changes of row `y` of the band's `rows` in iteration
    /// `j`.
    ///
    /// # Safety
    ///
    /// Nobody else may write the band's rows of `to`, or read them, meanwhile.
    pub(super) unsafe fn run(&self, isa: Isa, ring: &mut Ring, changes: &mut [f64]) {
        // SAFETY: handed on; the machine has what it said to have.
        unsafe {
            match self.from.u.len() {
                MOST => three(isa, self, ring, changes),
                _ => two(isa, self, ring, changes),
            }
        }
    }
}

on_lanes! {
    unsafe fn two = two_components(pass: &Pass, ring: &mut Ring, changes: &mut [f64])
}
on_lanes! {
    unsafe fn three = three_components(pass: &Pass, ring: &mut Ring, changes: &mut [f64])
}

#[inline(always)]
unsafe fn two_components<V: Lanes>(pass: &Pass, ring: &mut Ring, changes: &mut [f64]) {
    // SAFETY: handed on.
    unsafe { sweep::<V, 2>(pass, ring, changes) }
}

#[inline(always)]
unsafe fn three_components<V: Lanes>(pass: &Pass, ring: &mut Ring, changes: &mut [f64]) {
    // SAFETY: handed on.
    unsafe { sweep::<V, 3>(pass, ring, changes) }
}

/// The rows of one iteration's flow and dual variables, wherever they are.
struct Places<'a> {
    pass: &'a Pass<'a>,
    ring: *mut f32,
    run: usize,
}

impl Places<'_> {
    /// Row `y` of plane `plane` (of flow, then of dual variables) in the ring.
    fn ring(&self, plane: usize, y: usize) -> *mut f32 {
        // Within the ring: there are `3 components` planes, and a row of zeros.
        self.ring.wrapping_add((plane * FLIGHT + y % FLIGHT) * self.run)
    }

    /// The flow that iteration `j` begins with.
    fn old_u(&self, j: usize, c: usize, y: usize) -> *const f32 {
        if j == 0 { self.pass.from.u[c].pointer(y) } else { self.ring(c, y) }
    }

    /// The dual variables that iteration `j` begins with, of `components`.
    fn old_p(&self, components: usize, j: usize, c: usize, y: usize) -> *const f32 {
        if j == 0 { self.pass.from.p[c].pointer(y) } else { self.ring(components + c, y) }
    }
}

#[inline(always)]
unsafe fn sweep<V: Lanes, const C: usize>(pass: &Pass, ring: &mut Ring, changes: &mut [f64]) {
    let Pass { band: [start, end], iterations, .. } = *pass;
    let height = pass.from.u[0].height();
    let run = run(pass.from.u[0].width());
    let inside = ring.inside.pointer(0);
    let places = Places { pass, ring: ring.rows.pointer_mut(0), run };
    let nothing = places.ring(3 * C, 0).cast_const();
    for row in start.saturating_sub(iterations - 1)..end + iterations + 1 {
        for j in 0..iterations.min(row + 1) {
            let y = row - j;
            // The later an iteration, the fewer of its neighbours' rows a band needs.
            let margin = iterations - 1 - j;
            let (first, last) = (start.saturating_sub(margin), end + margin);
            if y >= first && y <= last && y < height {
                let [ix, iy, inverse, rho] = pass.constants;
                let [ix, iy, inverse, rho] = [ix, iy, inverse, rho].map(|plane| plane.pointer(y));
                let data = Data { ix, iy, inverse, rho };
                let dual = std::array::from_fn(|c| Dual {
                    x: places.old_p(C, j, 2 * c, y),
                    y: places.old_p(C, j, 2 * c + 1, y),
                    above: match y {
                        0 => nothing,
                        _ => places.old_p(C, j, 2 * c + 1, y - 1),
                    },
                });
                let from = std::array::from_fn(|c| places.old_u(j, c, y));
                let to = std::array::from_fn(|c| places.ring(c, y));
                // SAFETY: rows of planes and of the ring have `run` numbers, and some before and after.
                let lanes =
                    unsafe { rows::primal::<V, C>(run, pass.terms, &data, &dual, &from, &to) };
                if (start..end).contains(&y) {
                    changes[j * (end - start) + y - start] =
                        lanes.iter().map(|lane| f64::from(*lane)).sum();
                }
            }
            // The dual variables of the row above, whose flow and whose next row's flow are there now.
            let Some(y) = y.checked_sub(1).filter(|y| *y >= first && *y < last && *y < height)
            else {
                continue;
            };
            let ends = j == iterations - 1;
            for c in 0..C {
                let u: *const f32 = places.ring(c, y);
                let below = if y + 1 < height { places.ring(c, y + 1) } else { u };
                let from = [0, 1].map(|axis| places.old_p(C, j, 2 * c + axis, y));
                let to = [0, 1].map(|axis| match ends {
                    true => pass.to.p[2 * c + axis].wrapping_add(y * run),
                    false => places.ring(C + 2 * c + axis, y),
                });
                // SAFETY: as above; the rows of `to` that are written are the band's own.
                unsafe {
                    rows::dual::<V>(run, pass.terms.tau, inside, u, below, from, to);
                    if ends {
                        u.copy_to_nonoverlapping(pass.to.u[c].add(y * run), run);
                    }
                }
            }
        }
    }
}
