//! A gzipped tar, such as a Python source package, that holds one `.ckpt`.

use std::io::{self, ErrorKind, Read};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use crate::error::{Fault, Outcome, corrupt, too_large, unsupported};
use crate::zipped::{ALWAYS, EXPANSION};

/// The path and the bytes of the only member whose name ends in `.ckpt`.
///
/// Members are streamed past; unpacking stops where it exceeds 64 times the archive.
pub(crate) fn checkpoint(bytes: &[u8]) -> Outcome<(String, Vec<u8>)> {
    let limit = (bytes.len() as u64).saturating_mul(EXPANSION).max(ALWAYS);
    let mut stream = Bounded { inner: GzDecoder::new(bytes), left: limit };
    let mut found: Option<(String, Vec<u8>)> = None;
    for entry in Archive::new(&mut stream).entries().map_err(fault)? {
        let mut entry = entry.map_err(fault)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != EntryType::Regular || !name.ends_with(".ckpt") {
            continue;
        }
        if let Some((first, _)) = &found {
            return Err(unsupported(format!(
                "a .tar.gz with several .ckpt members: {first}, {name}"
            )));
        }
        let (size, mut data) = (entry.size(), Vec::new());
        if size > limit {
            return Err(too_large(format!(
                "a .tar.gz whose {name} takes {size} bytes, more than {limit}"
            )));
        }
        entry.read_to_end(&mut data).map_err(fault)?;
        if data.len() as u64 != size {
            return Err(corrupt(format!(
                "a .tar.gz: {name}: {size} bytes declared, {} met",
                data.len()
            )));
        }
        found = Some((name, data));
    }
    // To the end, past the tar's own end mark, so that gzip's checksum is verified.
    io::copy(&mut stream, &mut io::sink()).map_err(fault)?;
    found.ok_or_else(|| unsupported("a .tar.gz without a .ckpt member"))
}

/// A reader that fails where it has given `left` bytes and there are more.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(n as u64).ok_or(ErrorKind::FileTooLarge)?;
        Ok(n)
    }
}

fn fault(error: io::Error) -> Fault {
    match error.kind() {
        ErrorKind::FileTooLarge => {
            too_large(format!("a .tar.gz that unpacks to more than {EXPANSION} times itself"))
        }
        _ => corrupt(format!("a .tar.gz: {error}")),
    }
}
