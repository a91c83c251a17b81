//! One iteration of one row: the flow from its data and dual variables, and the dual variables from the flow.
//!
//! Reference: Zach, Pock and Bischof, DAGM 2007, equations 13 to 15; Sanchez, Meinhardt-Llopis and Facciolo, IPOL 2013,
//! algorithm 1. With a third component, which takes up changes of brightness, as OpenCV's `gamma` has it.

use super::TvL1Config;
use super::lanes::Lanes;

/// What a row's data term is made of, constant while a warp lasts.
#[derive(Clone, Copy)]
pub(super) struct Data {
    /// Gradient of the warped second image, along x.
    pub(super) ix: *const f32,
    /// The same along y.
    pub(super) iy: *const f32,
    /// Minus 1 over the gradient's squared length.
    pub(super) inverse: *const f32,
    /// The part of the residual that does not depend on the flow.
    pub(super) rho: *const f32,
}

/// The weights of the terms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// lambda theta: the longest step that the data term takes, in gradients.
    pub(super) step: f32,
    pub(super) theta: f32,
    /// tau / theta: the dual variables' time step.
    pub(super) tau: f32,
    pub(super) gamma: f32,
}

impl Terms {
    pub(super) fn new(config: &TvL1Config) -> Self {
        Self {
            step: config.lambda * config.theta,
            theta: config.theta,
            tau: config.tau / config.theta,
            gamma: config.gamma,
        }
    }
}

/// Three components at most: x, y and brightness.
pub(super) const MOST: usize = 3;

/// The numbers of one component.
#[derive(Clone, Copy)]
pub(super) struct Dual {
    pub(super) x: *const f32,
    pub(super) y: *const f32,
    /// `y` of the row above.
    pub(super) above: *const f32,
}

/// New flow of a row of `run` numbers; gives the sum of its squared changes in each of 16 lanes.
///
/// # Safety
///
/// All pointers are to `run` numbers, a multiple of 16, and `Dual::x` to one more before. `to` may be `from`.
#[inline(always)]
pub(super) unsafe fn primal<V: Lanes, const C: usize>(
    run: usize,
    terms: &Terms,
    data: &Data,
    dual: &[Dual; C],
    from: &[*const f32; C],
    to: &[*mut f32; C],
) -> [f32; 16] {
    // SAFETY: all numbers read and written are among those that the caller vouches for.
    unsafe {
        let (most, least) = (V::splat(terms.step), V::splat(-terms.step));
        let (theta, gamma) = (V::splat(terms.theta), V::splat(terms.gamma));
        let mut sums = [V::splat(0.); 4];
        let mut at = 0;
        while at < run {
            for sum in sums.iter_mut().take(16 / V::LEN) {
                let (ix, iy) = (V::load(data.ix.add(at)), V::load(data.iy.add(at)));
                let mut u = [V::splat(0.); C];
                for c in 0..C {
                    u[c] = V::load(from[c].add(at));
                }
                let mut rho = ix.mul(u[0]).add(iy.mul(u[1])).add(V::load(data.rho.add(at)));
                if C == MOST {
                    rho = rho.add(gamma.mul(u[C - 1]));
                }
                let length = rho.mul(V::load(data.inverse.add(at))).min(most).max(least);
                for c in 0..C {
                    let direction = if c == 0 {
                        ix
                    } else if c == 1 {
                        iy
                    } else {
                        gamma
                    };
                    let Dual { x, y, above } = dual[c];
                    let along = V::load(x.add(at)).sub(V::load(x.add(at).sub(1)));
                    let down = V::load(y.add(at)).sub(V::load(above.add(at)));
                    let step = length.mul(direction).add(theta.mul(along.add(down)));
                    *sum = sum.add(step.mul(step));
                    u[c].add(step).store(to[c].add(at));
                }
                at += V::LEN;
            }
        }
        let mut lanes = [0f32; 16];
        for (i, sum) in sums.into_iter().take(16 / V::LEN).enumerate() {
            sum.store(lanes.as_mut_ptr().add(i * V::LEN));
        }
        lanes
    }
}

/// New dual variables of one component on a row of `run` numbers, of which `inside` is 1 where there is another number to the
/// right, and 0 elsewhere. `below` is the flow of the row below, and the row's own at the last.
///
/// # Safety
///
/// As for [`primal`]; `u` is to one number more.
#[inline(always)]
pub(super) unsafe fn dual<V: Lanes>(
    run: usize,
    tau: f32,
    inside: *const f32,
    u: *const f32,
    below: *const f32,
    from: [*const f32; 2],
    to: [*mut f32; 2],
) {
    // SAFETY: all numbers read and written are among those that the caller vouches for.
    unsafe {
        let (tau, one) = (V::splat(tau), V::splat(1.));
        let mut at = 0;
        while at < run {
            let here = V::load(u.add(at));
            let along = V::load(u.add(at).add(1)).sub(here).mul(V::load(inside.add(at))).mul(tau);
            let down = V::load(below.add(at)).sub(here).mul(tau);
            let length = along.mul(along).add(down.mul(down)).sqrt();
            let share = one.div(one.add(length));
            V::load(from[0].add(at)).add(along).mul(share).store(to[0].add(at));
            V::load(from[1].add(at)).add(down).mul(share).store(to[1].add(at));
            at += V::LEN;
        }
    }
}
