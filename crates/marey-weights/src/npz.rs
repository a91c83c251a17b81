//! NumPy's `.npz`: a zip archive of `.npy` entries.

use crate::error::{Outcome, corrupt};
use crate::npy;
use crate::read::Contents;
use crate::zipped::Zipped;

/// Every array under its entry's name without `.npy`.
pub(crate) fn read(mut archive: Zipped<'_>) -> Outcome<Contents> {
    let mut all = Contents::default();
    for entry in std::mem::take(&mut archive.names) {
        let data = archive.read(&entry)?;
        let name = entry.strip_suffix(".npy").unwrap_or(&entry);
        all.join(npy::read(&data, name).map_err(|f| f.within(&entry))?)
            .map_err(|name| corrupt(format!("{entry}: two values are named {name}")))?;
    }
    Ok(all)
}
