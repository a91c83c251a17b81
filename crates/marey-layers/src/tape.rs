//! The graph between the layers of this crate, for activations that are channels-last.
//!
//! A layer's output is a candle tensor `[N, C, T, H, W]` like any other, and candle can take it from there. But between
//! two layers of this crate candle's graph goes by way of a *token*, a scalar, and the gradient by way of a *slot* that
//! both layers know. So gradients are added up in place, stay channels-last, and none is ever added to zeros: candle's
//! own graph does that for each of its nodes, which costs more than most layers.
//!
//! ```text
//!   token ──Step(conv)──> token ──Step(pool)──> token           on candle's graph
//!                           │ Reveal
//!                           └──> [N, T, H, W, C] ──> a view [N, C, T, H, W], what the layer returns
//! ```

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use candle::backprop::GradStore;
use candle::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Result, Shape, Storage,
    Tensor, TensorId, Var, bail,
};

use marey_kernels::Sum;

use crate::order;

thread_local! {
    /// What is behind the tensors that layers on this thread returned or were given.
    static NODES: RefCell<HashMap<TensorId, Weak<Node>>> = RefCell::default();
    /// Gradients of variables, while [`backward`] runs on this thread.
    static GRADIENTS: RefCell<Option<HashMap<TensorId, Tensor>>> = const { RefCell::new(None) };
}

/// Where an activation's gradient is summed.
#[derive(Default)]
struct Slot {
    gradient: Mutex<Sum>,
    /// The activation, `[N, .., C]`, off the graph.
    output: OnceLock<Tensor>,
}

impl Slot {
    fn gradient(&self) -> MutexGuard<'_, Sum> {
        self.gradient.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

/// An activation on the graph.
struct Node {
    token: Tensor,
    slot: Arc<Slot>,
}

/// What a layer is given: its cells, channels last, and its place on the graph if it has one.
#[derive(Clone)]
pub(crate) struct Input {
    /// `[N, .., C]`, contiguous, off the graph.
    cells: Tensor,
    node: Option<Arc<Node>>,
}

impl Input {
    /// That of `xs`, `[N, C, ..]`.
    pub(crate) fn of(xs: &Tensor) -> Result<Self> {
        let node = match known(xs) {
            Some(node) => Some(node),
            None if xs.track_op() => {
                let slot = Arc::new(Slot::default());
                let token = xs.apply_op1(Enter { slot: slot.clone() })?;
                let node = Arc::new(Node { token, slot });
                know(xs, &node);
                Some(node)
            }
            None => None,
        };
        Ok(Self { cells: order::last(&xs.detach())?, node })
    }

    /// `[N, .., C]`.
    pub(crate) fn dims(&self) -> &[usize] {
        self.cells.dims()
    }

    /// The cells, as a tensor off the graph.
    pub(crate) fn cells(&self) -> &Tensor {
        &self.cells
    }

    /// Calls `f` with the cells.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
        with_cells(&self.cells, f)
    }

    /// The sum that gradients of the cells are added to; none where nobody wants it.
    pub(crate) fn gradient(&self) -> Option<MutexGuard<'_, Sum>> {
        self.node.as_ref().map(|node| node.slot.gradient())
    }

    /// `[N, C, ..]` at the beginning of a graph of its own, which adds gradients to the same sum.
    pub(crate) fn again(&self) -> Result<Tensor> {
        let Some(node) = &self.node else { return order::first(&self.cells) };
        let token = Var::zeros((), DType::F32, &Device::Cpu)?.as_tensor().clone();
        let node = Arc::new(Node { token, slot: node.slot.clone() });
        reveal(self.with(<[f32]>::to_vec)?, self.dims().into(), &node)
    }

    /// Whether this and `other` have one gradient.
    pub(crate) fn same(&self, other: &Self) -> bool {
        matches!((&self.node, &other.node), (Some(a), Some(b)) if Arc::ptr_eq(a, b))
    }
}

/// What goes back through a layer: from its output and the gradient of that to the gradients of its parameters. Those of
/// its inputs it hands to [`Input::gradient`] itself.
type Backward = Box<dyn Fn(&Tensor, Vec<f32>) -> Result<[Option<Tensor>; 2]> + Send + Sync>;

