//! The gradients of batch norm, in two passes: sums for the parameters, then the input's.

use std::ops::Range;

use super::reduce::{self, reduce};
use super::{Gate, in_places};
use crate::memory::Sum;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::trace;

/// What a batch norm did: `ys = (xs - mean) * inverse * scale + shift`, and what followed.
#[derive(Debug, Clone, Copy)]
pub struct Done<'a> {
    /// Its input.
    pub xs: &'a [f32],
    /// What a ReLU let through, where one followed.
    pub gate: Option<&'a Gate>,
    /// Mean of each channel over the batch.
    pub mean: &'a [f32],
    /// `1 / sqrt(variance + eps)`.
    pub inverse: &'a [f32],
    /// Scale of each channel.
    pub scale: &'a [f32],
}

/// The gradients of scale and shift, from the gradient `dys` of the output; those of the input and of a residual are added
/// to `dxs` and `residual`. `of_batch` says whether mean and deviation were those of the batch.
///
/// What is still empty of these two takes over the memory of `dys`.
///
/// # Panics
///
/// If lengths do not agree.
pub fn gradients(
    done: &Done,
    mut dys: Vec<f32>,
    of_batch: bool,
    dxs: Option<&mut Sum>,
    residual: Option<&mut Sum>,
) -> (Vec<f32>, Vec<f32>) {
    let (c, len) = (done.mean.len(), dys.len());
    assert_eq!(done.xs.len(), len, "batch norm: input and the output's gradient");
    let places = len / c.max(1);
    let cells = Shared::new(&mut dys);
    // A residual's gradient is what comes through the ReLU.
    let keep = residual.is_some() && done.gate.is_some();
    let slopes = Slopes { done, dys: cells, keep };
    let what = || format!("parameter gradients of {places} x {c}");
    let [dots, dshift] = trace::timed("norm", what, || reduce(places, c, &slopes));
    let dscale: Vec<f64> =
        dots.iter().zip(done.inverse).map(|(dot, inverse)| dot * f64::from(*inverse)).collect();
    let done = &Done { gate: done.gate.filter(|_| !keep), ..*done };
    let back = Back::of(done, cells, of_batch.then_some((&dscale, &dshift)));
    match (dxs, residual) {
        (None, None) => {}
        (None, Some(residual)) => residual.give(dys),
        (Some(dxs), None) if dxs.is_empty() => {
            back.timed(|| back.run(cells, false));
            dxs.give(dys);
        }
        (Some(dxs), residual) => {
            // SAFETY: all places are written.
            back.timed(|| unsafe { dxs.with(len, |dxs, add| back.run(dxs, add)) });
            if let Some(residual) = residual {
                residual.give(dys);
            }
        }
    }
    let narrow = |xs: Vec<f64>| xs.into_iter().map(|x| x as f32).collect();
    (narrow(dscale), narrow(dshift))
}

/// The gradient ahead of the ReLU, and what is summed of it.
struct Slopes<'a> {
    done: &'a Done<'a>,
    dys: Shared<'a>,
    /// Whether it takes the place of the gradient behind it.
    keep: bool,
}

/// The gradient ahead of the ReLU, of some channels of a place.
#[inline(always)]
unsafe fn gated<V: Vector>(
    done: &Done,
    dys: Shared,
    place: usize,
    channel: usize,
    len: usize,
) -> V {
    let cell = place * done.mean.len() + channel;
    // SAFETY: all slices are of one shape.
    unsafe {
        let dy = V::load_upto(dys.cell(cell), len);
        match done.gate {
            None => dy,
            Some(gate) => gate.through(dy, place, channel),
        }
    }
}

impl reduce::Terms<2> for Slopes<'_> {
    #[inline(always)]
    unsafe fn at<V: Vector>(&self, place: usize, channel: usize, len: usize) -> [V; 2] {
        let cell = place * self.done.mean.len() + channel;
        // SAFETY: as of the trait; each cell is asked for once.
        unsafe {
            let dy = gated::<V>(self.done, self.dys, place, channel, len);
            if self.keep {
                dy.store_upto(self.dys.cell(cell), len);
            }
            let mean = V::load_upto(self.done.mean.as_ptr().add(channel), len);
            let x = V::load_upto(self.done.xs.as_ptr().add(cell), len).sub(mean);
            [x.mul(dy), dy]
        }
    }
}

/// The gradient of the input, `(xs * of_x + dys + rest) * factor`.
struct Back<'a> {
    done: &'a Done<'a>,
    dys: Shared<'a>,
    of_x: Vec<f32>,
    rest: Vec<f32>,
    factor: Vec<f32>,
}

impl<'a> Back<'a> {
    /// `parameters` are the gradients of scale and shift where mean and deviation were those of the batch.
    fn of(done: &'a Done, dys: Shared<'a>, parameters: Option<(&Vec<f64>, &Vec<f64>)>) -> Self {
        let c = done.mean.len();
        let count = (done.xs.len() / c.max(1)) as f64;
        let factor = done.scale.iter().zip(done.inverse).map(|(a, b)| a * b).collect();
        let (mut of_x, mut rest) = (vec![0f32; c], vec![0f32; c]);
        if let Some((dscale, dshift)) = parameters {
            for i in 0..c {
                let slope = -dscale[i] * f64::from(done.inverse[i]) / count;
                of_x[i] = slope as f32;
                rest[i] = (-dshift[i] / count - slope * f64::from(done.mean[i])) as f32;
            }
        }
        Self { done, dys, of_x, rest, factor }
    }

    fn timed(&self, run: impl FnOnce()) {
        let c = self.factor.len();
        trace::timed(
            "norm",
            || format!("input gradient of {} x {c}", self.dys.len() / c.max(1)),
            run,
        );
    }

    /// Writes it to `to`, which may be the cells of `dys`, or adds it.
    fn run(&self, to: Shared, add: bool) {
        let places = self.dys.len() / self.factor.len().max(1);
        in_places(places, |places| Isa::best().run(Places { back: self, to, add, places }));
    }
}

struct Places<'a> {
    back: &'a Back<'a>,
    to: Shared<'a>,
    add: bool,
    places: Range<usize>,
}

impl Kernel for Places<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Back { done, dys, of_x, rest, factor } = self.back;
        let c = factor.len();
        for place in self.places {
            let mut channel = 0;
            while channel < c {
                let (cell, len) = (place * c + channel, c - channel);
                // SAFETY: all slices are of one shape; each task has places of its own.
                unsafe {
                    let part = |of: &[f32]| V::load_upto(of.as_ptr().add(channel), len);
                    let dy = gated::<V>(done, *dys, place, channel, len);
                    let x = V::load_upto(done.xs.as_ptr().add(cell), len);
                    let dx = x.mul_add(part(of_x), dy.add(part(rest))).mul(part(factor));
                    let to = self.to.cell(cell);
                    let dx = if self.add { dx.add(V::load_upto(to, len)) } else { dx };
                    dx.store_upto(to, len);
                }
                channel += V::LANES;
            }
        }
    }
}
