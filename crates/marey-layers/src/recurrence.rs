//! What LSTMs over vectors and over maps share: the walk through the steps of a clip, forward and backward.

use candle::{Device, Module, Result, Tensor, bail};
use candle_nn::ops::sigmoid;
use marey_kernels::conv::{self, plan_fresh};
use marey_kernels::{ConvShape, Epilogue, Filter, Gates};

use crate::precision::precision;
use crate::tape::{self, Input, with_cells};
use crate::{Conv3d, ops, order, trace};

/// Output and cell after a step, `[N, C, 1, H, W]`, off the graph.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) h: Tensor,
    pub(crate) c: Tensor,
}

/// How gates become outputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recurrence<'a> {
    /// What the output of a step gives to the gates of the next: from `C` channels to `4 C`, the size kept.
    pub(crate) hidden: &'a Conv3d,
    /// `[3, C, H, W]`.
    pub(crate) peepholes: Option<&'a Tensor>,
    /// Which quarter of the gates is the input gate, the forget gate, the output gate, the candidate.
    pub(crate) order: [usize; 4],
    /// Added to the forget gate.
    pub(crate) forget_bias: f64,
    /// From the last step to the first.
    pub(crate) reverse: bool,
}

/// Both weights of a layer: of the input, and of the output of the step before.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) input: Conv3d,
    pub(crate) hidden: Conv3d,
}

