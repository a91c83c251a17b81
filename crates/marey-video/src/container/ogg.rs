//! Ogg: whether the last page is whole and marks the end of a stream.

use crate::{
    Result,
    container::{Facts, Shortfall},
    disk::Disk,
    error::Unit,
};

/// A page is at most 27 + 255 + 255 * 255 bytes.
const PAGE: u64 = 65_307;

pub(crate) fn facts(disk: &mut Disk) -> Result<Facts> {
    let tail = disk.up_to(disk.len().saturating_sub(PAGE), PAGE)?;
    let last = tail.windows(4).rposition(|window| window == b"OggS");
    let ended = last.map(|at| &tail[at..]).and_then(|page| {
        let lengths = page.get(27..)?.get(..usize::from(page[26]))?;
        let size =
            27 + lengths.len() + lengths.iter().map(|&length| usize::from(length)).sum::<usize>();
        // Bit 2 of the flags: the last page of its stream.
        Some(size <= page.len() && page[5] & 4 != 0)
    });
    let cut = Shortfall { got: disk.len(), expected: None, unit: Unit::Bytes };
    Ok(Facts { shortfall: (ended != Some(true)).then_some(cut), ..Facts::default() })
}
