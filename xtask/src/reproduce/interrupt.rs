//! Ctrl-C: the first stops a run where it can be taken up again, the second stops it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit::{self, failure};
use crate::out::note;

static ASKED: AtomicBool = AtomicBool::new(false);

/// Watches for Ctrl-C from here on.
pub fn watch() -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(exit::INTERRUPTED.into());
        }
        note(
            "\nstopping where the run can be taken up again; press Ctrl-C once more to stop at once",
        );
    })?)
}

/// Whether Ctrl-C was pressed.
pub fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// The error of a run that was stopped.
pub fn stopped() -> anyhow::Error {
    failure(exit::INTERRUPTED, "interrupted; the same command goes on from here")
}
