//! Writing safetensors so that a file is either whole or not there.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::atomic::write_with;
use crate::error::Error;
use crate::tensor::Tensor;

/// Writes the tensors and the metadata to `path` as safetensors.
///
/// By [`write_with`]: a reader,
/// or a power cut, meets the old file or the new one. The bytes depend on the arguments only: names in order, elements
/// aligned to eight bytes by a padded header and tensors sorted by element size, as the format's own library does.
pub fn write(
    path: &Path,
    tensors: &BTreeMap<String, Tensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let mut order: Vec<(&String, &Tensor)> = tensors.iter().collect();
    order.sort_by_key(|(_, t)| std::cmp::Reverse(t.dtype.bitsize())); // stable: names stay in order
    let header = header(&order, metadata)?;

    write_with(path, |file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        order.iter().try_for_each(|(_, tensor)| out.write_all(&tensor.data))?;
        out.flush()
    })
    .map_err(|refused| Error::io(&refused.path, refused.source))
}

/// The JSON header, padded with spaces to a multiple of eight bytes.
fn header(
    order: &[(&String, &Tensor)],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let mut fields = Map::new();
    if !metadata.is_empty() {
        fields.insert("__metadata__".into(), json!(metadata));
    }
    let mut at = 0usize;
    for (name, tensor) in order {
        // Fields are public, so their agreement is checked where it matters.
        let tensor_error = |e: Error| Error::Tensor(format!("{name}: {e}"));
        crate::tensor::check(tensor).map_err(tensor_error)?;
        if name.as_str() == "__metadata__" {
            return Err(Error::Tensor("no tensor may be named __metadata__".into()));
        }
        let end = at + tensor.data.len();
        let entry =
            json!({ "dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [at, end] });
        fields.insert((*name).clone(), entry);
        at = end;
    }
    let mut header = Value::Object(fields).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}
