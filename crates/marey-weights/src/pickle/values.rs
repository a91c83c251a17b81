//! What a pickle can hold: an arena of values that refer to one another by index.

use std::borrow::Cow;
use std::ops::Range;

use safetensors::Dtype;

use super::globals::Global;
use crate::error::{Outcome, corrupt, too_large};

/// The place of a value in the arena.
pub(crate) type Id = u32;

/// The most values, memo entries and stack places of one pickle: far above any checkpoint's, and about 200 MB of them.
pub(super) const MOST: usize = 1 << 22;

/// One value.
#[derive(Debug)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// Text or bytes that lie in the file as they are.
    Text(Range<usize>),
    Bytes(Range<usize>),
    /// Text or bytes that were written with escapes.
    OwnedText(Box<str>),
    OwnedBytes(Box<[u8]>),
    /// The bytes whose values are the code points of a text.
    Latin1(Id),
    List(Vec<Id>),
    Tuple(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// An object with named attributes: the dictionaries of them that it was given.
    Record(Vec<Id>),
    Global(Global),
    NumpyType(Box<NumpyDtype>),
    Array(Box<Array>),
    Storage(Box<Storage>),
    View(Box<View>),
    /// A value that is only ever shown.
    Shown(Box<str>),
}

/// `numpy.dtype`: a type string without byte order, or the class of an element, and the byte order.
#[derive(Debug)]
pub(crate) struct NumpyDtype {
    pub(crate) text: String,
    pub(crate) element: Option<Dtype>,
    pub(crate) order: char,
}

/// A NumPy array.
#[derive(Debug, Default)]
pub(crate) struct Array {
    /// Its `numpy.dtype`; none before its state was given.
    pub(crate) dtype: Option<Id>,
    pub(crate) shape: Vec<usize>,
    pub(crate) fortran: bool,
    /// Its bytes, or the list of its objects.
    pub(crate) data: Option<Id>,
    /// A NumPy scalar, which is a number and not an array.
    pub(crate) scalar: bool,
}

/// A PyTorch storage: a run of numbers kept beside the pickle.
#[derive(Clone, Debug)]
pub(crate) struct Storage {
    /// None for an untyped storage.
    pub(crate) dtype: Option<Dtype>,
    pub(crate) key: String,
    /// Elements, or bytes where untyped.
    pub(crate) len: usize,
}

/// A PyTorch tensor: a view of a storage, in elements.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) storage: Id,
    pub(crate) dtype: Dtype,
    pub(crate) offset: usize,
    pub(crate) shape: Vec<usize>,
    pub(crate) strides: Vec<usize>,
}

/// The arena, over the bytes of the pickle.
pub(crate) struct Values<'a> {
    pub(super) input: &'a [u8],
    pub(super) arena: Vec<Value>,
}

impl<'a> Values<'a> {
    pub(super) fn new(input: &'a [u8]) -> Self {
        Self { input, arena: Vec::new() }
    }

    /// Length of the pickle in bytes: what bounds are proportional to.
    pub(crate) fn input_len(&self) -> usize {
        self.input.len()
    }

    pub(super) fn add(&mut self, value: Value) -> Outcome<Id> {
        if self.arena.len() >= MOST {
            return Err(too_large(format!("more than {MOST} values")));
        }
        self.arena.push(value);
        Ok((self.arena.len() - 1) as Id)
    }

    /// The value at `id`, which the arena itself gave out.
    pub(crate) fn get(&self, id: Id) -> &Value {
        &self.arena[id as usize]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value {
        &mut self.arena[id as usize]
    }

    /// Every storage that was named.
    pub(crate) fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.arena.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some(&**storage),
            _ => None,
        })
    }

    /// Text, or the bytes of a Python 2 string that are text.
    pub(crate) fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::OwnedText(s) => Some(s),
            Value::Text(span) | Value::Bytes(span) => {
                std::str::from_utf8(&self.input[span.clone()]).ok()
            }
            Value::OwnedBytes(b) => std::str::from_utf8(b).ok(),
            _ => None,
        }
    }

    /// Bytes, decoded where they were written as text.
    pub(crate) fn bytes(&self, id: Id) -> Outcome<Cow<'_, [u8]>> {
        match self.get(id) {
            Value::Bytes(span) => Ok(Cow::Borrowed(&self.input[span.clone()])),
            Value::OwnedBytes(b) => Ok(Cow::Borrowed(b)),
            Value::Latin1(text) => {
                let text = self
                    .text(*text)
                    .ok_or_else(|| corrupt("latin-1 bytes of something that is no text"))?;
                text.chars()
                    .map(|c| {
                        u8::try_from(u32::from(c))
                            .map_err(|_| corrupt(format!("{c:?} is no latin-1 byte")))
                    })
                    .collect::<Outcome<Vec<u8>>>()
                    .map(Cow::Owned)
            }
            other => Err(corrupt(format!("wanted bytes, met {}", other.kind()))),
        }
    }

    pub(crate) fn int(&self, id: Id) -> Outcome<i64> {
        match self.get(id) {
            Value::Int(v) => Ok(*v),
            Value::Bool(v) => Ok(i64::from(*v)),
            other => Err(corrupt(format!("wanted an integer, met {}", other.kind()))),
        }
    }

    pub(crate) fn size(&self, id: Id) -> Outcome<usize> {
        let v = self.int(id)?;
        usize::try_from(v).map_err(|_| corrupt(format!("wanted a size or an offset, met {v}")))
    }

    pub(crate) fn bool(&self, id: Id) -> Outcome<bool> {
        Ok(self.int(id)? != 0)
    }

    /// The members of a tuple, list or set.
    pub(crate) fn items(&self, id: Id) -> Outcome<&[Id]> {
        match self.get(id) {
            Value::Tuple(v) | Value::List(v) | Value::Set(v) => Ok(v),
            other => Err(corrupt(format!("wanted a tuple, met {}", other.kind()))),
        }
    }

    /// Lengths of axes, at most 64 of them.
    pub(super) fn sizes(&self, id: Id) -> Outcome<Vec<usize>> {
        if matches!(self.get(id), Value::Int(_)) {
            return Ok(vec![self.size(id)?]);
        }
        let items = self.items(id)?;
        if items.len() > 64 {
            return Err(corrupt(format!("a shape of {} axes", items.len())));
        }
        items.iter().map(|&i| self.size(i)).collect()
    }
}

impl Value {
    /// What it is, in words for an error.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Text(_) | Self::OwnedText(_) => "text",
            Self::Bytes(_) | Self::OwnedBytes(_) | Self::Latin1(_) => "bytes",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Set(_) => "a set",
            Self::Dict(_) => "a dict",
            Self::Record(_) => "a namespace",
            Self::Global(_) => "a global",
            Self::NumpyType(_) => "a numpy dtype",
            Self::Array(_) => "an array",
            Self::Storage(_) => "a storage",
            Self::View(_) => "a tensor",
            Self::Shown(_) => "another value",
        }
    }
}
