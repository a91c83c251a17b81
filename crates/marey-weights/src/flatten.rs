//! Nested containers as one list of named leaves: names joined by dots, arrays apart from everything else.

use std::collections::{BTreeMap, BTreeSet};

use safetensors::Dtype;

use crate::dtype::{NumpyType, number_width, numpy_type, size};
use crate::error::{Outcome, corrupt, too_large, unsupported};
use crate::pickle::{Array, Global, Id, Value, Values};
use crate::strided::{byte_len, c_strides, f_strides, gather, swap};
use crate::tensor::Tensor;

/// The name of an array that is a whole file by itself, as `numpy.savez` names it.
pub(crate) const ALONE: &str = "arr_0";

/// How many levels of containers are followed.
const DEPTH: usize = 128;

/// What keeping a leaf takes beside its name, counted like bytes of text.
const LEAF: usize = 64;

/// The leaves of a pickle.
#[derive(Default)]
pub(crate) struct Leaves {
    /// NumPy arrays and PyTorch tensors, not yet copied.
    pub(crate) arrays: Vec<(String, Id)>,
    /// Everything else, as text.
    pub(crate) other: BTreeMap<String, String>,
}

/// Follows every container from `root`; `prefix` names the root itself and may be empty.
///
/// Work and names are bounded by the pickle's length, so that references to references cannot multiply.
pub(crate) fn flatten(values: &Values<'_>, root: Id, prefix: &str) -> Outcome<Leaves> {
    let mut walk = Walk {
        values,
        name: prefix.to_owned(),
        path: Vec::new(),
        visits: values.input_len().saturating_mul(4).saturating_add(1024),
        text: values.input_len().saturating_mul(32).saturating_add(1 << 16),
        seen: BTreeSet::new(),
        leaves: Leaves::default(),
    };
    walk.visit(root)?;
    Ok(walk.leaves)
}

struct Walk<'a> {
    values: &'a Values<'a>,
    name: String,
    /// The containers around the present value.
    path: Vec<Id>,
    visits: usize,
    text: usize,
    seen: BTreeSet<String>,
    leaves: Leaves,
}

impl Walk<'_> {
    fn visit(&mut self, id: Id) -> Outcome<()> {
        self.visits = self
            .visits
            .checked_sub(1)
            .ok_or_else(|| too_large("the same values repeat over and over"))?;
        let values = self.values;
        match values.get(id) {
            Value::Dict(pairs) if !pairs.is_empty() => self.inside(id, |walk| {
                pairs.iter().try_for_each(|&(key, value)| {
                    let key = walk.key(key)?;
                    walk.named(&key, value)
                })
            }),
            Value::Record(states) => {
                self.inside(id, |walk| states.iter().try_for_each(|&state| walk.visit(state)))
            }
            Value::List(items) | Value::Tuple(items) | Value::Set(items) => {
                if items.iter().any(|&i| self.has_parts(i)) {
                    return self.inside(id, |walk| walk.numbered(items));
                }
                let shown: Vec<String> = items.iter().take(8).map(|&i| self.shown(i)).collect();
                let (shown, n) = (shown.join(", "), items.len());
                self.other(if n > 8 {
                    format!("[{shown}, ... {n} values]")
                } else {
                    format!("[{shown}]")
                })
            }
            Value::Array(array) => self.array(id, array),
            Value::View(_) => self.leaf(id),
            _ => self.other(self.shown(id)),
        }
    }

    fn array(&mut self, id: Id, array: &Array) -> Outcome<()> {
        let (Some(dtype), Some(data)) = (array.dtype, array.data) else {
            return Err(corrupt(format!("{}: an array without its state", self.name)));
        };
        match numpy_dtype(self.values, dtype)? {
            (NumpyType::Object, text) => {
                let Value::List(items) = self.values.get(data) else {
                    return Err(unsupported(format!(
                        "{}: an array of type {text} without its objects",
                        self.name
                    )));
                };
                match (array.shape.is_empty(), items.as_slice()) {
                    (true, &[only]) => self.inside(id, |walk| walk.visit(only)),
                    _ => self.inside(id, |walk| walk.numbered(items)),
                }
            }
            (NumpyType::Words, text) => {
                self.other(format!("an array of type {text}, shape {:?}", array.shape))
            }
            (NumpyType::Unknown, text) => {
                Err(unsupported(format!("{}: numbers of type {text:?} are not read", self.name)))
            }
            (NumpyType::Number(..), _) if array.scalar => {
                let tensor = numpy_tensor(self.values, array)?;
                self.other(number(&tensor))
            }
            _ => self.leaf(id),
        }
    }

    /// Follows a container, unless it is one of those it lies in.
    fn inside(&mut self, id: Id, f: impl FnOnce(&mut Self) -> Outcome<()>) -> Outcome<()> {
        if self.path.contains(&id) {
            return Err(corrupt(format!("{}: a container that holds itself", brief(&self.name))));
        }
        if self.path.len() >= DEPTH {
            return Err(too_large(format!("containers nest deeper than {DEPTH}")));
        }
        self.path.push(id);
        f(self)?;
        self.path.pop();
        Ok(())
    }

    fn numbered(&mut self, items: &[Id]) -> Outcome<()> {
        items.iter().enumerate().try_for_each(|(i, &item)| self.named(&i.to_string(), item))
    }

    fn named(&mut self, key: &str, value: Id) -> Outcome<()> {
        let len = self.name.len();
        if len > 0 {
            self.name.push('.');
        }
        self.name.push_str(key);
        self.visit(value)?;
        self.name.truncate(len);
        Ok(())
    }

    /// A key as a part of a name; the parts of a tuple are joined by dots, as Flax's flattened dictionaries want.
    fn key(&self, id: Id) -> Outcome<String> {
        if let Value::Tuple(parts) = self.values.get(id)
            && parts.len() <= 64
        {
            return Ok(parts
                .iter()
                .map(|&p| self.plain_key(p))
                .collect::<Outcome<Vec<_>>>()?
                .join("."));
        }
        self.plain_key(id)
    }

    fn plain_key(&self, id: Id) -> Outcome<String> {
        if let Some(text) = self.values.text(id) {
            if text.len() > 1024 {
                return Err(too_large(format!("a key of {} bytes", text.len())));
            }
            return Ok(text.to_owned());
        }
        match self.values.get(id) {
            Value::Int(_) | Value::Bool(_) | Value::Float(_) | Value::None => Ok(self.shown(id)),
            other => Err(corrupt(format!("{}: a key that is {}", brief(&self.name), other.kind()))),
        }
    }

    fn has_parts(&self, id: Id) -> bool {
        use Value::{Array, Dict, List, Record, Set, Tuple, View};
        matches!(
            self.values.get(id),
            Array(_) | Dict(_) | List(_) | Record(_) | Set(_) | Tuple(_) | View(_)
        )
    }

    fn leaf(&mut self, id: Id) -> Outcome<()> {
        let name = self.claim()?;
        self.leaves.arrays.push((name, id));
        Ok(())
    }

    fn other(&mut self, text: String) -> Outcome<()> {
        self.text = self
            .text
            .checked_sub(text.len())
            .ok_or_else(|| too_large("its text repeats over and over"))?;
        let name = self.claim()?;
        self.leaves.other.insert(name, text);
        Ok(())
    }

    /// The present name, which no other leaf may have.
    fn claim(&mut self) -> Outcome<String> {
        let name = if self.name.is_empty() { ALONE.to_owned() } else { self.name.clone() };
        self.text = self
            .text
            .checked_sub(LEAF + 2 * name.len())
            .ok_or_else(|| too_large("its names repeat over and over"))?;
        if !self.seen.insert(name.clone()) {
            return Err(corrupt(format!("two values are named {}", brief(&name))));
        }
        Ok(name)
    }

    /// A value as text of at most 200 characters.
    fn shown(&self, id: Id) -> String {
        match self.values.get(id) {
            Value::None => "None".into(),
            Value::Bool(v) => v.to_string(),
            Value::Int(v) => v.to_string(),
            Value::Float(v) => format!("{v:?}"),
            Value::Shown(text) => text.to_string(),
            Value::Dict(_) => "{}".into(),
            Value::Global(Global::Element(dtype)) => dtype.to_string(),
            Value::Global(Global::Mentioned(name)) => (*name).into(),
            value => match self.values.text(id) {
                Some(text) => brief(text),
                None => value.kind().into(),
            },
        }
    }
}

