//! The gates of an LSTM at one step, forward and backward (Hochreiter and Schmidhuber 1997; Gers et al. 2000).
//!
//! A place (a clip, or a cell of its map) has four gates a channel, `[P, 4 C]` of all, a cell `[P, C]` and an output `[P, C]`:
//!
//! ```text
//! i = sigmoid(z_i + p_i c')   f = sigmoid(z_f + p_f c' + forget bias)   g = tanh(z_g)
//! c = f c' + i g              o = sigmoid(z_o + p_o c)                  y = o tanh(c)
//! ```

use rayon::prelude::*;

use crate::simd::{Isa, Kernel, Vector};

/// Places of a task.
const PLACES: usize = 16;

/// What the gates of a step are.
#[derive(Debug, Clone, Copy)]
pub struct Gates<'a> {
    /// Channels.
    pub c: usize,
    /// Which quarter of a place's gates is the input gate, the forget gate, the output gate, the candidate.
    pub order: [usize; 4],
    /// Added to the forget gate.
    pub forget_bias: f32,
    /// `p_i`, `p_f` and `p_o`, `[Q, 3 C]`: place `p` has those of `p % Q`. None are 0.
    pub peepholes: Option<&'a [f32]>,
}

impl Gates<'_> {
    fn check(&self, gates: usize, cells: &[usize]) {
        let Self { c, order, peepholes, .. } = *self;
        let mut quarters = order;
        quarters.sort_unstable();
        assert_eq!(quarters, [0, 1, 2, 3], "quarters of the gates");
        assert!(c > 0 && gates.is_multiple_of(4 * c), "gates of {c} channels");
        assert!(cells.iter().all(|len| 4 * len == gates), "{gates} gates, and cells {cells:?}");
        let fits = |peepholes: &[f32]| {
            !peepholes.is_empty() && (gates * 3).is_multiple_of(4 * peepholes.len())
        };
        assert!(peepholes.is_none_or(fits), "peepholes of {gates} gates");
    }

    /// The peepholes of a place.
    fn peepholes(&self, place: usize) -> Option<&[f32]> {
        self.peepholes.map(|all| &all[place * 3 * self.c % all.len()..][..3 * self.c])
    }

    /// A step: `gates` come before their activations and leave after them, `cells` come as those of the step before.
    ///
    /// # Panics
    ///
    /// If slices are not of as many places.
    pub fn forward(&self, gates: &mut [f32], cells: &mut [f32], ys: &mut [f32]) {
        self.check(gates.len(), &[cells.len(), ys.len()]);
        let (isa, task) = (Isa::best(), PLACES * self.c);
        let tasks = gates.par_chunks_mut(4 * task).zip(cells.par_chunks_mut(task));
        tasks.zip(ys.par_chunks_mut(task)).enumerate().for_each(|(i, ((gates, cells), ys))| {
            isa.run(Forward { of: self, first: i * PLACES, gates, cells, ys });
        });
    }

    /// Backward through a step whose `gates` are [`Self::forward`]'s: from `dys` and from `dcells`, the gradient of the step's
    /// cells, to the gradient of `gates` before their activations, which takes their place, and that of the cells before the
    /// step, `dcells`.
    ///
    /// # Panics
    ///
    /// If slices are not of as many places.
    pub fn backward(
        &self,
        gates: &mut [f32],
        (before, after): (&[f32], &[f32]),
        dys: &[f32],
        dcells: &mut [f32],
    ) {
        self.check(gates.len(), &[before.len(), after.len(), dys.len(), dcells.len()]);
        let (isa, task) = (Isa::best(), PLACES * self.c);
        let ours = gates.par_chunks_mut(4 * task).zip(dcells.par_chunks_mut(task));
        let theirs = before.par_chunks(task).zip(after.par_chunks(task)).zip(dys.par_chunks(task));
        ours.zip(theirs).enumerate().for_each(|(i, ((gates, dcells), ((before, after), dys)))| {
            let first = i * PLACES;
            isa.run(Backward { of: self, first, gates, before, after, dys, dcells });
        });
    }

    /// Adds the gradient of the peepholes: from `dgates`, what [`Self::backward`] left, and the cells before and after.
    ///
    /// # Panics
    ///
    /// If slices are not of as many places, or there are no peepholes.
    pub fn peephole_gradient(&self, dgates: &[f32], [before, after]: [&[f32]; 2], sum: &mut [f32]) {
        self.check(dgates.len(), &[before.len(), after.len()]);
        assert_eq!(Some(sum.len()), self.peepholes.map(<[f32]>::len), "gradient of peepholes");
        let (c, maps) = (self.c, before.len() * 3 / sum.len());
        sum.par_chunks_mut(3 * c).enumerate().for_each(|(place, sum)| {
            let places = before.len() / c / maps;
            for place in (0..maps).map(|map| map * places + place) {
                for (gate, sum) in sum.chunks_exact_mut(c).enumerate() {
                    let dgates = &dgates[(4 * place + self.order[gate]) * c..][..c];
                    let seen = if gate == 2 { after } else { before };
                    let seen = &seen[place * c..][..c];
                    sum.iter_mut().zip(dgates).zip(seen).for_each(|((s, d), x)| *s += d * x);
                }
            }
        });
    }
}