impl Recurrence<'_> {
    /// From what inputs give to the gates, `[N, 4 C, T, H, W]`, to outputs `[N, C, T, H, W]`, and the state after the last step
    /// of the walk. Before the first it is `state`, or zeros.
    pub(crate) fn run(&self, gates: &Tensor, state: Option<&State>) -> Result<(Tensor, State)> {
        let (n, four_c, t, h, w) = gates.dims5()?;
        let c = four_c / 4;
        if t == 0 {
            bail!("lstm: expected a step at least, got {:?}", gates.dims())
        }
        for part in state.iter().flat_map(|state| [&state.h, &state.c]) {
            if part.dims() != [n, c, 1, h, w] {
                bail!("lstm: expected a state of {:?}, got {:?}", [n, c, 1, h, w], part.dims())
            }
        }
        if let Some(peepholes) = self.peepholes
            && peepholes.dims() != [3, c, h, w]
        {
            bail!("lstm: peepholes of {:?} do not fit maps of {h} x {w}", peepholes.dims())
        }
        if trace::recording() {
            let ys = trace::zeros((n, c, t, h, w), gates.device())?;
            self.hidden.traced(&ys)?;
            let last = ys.narrow(2, 0, 1)?;
            return Ok((ys, State { h: last.clone(), c: last }));
        }
        let known = self.peepholes.is_none_or(ops::takes) && ops::takes(self.hidden.weight());
        if ops::takes(gates) && known {
            self.recorded(gates, state)
        } else {
            self.composed(gates, state)
        }
    }

    /// The steps in the order of the walk.
    fn steps(&self, t: usize) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let reverse = self.reverse;
        (0..t).map(move |step| if reverse { t - 1 - step } else { step })
    }

    /// Composed of candle's operations and of convolutions.
    fn composed(&self, gates: &Tensor, state: Option<&State>) -> Result<(Tensor, State)> {
        let (t, c) = (gates.dim(2)?, gates.dim(1)? / 4);
        let mut before = state.map(|state| (state.h.clone(), state.c.clone()));
        let peepholes = match self.peepholes {
            None => [None, None, None],
            Some(all) => [0, 1, 2].map(|i| Some(all.narrow(0, i, 1).and_then(|p| p.unsqueeze(2)))),
        };
        let [p_i, p_f, p_o] = peepholes.map(Option::transpose);
        let (p_i, p_f, p_o) = (p_i?, p_f?, p_o?);
        let seen = |gate: Tensor, cells: Option<&Tensor>, peephole: &Option<Tensor>| match (
            cells, peephole,
        ) {
            (Some(cells), Some(peephole)) => gate + cells.broadcast_mul(peephole)?,
            _ => Ok(gate),
        };
        let mut all = vec![None; t];
        for step in self.steps(t) {
            let mut gates = gates.narrow(2, step, 1)?.contiguous()?;
            if let Some((h, _)) = &before {
                gates = (gates + self.hidden.forward(&h.contiguous()?)?.contiguous()?)?;
            }
            let [i, f, o, g] = self.order.map(|quarter| gates.narrow(1, quarter * c, c));
            let cells = before.as_ref().map(|(_, cells)| cells);
            let i = sigmoid(&seen(i?, cells, &p_i)?)?;
            let f = sigmoid(&(seen(f?, cells, &p_f)? + self.forget_bias)?)?;
            let new = (i * g?.tanh()?)?;
            let cells = match cells {
                None => new,
                Some(cells) => (new + (f * cells)?)?,
            };
            let h = (sigmoid(&seen(o?, Some(&cells), &p_o)?)? * cells.tanh()?)?;
            all[step] = Some(h.clone());
            before = Some((h, cells));
        }
        let all: Vec<Tensor> = all.into_iter().flatten().collect();
        let Some((h, c)) = before else { bail!("lstm: no step") };
        Ok((Tensor::cat(&all, 2)?, State { h: h.detach(), c: c.detach() }))
    }

    /// By the kernels, on the graph where there is one. Steps are kept one after the other, `[T, N, H, W, C]`: frames are
    /// independent for the convolutions, so all of them together are a batch, and its weights have their gradient at once.
    fn recorded(&self, gates: &Tensor, state: Option<&State>) -> Result<(Tensor, State)> {
        let input = Input::of(gates)?;
        let [n, t, h, w, c] = *input.dims() else { bail!("lstm: {:?}", input.dims()) };
        let (c, order) = (c / 4, self.order);
        let (places, steps) = (n * h * w, self.steps(t).collect::<Vec<_>>());
        let peepholes = self.peepholes.map(peephole_cells).transpose()?;
        let weight = self.hidden.weight().clone();
        let forget_bias = self.forget_bias as f32;

        let of_step = |of: &State| Ok([cells_of(&of.h)?, cells_of(&of.c)?]);
        let [mut ys, mut cells] = state
            .map_or_else(|| Result::Ok([vec![0.; places * c], vec![0.; places * c]]), of_step)?;
        let parameters: Vec<&Tensor> = [&weight].into_iter().chain(self.peepholes).collect();
        let tracked = tape::is_tracked(&[&input], &parameters);
        let shape = self.hidden_shape(n, c, [h, w])?;
        let filter = (t > 1 || state.is_some()).then(|| self.filter(&shape)).transpose()?;
        let mut done = Steps::default();
        let mut all = vec![0.; places * t * c];
        let gates_of = Gates { c, order, forget_bias, peepholes: peepholes.as_deref() };
        for (walked, step) in steps.iter().enumerate() {
            let part = Part { n, t, row: h * w * 4 * c, step: *step };
            let mut gates = input.with(|gates| part.take(gates))?;
            if let Some(filter) = filter.as_ref().filter(|_| walked > 0 || state.is_some()) {
                let epilogue = Epilogue { residual: Some(&gates), ..Default::default() };
                gates = filter.forward(&shape, &ys, &epilogue);
            }
            if tracked {
                done.before.extend_from_slice(&ys);
                done.cells.push(cells.clone());
            }
            gates_of.forward(&mut gates, &mut cells, &mut ys);
            if tracked {
                done.gates.push(gates);
            }
            Part { row: h * w * c, ..part }.put(&ys, &mut all);
        }
        let after = |cells: Vec<f32>| {
            order::first(&Tensor::from_vec(cells, (n, 1, h, w, c), &Device::Cpu)?)
        };
        let last = State { h: after(ys)?, c: after(cells.clone())? };
        done.cells.push(cells);

        let precision = precision();
        let (from, peephole_dims) = (input.clone(), self.peepholes.map(Tensor::shape).cloned());
        let wanted = [weight.track_op(), self.peepholes.is_some_and(Tensor::track_op)];
        let of_weight = weight.clone();
        let backward = move |_: &Tensor, dys: Vec<f32>| {
            let gates_of = Gates { c, order, forget_bias, peepholes: peepholes.as_deref() };
            let ws = of_weight.contiguous()?;
            let mut dpeepholes = vec![0.; peepholes.as_ref().map_or(0, Vec::len)];
            let mut dcells = vec![0.; places * c];
            let mut dgates = vec![0.; places * t * 4 * c];
            let mut dhidden = marey_kernels::Sum::default();
            let mut all = vec![0.; places * t * 4 * c];
            for (walked, step) in steps.iter().enumerate().rev() {
                let part = Part { n, t, row: h * w * c, step: *step };
                dhidden.give(part.take(&dys));
                let dys = dhidden.take().unwrap_or_default();
                let cells = (&done.cells[walked][..], &done.cells[walked + 1][..]);
                let here = &mut dgates[walked * places * 4 * c..][..places * 4 * c];
                here.copy_from_slice(&done.gates[walked]);
                gates_of.backward(here, cells, &dys, &mut dcells);
                if wanted[1] {
                    gates_of.peephole_gradient(here, [cells.0, cells.1], &mut dpeepholes);
                }
                if walked > 0 {
                    with_cells(&ws, |ws| {
                        conv::input_gradient(&shape, precision, here, ws, &mut dhidden);
                    })?;
                }
                Part { row: h * w * 4 * c, ..part }.put(here, &mut all);
            }
            if let Some(mut sum) = from.gradient() {
                sum.give(all);
            }
            let of_weight = || {
                let shape = ConvShape { n: n * t, ..shape };
                let mut dws = vec![0.; shape.weight_len()];
                conv::weight_gradient(&shape, precision, &done.before, &dgates, &mut dws);
                Tensor::from_vec(dws, ws.shape(), &Device::Cpu)
            };
            let of_peepholes = |dims: &candle::Shape| {
                let [three, c, h, w] = *dims.dims() else { bail!("lstm: peepholes {dims:?}") };
                let sum = Tensor::from_vec(dpeepholes, (h, w, three, c), &Device::Cpu)?;
                sum.permute((2, 3, 0, 1))?.contiguous()
            };
            let dpeepholes =
                peephole_dims.as_ref().filter(|_| wanted[1]).map(of_peepholes).transpose()?;
            Ok([wanted[0].then(of_weight).transpose()?, dpeepholes])
        };
        let ys = tape::output(all, (n, t, h, w, c), &[&input], &parameters, Box::new(backward))?;
        Ok((ys, last))
    }

    fn hidden_shape(&self, n: usize, c: usize, [h, w]: [usize; 2]) -> Result<ConvShape> {
        self.hidden.shape(&trace::zeros((n, c, 1, h, w), &Device::Cpu)?)
    }

    /// The weights, laid out once for all steps.
    fn filter(&self, shape: &ConvShape) -> Result<std::sync::Arc<Filter>> {
        if !self.hidden.weight().track_op() {
            return self.hidden.filter(shape);
        }
        let (weight, algorithm) = (self.hidden.weight().detach(), plan_fresh(shape, precision()));
        let filter = with_cells(&weight.contiguous()?, |ws| Filter::new(shape, algorithm, ws))?;
        Ok(filter.into())
    }
}

