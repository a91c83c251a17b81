//! Ctrl-C ends a command with its exit code. A run that can be taken up again it stops where that is so; pressed once more,
//! at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit::{self, failure};
use crate::out::note;

static WATCHED: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);

/// Has Ctrl-C only [ask](asked) from here on.
pub fn watch() {
    WATCHED.store(true, Ordering::SeqCst);
}

/// Has Ctrl-C end the command.
pub fn install() -> anyhow::Result<()> {
    Ok(ctrlc::set_handler(|| {
        if !WATCHED.load(Ordering::SeqCst) || ASKED.swap(true, Ordering::SeqCst) {
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