/// Whether gradients come back to any of these.
pub(crate) fn is_tracked(inputs: &[&Input], parameters: &[&Tensor]) -> bool {
    inputs.iter().any(|input| input.node.is_some())
        || parameters.iter().any(|parameter| parameter.track_op())
}

/// Puts what a layer computed on the graph, if any of its inputs and parameters is there, and returns it as
/// `[N, C, ..]`. `dims` are those of `cells`, `[N, .., C]`.
pub(crate) fn output(
    cells: Vec<f32>,
    dims: impl Into<Shape>,
    inputs: &[&Input],
    parameters: &[&Tensor],
    backward: Backward,
) -> Result<Tensor> {
    let dims = dims.into();
    if !is_tracked(inputs, parameters) {
        return order::first(&Tensor::from_vec(cells, dims, &Device::Cpu)?);
    }
    let mut token = Tensor::new(0f32, &Device::Cpu)?;
    // The last is what candle's graph goes back through first: a layer's own input before a residual. Where a strided
    // convolution made the residual, its gradient then adds to few cells of a sum that is there, instead of to zeros.
    for node in inputs.iter().rev().filter_map(|input| input.node.as_ref()) {
        token = (token + &node.token)?;
    }
    let slot = Arc::new(Slot::default());
    let step = Step { slot: slot.clone(), backward };
    let token = match parameters {
        [] => token.apply_op1(step)?,
        [a] => token.apply_op2(a, step)?,
        [a, b] => token.apply_op3(a, b, step)?,
        _ => bail!("a layer of {} parameters", parameters.len()),
    };
    let node = Arc::new(Node { token, slot });
    let ys = reveal(cells, dims, &node)?;
    // Its own op keeps the node: the slot gets the cells only, or it would keep itself.
    let _ = node.slot.output.set(order::last(&ys.detach())?);
    Ok(ys)
}

/// What `node` stands for, as `[N, C, ..]`; `dims` are those of `cells`, `[N, .., C]`.
fn reveal(cells: Vec<f32>, dims: Shape, node: &Arc<Node>) -> Result<Tensor> {
    let reveal = Reveal { cells: Mutex::new(cells), dims, node: node.clone() };
    let ys = order::first(&node.token.apply_op1(reveal)?)?;
    know(&ys, node);
    Ok(ys)
}

/// A loss whose gradient of `ys`, `[N, C, ..]`, is `dys`, `[N, .., C]`.
pub(crate) fn loss(ys: &Tensor, dys: Vec<f32>) -> Result<Tensor> {
    match known(ys) {
        Some(node) => {
            node.slot.gradient().give(dys);
            Ok(node.token.clone())
        }
        // Times 1, which a backward pass begins with: the gradient itself.
        None => {
            ys * order::first(&Tensor::from_vec(dys, order::last_dims(ys.dims()), ys.device())?)?
        }
    }
}

/// The node behind `xs`, if layers know one.
fn known(xs: &Tensor) -> Option<Arc<Node>> {
    NODES.with_borrow(|nodes| nodes.get(&xs.id()).and_then(Weak::upgrade))
}

/// Has layers find `node` behind `xs`, while any of them needs it.
fn know(xs: &Tensor, node: &Arc<Node>) {
    NODES.with_borrow_mut(|nodes| {
        if nodes.len() >= nodes.capacity() {
            nodes.retain(|_, node| node.strong_count() > 0);
        }
        nodes.insert(xs.id(), Arc::downgrade(node));
    });
}

/// The gradients of `loss`: as candle's [`Tensor::backward`], but those of variables are not added to zeros first.
pub fn backward(loss: &Tensor) -> Result<GradStore> {
    struct Restore(Option<HashMap<TensorId, Tensor>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            GRADIENTS.set(self.0.take());
        }
    }
    let restore = Restore(GRADIENTS.replace(Some(HashMap::new())));
    let mut all = loss.backward()?;
    for (id, gradient) in GRADIENTS.take().unwrap_or_default() {
        let gradient = match all.get_id(id) {
            Some(other) => (other + gradient)?,
            None => gradient,
        };
        all.insert_id(id, gradient);
    }
    drop(restore);
    Ok(all)
}

