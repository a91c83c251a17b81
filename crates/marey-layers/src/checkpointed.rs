//! Layers whose activations are computed again when gradients come back, instead of being kept (Chen et al. 2016).

use std::sync::Mutex;

use candle::backend::{BackendDevice, BackendStorage};
use candle::{
    CpuStorage, CudaStorage, CustomOp1, Layout, MetalStorage, Result, Shape, Storage, Tensor, Var,
    bail,
};

use crate::norms::{self, Scope};
use crate::precision::{Precision, precision, with_precision};
use crate::tape::{self, Input};
use crate::{backward, ops, order, rng, trace};

/// `segment(xs)`, of which only the output is kept while it trains: [`backward`](crate::backward()) runs `segment` again.
///
/// It takes a second forward pass, and memory for the activations of one segment instead of all. The pass is the same to the
/// last bit: dropout draws the same masks, batch norms take the same statistics and do not move the running ones again. So
/// gradients are those without it. `segment` depends on `xs` and on variables that stay as they are until then, and on
/// no other tensor that wants a gradient.
///
/// # Errors
///
/// In the backward pass, where that is candle's own and not [`backward`](crate::backward()): it cannot be handed the
/// gradients of the segment's variables.
pub fn checkpointed(
    segment: impl Fn(&Tensor) -> Result<Tensor> + Send + Sync + 'static,
    xs: &Tensor,
    train: bool,
) -> Result<Tensor> {
    if !train || trace::recording() {
        return segment(xs);
    }
    let (off, wanted) = (xs.detach(), xs.track_op());
    let (step, norms, precision) = (rng::current_step(), norms::current(), precision());
    let ys = segment(&off)?.detach();
    let again = Again { segment: Box::new(segment), step, norms, precision };
    // Of a segment whose input wants no gradient, a variable that gets none has the output on the graph.
    let variable = Var::zeros((), ys.dtype(), xs.device())?;
    if [xs, &ys].iter().all(|xs| ops::takes(xs) && xs.rank() > 1) {
        let (input, ys) = (Input::of(xs)?, order::last(&ys)?);
        let parameters = if wanted { &[][..] } else { &[variable.as_tensor()] };
        let (cells, dims) = (tape::with_cells(&ys, <[f32]>::to_vec)?, ys.dims().to_vec());
        let from = input.clone();
        let backward = move |_: &Tensor, dys| {
            again.back(&tape::loss(&again.run(&from.again()?)?, dys)?, None)?;
            Ok([None, None])
        };
        return tape::output(cells, dims, &[&input], parameters, Box::new(backward));
    }
    let from = if wanted { xs } else { variable.as_tensor() };
    from.apply_op1(Kept { again, xs: off, ys: Mutex::new(Some(ys)), wanted })
}

type Segment = dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync;

/// What runs a segment again.
struct Again {
    segment: Box<Segment>,
    step: Option<(u64, u64)>,
    norms: Scope,
    precision: Precision,
}

impl Again {
    /// The segment's output of `xs`, as the forward pass computed it.
    fn run(&self, xs: &Tensor) -> Result<Tensor> {
        let run = || with_precision(self.precision, || (self.segment)(xs));
        norms::again(self.norms.clone(), || match self.step {
            Some((seed, step)) => rng::train_step(seed, step, run),
            None => run(),
        })
    }

    /// Goes back from `loss`, and hands the gradients of variables to who asked for all; that of `own` it returns.
    fn back(&self, loss: &Tensor, own: Option<&Var>) -> Result<Option<Tensor>> {
        let mut all = backward(loss)?;
        let dxs = own.and_then(|own| all.remove(own));
        for variable in loss.sorted_nodes().into_iter().filter(|node| node.is_variable()) {
            if tape::hand_on(variable, all.remove(variable))?.is_some() {
                bail!("a checkpointed segment trains by `marey_layers::backward`, not by candle's")
            }
        }
        Ok(dxs)
    }
}

/// A segment on candle's own graph: on other devices, and of other types than the kernels take.
struct Kept {
    again: Again,
    /// Off the graph.
    xs: Tensor,
    /// The output, off the graph; taken by the forward pass.
    ys: Mutex<Option<Tensor>>,
    /// Whether `xs` is to get a gradient.
    wanted: bool,
}

impl Kept {
    /// Calls `f` with the output, which the graph then has as its own.
    fn computed<R>(&self, f: impl FnOnce(&Storage, &Layout) -> Result<R>) -> Result<R> {
        let ys = self.ys.lock().unwrap_or_else(|broken| broken.into_inner()).take();
        let Some(ys) = ys else { bail!("a checkpointed segment went on the graph twice") };
        let (storage, layout) = ys.storage_and_layout();
        f(&storage, layout)
    }
}

impl CustomOp1 for Kept {
    fn name(&self) -> &'static str {
        "checkpointed"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        self.computed(|ys, layout| match ys {
            Storage::Cpu(ys) => copy(ys, layout),
            _ => bail!("{ELSEWHERE}"),
        })
    }

    fn cuda_fwd(&self, _: &CudaStorage, _: &Layout) -> Result<(CudaStorage, Shape)> {
        self.computed(|ys, layout| match ys {
            Storage::Cuda(ys) => copy(ys, layout),
            _ => bail!("{ELSEWHERE}"),
        })
    }

    fn metal_fwd(&self, _: &MetalStorage, _: &Layout) -> Result<(MetalStorage, Shape)> {
        self.computed(|ys, layout| match ys {
            Storage::Metal(ys) => copy(ys, layout),
            _ => bail!("{ELSEWHERE}"),
        })
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, dys: &Tensor) -> Result<Option<Tensor>> {
        let own = self.wanted.then(|| Var::from_tensor(&self.xs)).transpose()?;
        let ys = self.again.run(own.as_ref().map_or(&self.xs, Var::as_tensor))?;
        // Times 1, which a backward pass begins with: the gradient itself.
        self.again.back(&(ys * dys)?, own.as_ref())
    }
}

const ELSEWHERE: &str = "a checkpointed segment whose output is on another device than its input";

/// A storage of its own.
fn copy<S, D>(ys: &S, layout: &Layout) -> Result<(S, Shape)>
where
    S: BackendStorage<Device = D>,
    D: BackendDevice<Storage = S>,
{
    let mut copy = ys.device().zeros_impl(layout.shape(), ys.dtype())?;
    ys.copy_strided_src(&mut copy, 0, layout)?;
    Ok((copy, layout.shape().clone()))
}
