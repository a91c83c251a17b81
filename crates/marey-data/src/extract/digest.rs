//! What files are told by: how many bytes there are, and their SHA-256.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::manifest;
use crate::error::{Error, Result};

/// A file or a folder of files, told by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Length of the file, or of all files together.
    pub bytes: u64,
    /// In hexadecimal. Of a folder it is what `LC_ALL=C sha256sum * | sha256sum` prints there, of its files but hidden ones and
    /// the manifest.
    pub sha256: String,
}

impl Digest {
    /// Reads all of `path`. Folders in a folder are passed over.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn of(path: &Path) -> Result<Self> {
        if path.is_dir() { Ok(Self::of_files(&files(path)?)?) } else { of_file(path) }
    }

    /// Of files by their paths, ordered by name.
    pub(super) fn of_files(files: &[PathBuf]) -> Result<Self> {
        let each: Vec<Self> = files.par_iter().map(|path| of_file(path)).collect::<Result<_>>()?;
        let mut lines = Vec::new();
        for (digest, path) in each.iter().zip(files) {
            lines.extend(digest.sha256.as_bytes());
            lines.extend(b"  ");
            lines.extend(path.file_name().unwrap_or_default().as_encoded_bytes());
            lines.push(b'\n');
        }
        let bytes = each.iter().map(|digest| digest.bytes).sum();
        Ok(Self { bytes, sha256: hexadecimal(Sha256::new_with_prefix(lines)) })
    }
}

/// The files of a folder but hidden ones and the manifest, ordered by the bytes of their names.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, e))? {
        let entry = entry.map_err(|e| Error::io(folder, e))?;
        let name = entry.file_name();
        let passed_over = name.as_encoded_bytes().starts_with(b".") || name == manifest::NAME;
        if !passed_over && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort_by(|a, b| a.as_os_str().as_encoded_bytes().cmp(b.as_os_str().as_encoded_bytes()));
    Ok(files)
}

fn of_file(path: &Path) -> Result<Digest> {
    let failed = |e| Error::io(path, e);
    let mut reader = BufReader::with_capacity(1 << 18, File::open(path).map_err(failed)?);
    let (mut bytes, mut sha256) = (0, Sha256::new());
    loop {
        let piece = reader.fill_buf().map_err(failed)?;
        if piece.is_empty() {
            return Ok(Digest { bytes, sha256: hexadecimal(sha256) });
        }
        sha256.update(piece);
        let read = piece.len();
        bytes += read as u64;
        reader.consume(read);
    }
}

fn hexadecimal(sha256: Sha256) -> String {
    sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_sha256sum() {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("b", "abc"), ("a", ""), (".hidden", "x"), (manifest::NAME, "x")] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        fs::create_dir(dir.path().join("folder")).unwrap();
        // The vectors of FIPS 180 for "abc" and for nothing.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let digest = Digest::of(&dir.path().join("b")).unwrap();
        assert_eq!((digest.bytes, &*digest.sha256), (3, abc));
        // `printf '' > a; printf abc > b; sha256sum a b | sha256sum`
        let both = "bf6e2103d6cbead28abb7d3fec372bc25d03a35b1647e83e090248eb08d0adae";
        let digest = Digest::of(dir.path()).unwrap();
        assert_eq!((digest.bytes, &*digest.sha256), (3, both));
        assert!(matches!(Digest::of(&dir.path().join("c")), Err(Error::Io { .. })));
    }
}
