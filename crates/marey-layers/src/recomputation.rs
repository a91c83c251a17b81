//! Which networks keep their activations while they train, and which compute them again.

use std::cell::Cell;
use std::sync::Arc;

use candle::{ModuleT, Result, Tensor};

use crate::checkpointed;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with networks that, if `on`, keep the outputs of their blocks only while they train, and compute the rest again
/// when gradients come back: less memory for one more forward pass, and the same bits. They keep all of it otherwise.
///
/// It holds for networks called on this thread, whose gradients are then those of [`backward`](crate::backward()).
/// Scopes may be nested; the inner one counts.
pub fn with_recomputation<T>(on: bool, f: impl FnOnce() -> T) -> T {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ON.set(self.0);
        }
    }
    let _restore = Restore(ON.replace(on));
    f()
}

/// `block(xs)`, [`checkpointed`](crate::checkpointed()) inside [`with_recomputation`]: what a network calls for each of its blocks.
///
/// A block depends on `xs` and its own variables alone.
pub fn recomputed<B>(block: &Arc<B>, xs: &Tensor, train: bool) -> Result<Tensor>
where
    B: ModuleT + Send + Sync + 'static,
{
    if !ON.get() {
        return block.forward_t(xs, train);
    }
    let block = block.clone();
    checkpointed(move |xs| block.forward_t(xs, train), xs, train)
}
