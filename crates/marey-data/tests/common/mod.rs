//! Real data, where it is there.

use std::path::PathBuf;

/// The folder of real data; without it a test says that it was skipped.
pub(crate) fn data() -> Option<PathBuf> {
    let data = std::env::var_os("MAREY_DATA").map(PathBuf::from);
    if data.is_none() {
        println!("skipped: MAREY_DATA is not set");
    }
    data
}