/// `e^x`, as Cephes has it: within two units of the last place.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Adding and taking away 1.5 * 2^23 rounds to a whole number.
    const ROUND: f32 = 12_582_912.;
    let x = x.clamp(-87., 88.);
    let whole = x * std::f32::consts::LOG2_E + ROUND;
    let n = whole - ROUND;
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_1e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    // The whole part is in the low bits: to the exponent with it.
    let power = f32::from_bits(whole.to_bits().wrapping_add(127) << 23);
    (p * r * r + r + 1.) * power
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1. / (1. + exp(-x))
}

#[inline(always)]
fn tanh(x: f32) -> f32 {
    2. / (1. + exp(-2. * x)) - 1.
}

struct Forward<'a> {
    of: &'a Gates<'a>,
    first: usize,
    gates: &'a mut [f32],
    cells: &'a mut [f32],
    ys: &'a mut [f32],
}

/// The four quarters of a place's gates.
#[inline(always)]
fn quarters(gates: &mut [f32], c: usize, order: [usize; 4]) -> [&mut [f32]; 4] {
    let (front, back) = gates.split_at_mut(2 * c);
    let ((a, b), (d, e)) = (front.split_at_mut(c), back.split_at_mut(c));
    let mut all = [Some(a), Some(b), Some(d), Some(e)];
    order.map(|quarter| all[quarter].take().unwrap_or_default())
}

// Plain loops: the compiler makes vectors of them, those of the instruction set that the kernel runs with.
impl Kernel for Forward<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, first, gates, cells, ys } = self;
        let (c, forget) = (of.c, of.forget_bias);
        let places = gates.chunks_exact_mut(4 * c).zip(cells.chunks_exact_mut(c));
        for (place, ((gates, cells), ys)) in places.zip(ys.chunks_exact_mut(c)).enumerate() {
            let [i, f, o, g] = quarters(gates, c, of.order);
            if let Some(p) = of.peepholes(first + place) {
                for j in 0..c {
                    i[j] += p[j] * cells[j];
                    f[j] += p[c + j] * cells[j];
                }
            }
            for j in 0..c {
                i[j] = sigmoid(i[j]);
                f[j] = sigmoid(f[j] + forget);
                g[j] = tanh(g[j]);
                cells[j] = f[j] * cells[j] + i[j] * g[j];
            }
            if let Some(p) = of.peepholes(first + place) {
                for j in 0..c {
                    o[j] += p[2 * c + j] * cells[j];
                }
            }
            for j in 0..c {
                o[j] = sigmoid(o[j]);
                ys[j] = o[j] * tanh(cells[j]);
            }
        }
    }
}

struct Backward<'a> {
    of: &'a Gates<'a>,
    first: usize,
    gates: &'a mut [f32],
    before: &'a [f32],
    after: &'a [f32],
    dys: &'a [f32],
    dcells: &'a mut [f32],
}

