//! PyTorch's format from before version 1.6: pickles one after another, and then the storages.
//!
//! The pickles are a magic number, the version of the format, the writer's machine, the object, and the keys of the
//! storages in the order in which they follow; each is its number of elements and their little-endian bytes, whatever
//! the writer's machine was.

use std::borrow::Cow;
use std::collections::HashMap;

use super::contents;
use crate::error::{Outcome, corrupt, unsupported};
use crate::pickle::{Storage, load_first};
use crate::read::Contents;

/// The magic number, as it is pickled after two bytes for the pickle's own version.
const MAGIC: &[u8] = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";

/// The only version of the format.
const VERSION: i64 = 1001;

/// Whether the bytes are such a file.
pub(crate) fn is(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, _, rest @ ..] if rest.starts_with(MAGIC))
}

/// The contents of such a file.
pub(crate) fn read(bytes: &[u8]) -> Outcome<Contents> {
    let mut rest = &bytes[2 + MAGIC.len()..];
    let mut next = |storages| {
        let (values, root, len) = load_first(rest, storages)?;
        rest = &rest[len..];
        Ok((values, root))
    };
    let (values, version) = next(false)?;
    match values.int(version)? {
        VERSION => {}
        version => {
            return Err(unsupported(format!(
                "version {version} of PyTorch's format; {VERSION} is read"
            )));
        }
    }
    let _machine = next(false)?;
    let (values, root) = next(true)?;
    let (keys, order) = next(false)?;

    let named: HashMap<&str, &Storage> = values.storages().map(|s| (s.key.as_str(), s)).collect();
    let mut found = HashMap::new();
    for &key in keys.items(order)? {
        let key = keys.text(key).ok_or_else(|| corrupt("a storage whose key is no text"))?;
        let Some(storage) = named.get(key) else {
            return Err(corrupt(format!("storage {key} is of no tensor")));
        };
        let Some((count, data)) = rest.split_first_chunk() else {
            return Err(corrupt(format!("ends before storage {key}")));
        };
        let (count, len) = (i64::from_le_bytes(*count), storage.byte_len()?);
        if usize::try_from(count) != Ok(storage.len) {
            return Err(corrupt(format!(
                "storage {key}: {} elements named, {count} met",
                storage.len
            )));
        }
        let Some((data, left)) = data.split_at_checked(len) else {
            return Err(corrupt(format!(
                "storage {key}: {len} bytes named, {} left in the file",
                data.len()
            )));
        };
        found.insert(key, data);
        rest = left;
    }
    if !rest.is_empty() {
        return Err(corrupt(format!("{} bytes follow the last storage", rest.len())));
    }
    contents(&values, root, false, |storage| match found.get(storage.key.as_str()) {
        Some(data) => Ok(Cow::Borrowed(*data)),
        None => Err(corrupt(format!("storage {} is missing", storage.key))),
    })
}
