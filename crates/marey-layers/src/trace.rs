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
}

#[derive(Default)]
struct Recorder {
    stages: Vec<Stage>,
    pending: u64,
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
    if pending > 0 {
        let shape = ys.dims().into();
        stages.push(Stage { name: "output".into(), shape, multiply_adds: pending });
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
            let multiply_adds = std::mem::take(&mut recorder.pending);
            recorder.stages.push(Stage {
                name: name.into(),
                shape: xs.dims().into(),
                multiply_adds,
            });
        }
    });
}

/// Whether the network on this thread is traced.
pub(crate) fn recording() -> bool {
    RECORDER.with_borrow(Option::is_some)
}

/// Says that a convolution runs.
pub(crate) fn convolution(shape: ConvShape) {
    count(shape.multiply_adds().unwrap_or_default());
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.convolutions.push(shape);
        }
    });
}

/// Adds to the multiply-adds of the stage that runs.
pub(crate) fn count(multiply_adds: u64) {
    RECORDER.with_borrow_mut(|recorder| {
        if let Some(recorder) = recorder {
            recorder.pending += multiply_adds;
        }
    });
}
