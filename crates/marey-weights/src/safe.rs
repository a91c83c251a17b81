//! Safetensors files.

use std::collections::BTreeMap;

use safetensors::SafeTensors;

use crate::error::{Outcome, corrupt};
use crate::read::Contents;
use crate::tensor::Tensor;

/// Whether the bytes begin as a safetensors file does: the length of a header that fits, then an object.
pub(crate) fn is(bytes: &[u8]) -> bool {
    let Some((len, rest)) = bytes.split_first_chunk() else { return false };
    rest.first() == Some(&b'{') && u64::from_le_bytes(*len) <= rest.len() as u64
}

/// Every tensor; the metadata becomes `other`.
pub(crate) fn read(bytes: &[u8]) -> Outcome<Contents> {
    let broken = |e: safetensors::SafeTensorError| corrupt(format!("safetensors: {e}"));
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let file = SafeTensors::deserialize(bytes).map_err(broken)?;
    let tensors = file.iter().map(|(name, view)| {
        let tensor = Tensor {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            data: view.data().to_vec(),
        };
        (name.to_owned(), tensor)
    });
    let other = header.metadata().iter().flatten().map(|(k, v)| (k.clone(), v.clone()));
    Ok(Contents { tensors: tensors.collect(), other: other.collect::<BTreeMap<_, _>>() })
}