/// The gradient of `parameter` for candle, unless [`backward`] takes it.
pub(crate) fn hand_on(parameter: &Tensor, gradient: Option<Tensor>) -> Result<Option<Tensor>> {
    let Some(gradient) = gradient else { return Ok(None) };
    GRADIENTS.with_borrow_mut(|all| match all {
        Some(all) if parameter.is_variable() => {
            let sum = match all.remove(&parameter.id()) {
                Some(other) => (other + gradient)?,
                None => gradient,
            };
            all.insert(parameter.id(), sum);
            Ok(None)
        }
        _ => Ok(Some(gradient)),
    })
}

/// A layer, as an operator on tokens.
struct Step {
    slot: Arc<Slot>,
    backward: Backward,
}

impl Step {
    fn gradients(&self) -> Result<[Option<Tensor>; 2]> {
        match (self.slot.gradient().take(), self.slot.output.get()) {
            (Some(dys), Some(ys)) => (self.backward)(ys, dys),
            // Nobody's gradient came this far.
            _ => Ok([None, None]),
        }
    }
}

/// The storage of a token, and the gradient of one.
fn token() -> (CpuStorage, Shape) {
    (CpuStorage::F32(vec![0.]), Shape::from(()))
}

fn token_gradient(token: &Tensor) -> Result<Option<Tensor>> {
    token.track_op().then(|| token.zeros_like()).transpose()
}

impl CustomOp1 for Step {
    fn name(&self) -> &'static str {
        "layer"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(token())
    }

    fn bwd(&self, from: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        self.gradients()?;
        token_gradient(from)
    }
}

impl CustomOp2 for Step {
    fn name(&self) -> &'static str {
        "layer"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok(token())
    }

    fn bwd(
        &self,
        from: &Tensor,
        a: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let [da, _] = self.gradients()?;
        Ok((token_gradient(from)?, hand_on(a, da)?))
    }
}

impl CustomOp3 for Step {
    fn name(&self) -> &'static str {
        "layer"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Ok(token())
    }

    fn bwd(
        &self,
        from: &Tensor,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [da, db] = self.gradients()?;
        Ok((token_gradient(from)?, hand_on(a, da)?, hand_on(b, db)?))
    }
}

/// From a token to the activation it stands for, for candle's own operations.
struct Reveal {
    /// Taken by the forward pass.
    cells: Mutex<Vec<f32>>,
    dims: Shape,
    node: Arc<Node>,
}

impl CustomOp1 for Reveal {
    fn name(&self) -> &'static str {
        "reveal"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        let cells =
            std::mem::take(&mut *self.cells.lock().unwrap_or_else(|broken| broken.into_inner()));
        Ok((CpuStorage::F32(cells), self.dims.clone()))
    }

    fn bwd(&self, from: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        with_cells(&grad.contiguous()?, |dys| {
            self.node.slot.gradient().add(dys);
        })?;
        token_gradient(from)
    }
}

/// From a tensor of candle's own graph, `[N, C, ..]`, to a token.
struct Enter {
    slot: Arc<Slot>,
}

impl CustomOp1 for Enter {
    fn name(&self) -> &'static str {
        "enter"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok(token())
    }

    fn bwd(&self, xs: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        let Some(gradient) = self.slot.gradient().take() else { return Ok(Some(xs.zeros_like()?)) };
        let gradient = Tensor::from_vec(gradient, order::last_dims(xs.dims()), xs.device())?;
        Ok(Some(order::first(&gradient)?.contiguous()?))
    }
}

/// Calls `f` with the cells of a contiguous `xs`.
pub(crate) fn with_cells<R>(xs: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let (storage, layout) = xs.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(storage), Some((start, end))) => {
            Ok(f(&storage.as_slice::<f32>()?[start..end]))
        }
        _ => bail!("a kernel of the CPU was handed a tensor that is elsewhere or not contiguous"),
    }
}
