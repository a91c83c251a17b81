//! What a network does to a clip, without doing it.
//!
//! While a network is traced its layers hand on zeros of the right shape, so that the shapes and costs of the largest
//! network are had in no time.

use std::cell::RefCell;

use candle::{DType, Device, Result, Shape, Tensor};
use marey_kernels::ConvShape;

/// A stage of a network, as its paper's table would list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// The stage's name in the checkpoint.
    pub name: String,
    /// The shape after it.
    pub shape: Vec<usize>,
    /// Multiply-adds of its convolutions and linear layers. Padding counts as if it were data.
    pub multiply_adds: u64,
    /// Their channel interactions: pairs of channels that a kernel sees together, of each channel out (Tran et al., ICCV
    /// 2019, section 3.1).
    pub interactions: u64,
}

impl Stage {
    fn new(name: &str, xs: &Tensor, [multiply_adds, interactions]: [u64; 2]) -> Self {
        Self { name: name.into(), shape: xs.dims().into(), multiply_adds, interactions }
    }
}

#[derive(Default)]
struct Recorder {
    stages: Vec<Stage>,
    /// Multiply-adds and interactions since the last stage.
    pending: [u64; 2],
    convolutions: Vec<ConvShape>,
}

thread_local! {
    static RECORDER: RefCell<Option<Recorder>> = const { RefCell::new(None) };
}

/// Runs `forward` with layers that compute nothing, and lists the stages it went through.
///
/// Multiply-adds after the last named stage are listed as a stage `output`.
pub fn record(forward: impl FnOnce() -> Result<Tensor>) -> Result<Vec<Stage>> {
    let (ys, Recorder { mut stages, pending, .. }) = recorded(forward)?;
    if pending != [0; 2] {
        stages.push(Stage::new("output", &ys, pending));
    }
    Ok(stages)
}

/// Runs `forward` with layers that compute nothing, and lists the convolutions it came by, in order.
pub fn convolutions(forward: impl FnOnce() -> Result<Tensor>) -> Result<Vec<ConvShape>> {
    Ok(recorded(forward)?.1.convolutions)
}

fn recorded(forward: impl FnOnce() -> Result<Tensor>) -> Result<(Tensor, Recorder)> {
    RECORDER.set(Some(Recorder::default()));
    let ys = forward();
    let recorder = RECORDER.take().unwrap_or_default();
    Ok((ys?, recorder))
}

/// Zeros of `shape` that take the memory of one.
pub fn zeros(shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
    Tensor::zeros((), DType::F32, device)?.broadcast_as(shape)
}

/// Says that a network has come to the end of its stage `name`, with `xs`.
pub fn stage(name: &str, xs: &Tensor) {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            let pending = std::mem::take(&mut recorder.pending);
            recorder.stages.push(Stage::new(name, xs, pending));
        }
    });
}

/// Whether the network on this thread is traced.
pub(crate) fn recording() -> bool {
    RECORDER.with_borrow(Option::is_some)
}

/// Says that a convolution runs.
pub(crate) fn convolution(shape: ConvShape) {
    let seen = (shape.c_in / shape.groups) as u64;
    count(shape.multiply_adds().unwrap_or_default(), interactions(seen, shape.c_out as u64));
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.convolutions.push(shape);
        }
    });
}

/// Says that the transpose of a convolution runs, from its outputs to its inputs.
pub(crate) fn transposed(shape: ConvShape) {
    let seen = (shape.c_out / shape.groups) as u64;
    count(shape.multiply_adds().unwrap_or_default(), interactions(seen, shape.c_in as u64));
}

/// Says that a linear layer runs on `n` rows.
pub(crate) fn linear(n: usize, d_in: usize, d_out: usize) {
    count((n * d_in * d_out) as u64, interactions(d_in as u64, d_out as u64));
}

/// `c_out * binom(seen, 2)`.
fn interactions(seen: u64, c_out: u64) -> u64 {
    c_out * (seen * seen.saturating_sub(1) / 2)
}

/// Adds to the multiply-adds and interactions of the stage that runs.
fn count(multiply_adds: u64, interactions: u64) {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.pending[0] += multiply_adds;
            recorder.pending[1] += interactions;
        }
    });
}
