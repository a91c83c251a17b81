//! How exactly layers compute.

use std::cell::Cell;

pub use marey_kernels::Precision;

thread_local! {
    static PRECISION: Cell<Precision> = const { Cell::new(Precision::F32) };
}

/// Runs `f` with layers that compute to `precision`, [`Precision::F32`] otherwise.
///
/// It holds for layers called on this thread, on the CPU. Scopes may be nested; the inner one counts.
pub fn with_precision<T>(precision: Precision, f: impl FnOnce() -> T) -> T {
    struct Restore(Precision);
    impl Drop for Restore {
        fn drop(&mut self) {
            PRECISION.set(self.0);
        }
    }
    let _restore = Restore(PRECISION.replace(precision));
    f()
}

/// That of the scope this thread is in.
pub(crate) fn precision() -> Precision {
    PRECISION.get()
}