/// At most 200 characters of a text.
fn brief(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A tensor of one number, in full digits.
fn number(tensor: &Tensor) -> String {
    let eight = |data: &[u8]| data.try_into().ok();
    match tensor.dtype {
        Dtype::F64 => eight(&tensor.data).map(|b| format!("{:?}", f64::from_le_bytes(b))),
        Dtype::I64 => eight(&tensor.data).map(|b| i64::from_le_bytes(b).to_string()),
        Dtype::U64 => eight(&tensor.data).map(|b| u64::from_le_bytes(b).to_string()),
        Dtype::BOOL => tensor.data.first().map(|&b| (b != 0).to_string()),
        _ => tensor.to_f32().and_then(|v| v.first().map(f32::to_string)),
    }
    .unwrap_or_else(|| format!("a number of type {}", tensor.dtype))
}

/// What a `numpy.dtype` stands for, and its type string.
fn numpy_dtype(values: &Values<'_>, id: Id) -> Outcome<(NumpyType, String)> {
    let Value::NumpyType(dtype) = values.get(id) else {
        return Err(corrupt(format!("an array whose dtype is {}", values.get(id).kind())));
    };
    let text = format!("{}{}", dtype.order, dtype.text);
    let meaning = match dtype.element {
        Some(element) => NumpyType::Number(element, dtype.order == '>'),
        None => numpy_type(&text),
    };
    Ok((meaning, text))
}

/// Copies a NumPy array into a tensor.
pub(crate) fn numpy_tensor(values: &Values<'_>, array: &Array) -> Outcome<Tensor> {
    let (Some(dtype), Some(data)) = (array.dtype, array.data) else {
        return Err(corrupt("an array without its state"));
    };
    let (NumpyType::Number(dtype, big), _) = numpy_dtype(values, dtype)? else {
        return Err(unsupported("an array that holds no numbers"));
    };
    numbers(dtype, big, array.shape.clone(), array.fortran, &values.bytes(data)?)
}

/// A tensor from the bytes of a NumPy array, which must be exactly as many as its shape takes.
pub(crate) fn numbers(
    dtype: Dtype,
    big: bool,
    shape: Vec<usize>,
    fortran: bool,
    data: &[u8],
) -> Outcome<Tensor> {
    let size = size(dtype).ok_or_else(|| unsupported(format!("elements of type {dtype}")))?;
    let len = byte_len(&shape, size)?;
    if len != data.len() {
        return Err(corrupt(format!("{dtype} {shape:?} takes {len} bytes, met {}", data.len())));
    }
    let strides = if fortran { f_strides(&shape) } else { c_strides(&shape) };
    let mut data = gather(data, size, &shape, &strides, 0)?;
    if big {
        swap(&mut data, number_width(dtype));
    }
    Ok(Tensor { dtype, shape, data })
}
