//! Entries of a zip archive, read in full under bounds.

use std::io::{Cursor, Read};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{Fault, Outcome, corrupt, too_large, unsupported};

/// How many times its own length a compressed file may unpack to: weights hardly compress, zeros do.
pub(crate) const EXPANSION: u64 = 64;
/// What a file may always unpack to, in bytes.
pub(crate) const ALWAYS: u64 = 16 << 20;

/// An archive in memory.
pub(crate) struct Zipped<'a> {
    archive: ZipArchive<Cursor<&'a [u8]>>,
    /// Every entry's name, in the archive's order.
    pub(crate) names: Vec<String>,
    /// Bytes that may still be unpacked.
    left: u64,
}

impl<'a> Zipped<'a> {
    /// Opens the archive and checks that its entries' sizes fit into it side by side.
    pub(crate) fn open(bytes: &'a [u8]) -> Outcome<Self> {
        let len = bytes.len() as u64;
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| fault(&e))?;
        if archive.has_duplicate_names() {
            return Err(corrupt("a zip archive: two entries have the same name"));
        }
        let (mut names, mut packed) = (Vec::new(), 0u64);
        for i in 0..archive.len() {
            let entry = archive.by_index_raw(i).map_err(|e| fault(&e))?;
            let name = entry.name().map_err(|e| fault(&e))?.into_owned();
            packed = packed.saturating_add(entry.compressed_size());
            if packed > len {
                return Err(corrupt(format!(
                    "{name}: the entries up to this one claim {packed} bytes of {len}"
                )));
            }
            names.push(name);
        }
        Ok(Self { archive, names, left: len.saturating_mul(EXPANSION).max(ALWAYS) })
    }

    /// All bytes of an entry, their checksum verified.
    pub(crate) fn read(&mut self, name: &str) -> Outcome<Vec<u8>> {
        let mut entry = self.archive.by_name(name).map_err(|e| fault(&e).within(name))?;
        let size = entry.size();
        if size > self.left {
            return Err(too_large(format!(
                "{name}: {size} bytes unpacked, more than {EXPANSION} times the file"
            )));
        }
        self.left -= size;
        let mut data = Vec::new();
        // One byte more than declared tells an entry that goes on.
        let read = entry.by_ref().take(size + 1).read_to_end(&mut data);
        read.map_err(|e| corrupt(format!("{name}: {e}")))?;
        if data.len() as u64 != size {
            return Err(corrupt(format!(
                "{name}: {size} bytes declared, at least {} met",
                data.len()
            )));
        }
        Ok(data)
    }
}

fn fault(error: &ZipError) -> Fault {
    match error {
        ZipError::UnsupportedArchive(what) => unsupported(format!("a zip archive: {what}")),
        other => corrupt(format!("a zip archive: {other}")),
    }
}