/// What goes backward needs of the steps, in the order of the walk.
#[derive(Default)]
struct Steps {
    /// The outputs before each step.
    before: Vec<f32>,
    /// The gates of each step, after their activations.
    gates: Vec<Vec<f32>>,
    /// The cells before each step, and those after the last.
    cells: Vec<Vec<f32>>,
}

/// A step's part of `[N, T, row]`.
#[derive(Clone, Copy)]
struct Part {
    n: usize,
    t: usize,
    row: usize,
    step: usize,
}

impl Part {
    fn from(&self, clip: usize) -> usize {
        (clip * self.t + self.step) * self.row
    }

    fn take(&self, all: &[f32]) -> Vec<f32> {
        let mut part = Vec::with_capacity(self.n * self.row);
        (0..self.n).for_each(|clip| part.extend_from_slice(&all[self.from(clip)..][..self.row]));
        part
    }

    fn put(&self, part: &[f32], all: &mut [f32]) {
        for (clip, part) in part.chunks_exact(self.row).enumerate() {
            all[self.from(clip)..][..self.row].copy_from_slice(part);
        }
    }
}

/// The cells of `[N, C, ..]`, channels last.
fn cells_of(xs: &Tensor) -> Result<Vec<f32>> {
    with_cells(&order::last(&xs.detach())?, <[f32]>::to_vec)
}

/// `[3, C, H, W]` as `[H, W, 3, C]`.
fn peephole_cells(peepholes: &Tensor) -> Result<Vec<f32>> {
    with_cells(&peepholes.detach().permute((2, 3, 0, 1))?.contiguous()?, <[f32]>::to_vec)
}