impl Kernel for Backward<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { of, first, gates, before, after, dys, dcells } = self;
        let c = of.c;
        let cells = before.chunks_exact(c).zip(after.chunks_exact(c)).zip(dys.chunks_exact(c));
        let places = gates.chunks_exact_mut(4 * c).zip(dcells.chunks_exact_mut(c)).zip(cells);
        for (place, ((gates, dcells), ((before, after), dys))) in places.enumerate() {
            let [i, f, o, g] = quarters(gates, c, of.order);
            for j in 0..c {
                let shown = tanh(after[j]);
                dcells[j] += dys[j] * o[j] * (1. - shown * shown);
                o[j] = dys[j] * shown * o[j] * (1. - o[j]);
            }
            if let Some(p) = of.peepholes(first + place) {
                for j in 0..c {
                    dcells[j] += o[j] * p[2 * c + j];
                }
            }
            for j in 0..c {
                let (dc, kept) = (dcells[j], f[j]);
                f[j] = dc * before[j] * kept * (1. - kept);
                dcells[j] = dc * kept;
                let (let_in, new) = (i[j], g[j]);
                i[j] = dc * new * let_in * (1. - let_in);
                g[j] = dc * let_in * (1. - new * new);
            }
            if let Some(p) = of.peepholes(first + place) {
                for j in 0..c {
                    dcells[j] += i[j] * p[j] + f[j] * p[c + j];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_by_the_standard_library() {
        for i in -2000..2000 {
            let x = i as f32 / 20.;
            let (want, wide) = (f64::from(x).tanh(), f64::from(x));
            assert!((f64::from(tanh(x)) - want).abs() < 2e-7, "tanh {x}");
            assert!((f64::from(sigmoid(x)) - 1. / (1. + (-wide).exp())).abs() < 1e-7, "{x}");
            let want = wide.clamp(-87., 88.).exp();
            assert!((f64::from(exp(x)) / want - 1.).abs() < 2.4e-7, "exp {x}");
        }
        assert!(sigmoid(f32::NAN).is_nan() && tanh(f32::NAN).is_nan());
    }

    fn wave(n: usize, phase: f32) -> Vec<f32> {
        (0..n).map(|i| (phase + 0.7 * i as f32).sin()).collect()
    }

    /// The definition, in f64: a step's cells and outputs, summed up with weights.
    fn loss(of: &Gates, z: &[f64], before: &[f64], peepholes: &[f64], places: usize) -> f64 {
        let c = of.c;
        let sigmoid = |x: f64| 1. / (1. + (-x).exp());
        let mut sum = 0.;
        for (place, j) in (0..places).flat_map(|place| (0..c).map(move |j| (place, j))) {
            let gate = |k: usize| z[(4 * place + of.order[k]) * c + j];
            let p = |k: usize| match peepholes.len() {
                0 => 0.,
                len => peepholes[(place * 3 * c % len) + k * c + j],
            };
            let at = place * c + j;
            let i = sigmoid(gate(0) + p(0) * before[at]);
            let f = sigmoid(gate(1) + p(1) * before[at] + f64::from(of.forget_bias));
            let cell = f * before[at] + i * gate(3).tanh();
            let y = sigmoid(gate(2) + p(2) * cell) * cell.tanh();
            sum += y * (3. + 0.7 * at as f64).sin() + cell * (5. + 0.7 * at as f64).sin();
        }
        sum
    }

    #[test]
    fn a_step_and_its_gradients_by_the_definition_in_f64() {
        let (c, places, map) = (5, 40, 20);
        for (order, maps) in [([0, 1, 2, 3], false), ([0, 2, 3, 1], true)] {
            let peepholes = wave(3 * c * map, 0.3);
            let of = Gates { c, order, forget_bias: 1., peepholes: maps.then_some(&peepholes) };
            let (z, before) = (wave(4 * c * places, 1.), wave(c * places, 2.));
            let (mut gates, mut cells) = (z.clone(), before.clone());
            let mut ys = vec![f32::NAN; c * places];
            of.forward(&mut gates, &mut cells, &mut ys);
            let (dys, mut dcells) = (wave(c * places, 3.), wave(c * places, 5.));
            let dot = |a: &[f32], b: &[f32]| -> f64 {
                a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
            };
            let got = dot(&ys, &dys) + dot(&cells, &dcells);
            of.backward(&mut gates, (&before, &cells), &dys, &mut dcells);
            let mut dpeepholes = vec![0.; peepholes.len()];
            if maps {
                of.peephole_gradient(&gates, [&before, &cells], &mut dpeepholes);
            }
            let wide = |xs: &[f32]| xs.iter().map(|x| f64::from(*x)).collect::<Vec<f64>>();
            let mut all = [wide(&z), wide(&before), if maps { wide(&peepholes) } else { vec![] }];
            let value = |all: &[Vec<f64>; 3]| loss(&of, &all[0], &all[1], &all[2], places);
            assert!((got - value(&all)).abs() < 1e-4, "{got} and {}", value(&all));
            for (part, gradient) in [&gates, &dcells, &dpeepholes].into_iter().enumerate() {
                for at in (0..all[part].len()).step_by(7) {
                    let middle = all[part][at];
                    let mut beside = |step: f64| {
                        all[part][at] = middle + step;
                        let value = value(&all);
                        all[part][at] = middle;
                        value
                    };
                    let want = (beside(1e-4) - beside(-1e-4)) / 2e-4;
                    let error = (f64::from(gradient[at]) - want).abs();
                    assert!(error < 1e-5, "part {part} at {at}: {} and {want}", gradient[at]);
                }
            }
        }
    }
}
