//! Reading a checkpoint of any known format, told by its contents and never by its name.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::error::{Error, Fault, Outcome, corrupt, too_large, unsupported};
use crate::flatten::{ALONE, Leaves, flatten, numpy_tensor};
use crate::pickle::{Value, Values, load};
use crate::tensor::Tensor;
use crate::zipped::Zipped;
use crate::{archive, npy, npz, safe, torch};

/// The format of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Safetensors.
    Safetensors,
    /// PyTorch's, the zip archives of version 1.6 and later and what came before them.
    Torch,
    /// A pickle of NumPy arrays in plain containers, such as Flax parameters.
    Pickle,
    /// One NumPy array.
    Npy,
    /// A zip archive of NumPy arrays.
    Npz,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safetensors => "safetensors",
            Self::Torch => "PyTorch",
            Self::Pickle => "pickle",
            Self::Npy => "npy",
            Self::Npz => "npz",
        })
    }
}

/// The contents of a checkpoint.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// The format met.
    pub format: Format,
    /// Path inside the source package (`.tar.gz`), where the checkpoint came in one.
    pub member: Option<String>,
    /// Every array under its name. Nested containers are joined by dots (`state_dict.conv1.weight`), members of lists by
    /// their place (`blobs.0`); an array that is the whole file is `arr_0`.
    pub tensors: BTreeMap<String, Tensor>,
    /// Every leaf that is no array, as text: `epoch` = `3`. Lists of such leaves are one text.
    pub other: BTreeMap<String, String>,
}

/// Reads the checkpoint at `path`.
///
/// Nothing in the file is executed, and memory stays within a small multiple of the file's length (up to 64 times
/// where it is compressed).
pub fn read(path: &Path) -> Result<Checkpoint, Error> {
    let io = |e| Error::io(path, e);
    // Before it is opened: opening a pipe would wait for its other end.
    if !std::fs::metadata(path).map_err(io)?.is_file() {
        return Err(Fault::Unsupported("no regular file".into()).of(path));
    }
    let bytes = std::fs::read(path).map_err(io)?;
    parse(&bytes, path)
}

/// Reads a checkpoint from its bytes; `path` is for errors only.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Checkpoint, Error> {
    let (member, result) = if bytes.starts_with(b"\x1f\x8b") {
        let (member, inner) = archive::checkpoint(bytes).map_err(|f| f.of(path))?;
        let result = contents(&inner).map_err(|f| f.within(&member));
        (Some(member), result)
    } else {
        (None, contents(bytes))
    };
    let (format, Contents { tensors, other }) = result.map_err(|f| f.of(path))?;
    Ok(Checkpoint { format, member, tensors, other })
}

/// Arrays and other leaves by name.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) tensors: BTreeMap<String, Tensor>,
    pub(crate) other: BTreeMap<String, String>,
}

impl Contents {
    /// Adds another's leaves; gives back a name that both have.
    pub(crate) fn join(&mut self, more: Self) -> Result<(), String> {
        let taken =
            |name: &String| self.tensors.contains_key(name) || self.other.contains_key(name);
        if let Some(name) = more.tensors.keys().chain(more.other.keys()).find(|n| taken(n)) {
            return Err(name.clone());
        }
        self.tensors.extend(more.tensors);
        self.other.extend(more.other);
        Ok(())
    }
}

fn contents(bytes: &[u8]) -> Outcome<(Format, Contents)> {
    if safe::is(bytes) {
        return Ok((Format::Safetensors, safe::read(bytes)?));
    }
    if bytes.starts_with(npy::MAGIC) {
        return Ok((Format::Npy, npy::read(bytes, ALONE)?));
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return zipped(bytes);
    }
    if torch::legacy::is(bytes) {
        return Ok((Format::Torch, torch::legacy::read(bytes)?));
    }
    if bytes.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Err(unsupported("an HDF5 file (Keras); save its arrays with numpy.savez"));
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Err(unsupported(
            "a tar archive: either a PyTorch file from before version 0.2, or to be gzipped",
        ));
    }
    if looks_pickled(bytes) {
        let (values, root) = load(bytes, false)?;
        let leaves = flatten(&values, root, "")?;
        return Ok((Format::Pickle, collect(&values, leaves)?));
    }
    let start: Vec<String> = bytes.iter().take(8).map(|b| format!("{b:02x}")).collect();
    Err(Fault::Unknown(if start.is_empty() {
        "nothing: it is empty".into()
    } else {
        start.join(" ")
    }))
}

fn zipped(bytes: &[u8]) -> Outcome<(Format, Contents)> {
    let archive = Zipped::open(bytes)?;
    if let Some(entry) = torch::pickle_entry(&archive.names).cloned() {
        return Ok((Format::Torch, torch::read(archive, &entry)?));
    }
    if !archive.names.is_empty() && archive.names.iter().all(|n| n.ends_with(".npy")) {
        return Ok((Format::Npz, npz::read(archive)?));
    }
    let names = archive.names.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    Err(unsupported(format!(
        "a zip archive that is neither PyTorch's nor NumPy's; it holds: {names}"
    )))
}

/// Protocols 2 and later say so; the older ones begin with a container or a global and end with STOP.
fn looks_pickled(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, ..] | [b'(' | b']' | b'}' | b')' | b'c', .., b'.'])
}

/// Copies the NumPy arrays among the leaves.
pub(crate) fn collect(values: &Values<'_>, leaves: Leaves) -> Outcome<Contents> {
    let mut copies = Copies::default();
    copies.allow(values.input_len());
    let mut tensors = BTreeMap::new();
    for (name, id) in leaves.arrays {
        let Value::Array(array) = values.get(id) else {
            return Err(corrupt(format!("{name}: a tensor whose storage is kept elsewhere")));
        };
        let tensor = numpy_tensor(values, array).map_err(|f| f.within(&name))?;
        if !copies.take(tensor.data.len()) {
            return Err(too_large(format!("{name}: the same bytes are copied over and over")));
        }
        tensors.insert(name, tensor);
    }
    Ok(Contents { tensors, other: leaves.other })
}

/// How many bytes may be copied out of a file: the same bytes may serve several tensors, but not very many.
pub(crate) struct Copies(usize);

impl Default for Copies {
    fn default() -> Self {
        Self(1 << 16)
    }
}

impl Copies {
    /// Allows sixteen copies of `n` bytes more.
    pub(crate) fn allow(&mut self, n: usize) {
        self.0 = self.0.saturating_add(n.saturating_mul(16));
    }

    /// Whether `n` more may be copied.
    pub(crate) fn take(&mut self, n: usize) -> bool {
        self.0.checked_sub(n).map(|left| self.0 = left).is_some()
    }
}
