//! PyTorch's zip format: a pickle of views, and one entry for every storage they look into.

pub(crate) mod legacy;

use std::borrow::Cow;
use std::collections::BTreeMap;

use safetensors::Dtype;

use crate::dtype::{number_width, size};
use crate::error::{Outcome, corrupt, too_large, unsupported};
use crate::flatten::flatten;
use crate::pickle::{Id, Storage, Value, Values, View, load};
use crate::read::{Contents, Copies, collect};
use crate::strided::{byte_len, gather, swap};
use crate::tensor::Tensor;
use crate::zipped::Zipped;

/// The entry that holds the pickle, where the archive is PyTorch's.
pub(crate) fn pickle_entry(names: &[String]) -> Option<&String> {
    names
        .iter()
        .find(|n| *n == "data.pkl" || n.ends_with("/data.pkl") && n.matches('/').count() == 1)
}

/// A storage and the tensors that look into it.
type Views<'a> = (&'a Storage, Vec<(String, &'a View)>);

/// The contents of a zip archive whose pickle is at `entry`.
pub(crate) fn read(mut archive: Zipped<'_>, entry: &str) -> Outcome<Contents> {
    let folder = entry.strip_suffix("data.pkl").unwrap_or_default().to_owned();
    let order = format!("{folder}byteorder");
    let big = if archive.names.contains(&order) {
        match archive.read(&order)?.as_slice() {
            b"little" => false,
            b"big" => true,
            other => return Err(corrupt(format!("{order}: {:?}", String::from_utf8_lossy(other)))),
        }
    } else {
        false
    };
    let pickle = archive.read(entry)?;
    let (values, root) = load(&pickle, true)?;
    contents(&values, root, big, |storage| {
        let place = format!("{folder}data/{}", storage.key);
        let data = archive.read(&place)?;
        match storage.byte_len()? {
            len if len == data.len() => Ok(Cow::Owned(data)),
            len => {
                Err(corrupt(format!("{place}: {len} bytes named in data.pkl, {} met", data.len())))
            }
        }
    })
}

/// Every tensor, copied out of its storage into C order; `bytes` gives a storage's.
fn contents<'a>(
    values: &Values<'_>,
    root: Id,
    big: bool,
    mut bytes: impl FnMut(&Storage) -> Outcome<Cow<'a, [u8]>>,
) -> Outcome<Contents> {
    let mut leaves = flatten(values, root, "")?;
    let mut by_storage: BTreeMap<&str, Views<'_>> = BTreeMap::new();
    let mut arrays = Vec::new();
    for (name, id) in std::mem::take(&mut leaves.arrays) {
        let Value::View(view) = values.get(id) else {
            arrays.push((name, id));
            continue;
        };
        let Value::Storage(storage) = values.get(view.storage) else {
            return Err(corrupt(format!("{name}: a tensor without its storage")));
        };
        let (first, views) =
            by_storage.entry(&storage.key).or_insert_with(|| (storage, Vec::new()));
        if (first.dtype, first.len) != (storage.dtype, storage.len) {
            return Err(corrupt(format!(
                "{name}: storage {} is described in two ways",
                storage.key
            )));
        }
        views.push((name, view));
    }
    leaves.arrays = arrays;
    let mut contents = collect(values, leaves)?;
    let mut copies = Copies::default();
    for (storage, views) in by_storage.into_values() {
        let data = bytes(storage)?;
        copies.allow(data.len());
        for (name, view) in views {
            let tensor = tensor(view, &data, big, &mut copies).map_err(|f| f.within(&name))?;
            contents.tensors.insert(name, tensor);
        }
    }
    Ok(contents)
}

impl Storage {
    /// Its length in bytes.
    fn byte_len(&self) -> Outcome<usize> {
        byte_len(&[self.len], self.dtype.and_then(size).unwrap_or(1))
    }
}

/// One tensor out of the bytes of its storage.
fn tensor(view: &View, data: &[u8], big: bool, copies: &mut Copies) -> Outcome<Tensor> {
    let dtype: Dtype = view.dtype;
    let size = size(dtype).ok_or_else(|| unsupported(format!("elements of type {dtype}")))?;
    if !copies.take(byte_len(&view.shape, size)?) {
        return Err(too_large("its storage is copied over and over"));
    }
    let mut data = gather(data, size, &view.shape, &view.strides, view.offset)?;
    if big {
        swap(&mut data, number_width(dtype));
    }
    Ok(Tensor { dtype, shape: view.shape.clone(), data })
}
