//! What the allowed globals make of their arguments and of the state given to them.

use super::globals::Global;
use super::machine::Machine;
use super::values::{Array, Id, NumpyDtype, Storage, Value, View};
use crate::error::{Fault, Outcome, corrupt, unsupported};
use crate::strided::c_strides;

impl Machine<'_> {
    /// REDUCE and NEWOBJ: the value that `callee` stands for with these arguments.
    pub(super) fn construct(&mut self, callee: Id, args: Id) -> Outcome<Id> {
        let Value::Global(global) = *self.values.get(callee) else {
            return Err(corrupt(format!("calls {}", self.values.get(callee).kind())));
        };
        let args = match self.values.get(args) {
            Value::Tuple(args) if args.len() <= 64 => args.clone(),
            other => {
                return Err(corrupt(format!(
                    "{global:?} wants a tuple of arguments, met {}",
                    other.kind()
                )));
            }
        };
        // A few bytes of pickle make each of these; real ones take more bytes than this allows for.
        let view =
            matches!(global, Global::TorchTensor | Global::TorchTensor2 | Global::TorchTensor3);
        self.spend(if view { 50 } else { 10 })?;
        let value = match (global, args.as_slice()) {
            (Global::Dict | Global::OrderedDict, []) => Value::Dict(Vec::new()),
            (Global::Dict | Global::OrderedDict | Global::DictOf, &[from]) => {
                return self.dict_of(from);
            }
            (Global::DefaultDict, [] | [_]) => Value::Dict(Vec::new()),
            (Global::DefaultDict, &[_, from]) => return self.dict_of(from),
            (Global::DictOf, []) => Value::Dict(Vec::new()),
            (Global::Namespace, []) => Value::Record(Vec::new()),
            (Global::List, []) => Value::List(Vec::new()),
            (Global::Tuple | Global::TorchSize, []) => Value::Tuple(Vec::new()),
            (Global::Set, []) => Value::Set(Vec::new()),
            (Global::List, &[from]) => Value::List(self.members(from)?),
            (Global::Tuple | Global::TorchSize, &[from]) => Value::Tuple(self.members(from)?),
            (Global::Set, &[from]) => Value::Set(self.members(from)?),
            (Global::Bytes, []) => Value::OwnedBytes(Box::default()),
            (Global::Bytes, &[from]) => {
                self.values.bytes(from)?;
                return Ok(from);
            }
            (Global::Bytes | Global::Encode, &[text, encoding]) => self.encode(text, encoding)?,
            (Global::Complex, &[re, im]) => match (self.values.get(re), self.values.get(im)) {
                (Value::Float(re), Value::Float(im)) => {
                    Value::Shown(format!("{re} + {im}i").into())
                }
                _ => return Err(corrupt("a complex number whose parts are no floats")),
            },
            (Global::Reconstructor, &[class, _, _] | &[class]) | (Global::NewObject, &[class]) => {
                let none = self.values.add(Value::Tuple(Vec::new()))?;
                return self.nested(global, class, none);
            }
            (Global::NumpyReconstruct, &[_, _, _]) => Value::Array(Box::default()),
            (Global::NumpyDtype, &[of] | &[of, _] | &[of, _, _]) => self.numpy_dtype(of)?,
            (Global::NumpyScalar, &[dtype, data]) => self.numpy_scalar(dtype, data)?,
            (Global::NumpyFromBuffer, &[data, dtype, shape, order]) => {
                let fortran = self.values.text(order) == Some("F");
                let shape = self.values.sizes(shape)?;
                Value::Array(Box::new(Array {
                    dtype: Some(dtype),
                    shape,
                    fortran,
                    data: Some(data),
                    scalar: false,
                }))
            }
            (Global::JaxArray, &[callee, args, state, _]) => {
                let id = self.nested(global, callee, args)?;
                self.build(id, state)?;
                return Ok(id);
            }
            (Global::TorchTensor, &[storage, offset, size, strides]) => {
                self.view(storage, offset, size, strides, None)?
            }
            (Global::TorchTensor2, &[storage, offset, size, strides, ..]) => {
                self.view(storage, offset, size, strides, None)?
            }
            (Global::TorchTensor3, &[storage, offset, size, strides, _, _, dtype, ..]) => {
                self.view(storage, offset, size, strides, Some(dtype))?
            }
            (Global::TorchParameter, &[of, ..]) => match self.values.get(of) {
                Value::View(_) => return Ok(of),
                other => return Err(corrupt(format!("a parameter that holds {}", other.kind()))),
            },
            (Global::TorchFromType, &[callee, _, args, _]) => {
                return self.nested(global, callee, args);
            }
            (Global::TorchDevice, &[kind, ..]) => {
                let kind = self
                    .values
                    .text(kind)
                    .ok_or_else(|| corrupt("a device whose kind is no text"))?;
                Value::Shown(kind.chars().take(40).collect::<String>().into())
            }
            (global, args) => {
                return Err(corrupt(format!(
                    "{global:?} is not made from {} arguments",
                    args.len()
                )));
            }
        };
        self.values.add(value)
    }

    /// A global that is made by way of another one; only those that end there, so that none nests without end.
    fn nested(&mut self, outer: Global, callee: Id, args: Id) -> Outcome<Id> {
        use Global::{JaxArray, NewObject, Reconstructor, TorchFromType};
        match self.values.get(callee) {
            Value::Global(JaxArray | NewObject | Reconstructor | TorchFromType) => {
                Err(corrupt(format!("{outer:?} by way of itself")))
            }
            _ => self.construct(callee, args),
        }
    }

    /// BUILD: gives `target` its state.
    pub(super) fn build(&mut self, target: Id, state: Id) -> Outcome<()> {
        match self.values.get(target) {
            Value::Array(_) => self.array_state(target, state),
            Value::NumpyType(_) => {
                let order = *self
                    .values
                    .items(state)?
                    .get(1)
                    .ok_or_else(|| corrupt("a dtype's state without order"))?;
                let order = self.values.text(order).and_then(|t| t.chars().next());
                let order = order.ok_or_else(|| corrupt("a dtype's byte order that is no text"))?;
                if let Value::NumpyType(dtype) = self.values.get_mut(target) {
                    dtype.order = order;
                }
                Ok(())
            }
            Value::Record(_) => {
                if !matches!(self.values.get(state), Value::Dict(_)) {
                    return Err(corrupt(format!(
                        "a namespace whose state is {}",
                        self.values.get(state).kind()
                    )));
                }
                if let Value::Record(states) = self.values.get_mut(target) {
                    states.push(state);
                }
                Ok(())
            }
            // Attributes of a container, such as the `_metadata` of a state dict: no entries of it.
            Value::Dict(_) | Value::View(_) => Ok(()),
            other => Err(corrupt(format!("gives a state to {}", other.kind()))),
        }
    }

    /// `(version, shape, dtype, is_fortran, data)`, or the same without version.
    fn array_state(&mut self, target: Id, state: Id) -> Outcome<()> {
        let (shape, dtype, fortran, data) = match *self.values.items(state)? {
            [_, shape, dtype, fortran, data] | [shape, dtype, fortran, data] => {
                (shape, dtype, fortran, data)
            }
            ref items => return Err(corrupt(format!("an array's state of {} parts", items.len()))),
        };
        let (shape, fortran) = (self.values.sizes(shape)?, self.values.bool(fortran)?);
        if let Value::Array(array) = self.values.get_mut(target) {
            **array = Array { dtype: Some(dtype), shape, fortran, data: Some(data), scalar: false };
        }
        Ok(())
    }

    fn numpy_dtype(&self, of: Id) -> Outcome<Value> {
        let (text, element) = match self.values.get(of) {
            Value::Global(Global::Element(dtype)) => (String::new(), Some(*dtype)),
            _ => {
                let text =
                    self.values.text(of).ok_or_else(|| corrupt("a dtype whose name is no text"))?;
                (text.chars().take(40).collect(), None)
            }
        };
        Ok(Value::NumpyType(Box::new(NumpyDtype { text, element, order: '=' })))
    }

    fn numpy_scalar(&mut self, dtype: Id, data: Id) -> Outcome<Value> {
        let (dtype, data) = (Some(dtype), Some(data));
        Ok(Value::Array(Box::new(Array { dtype, data, scalar: true, ..Array::default() })))
    }

    fn encode(&self, text: Id, encoding: Id) -> Outcome<Value> {
        match self.values.text(encoding) {
            Some("latin1" | "latin-1" | "iso-8859-1") if self.values.text(text).is_some() => {
                Ok(Value::Latin1(text))
            }
            Some("utf-8" | "utf8") => match self.values.get(text) {
                Value::Text(span) => Ok(Value::Bytes(span.clone())),
                _ => Err(unsupported("escaped text written as bytes by way of UTF-8")),
            },
            _ => Err(corrupt("bytes in an encoding other than latin-1 and UTF-8")),
        }
    }

    /// A dictionary given as one, or as a list of pairs.
    fn dict_of(&mut self, from: Id) -> Outcome<Id> {
        if matches!(self.values.get(from), Value::Dict(_)) {
            return Ok(from);
        }
        let items = self.members(from)?;
        let mut pairs = Vec::with_capacity(items.len());
        for id in items {
            match *self.values.items(id)? {
                [key, value] => pairs.push((key, value)),
                _ => return Err(corrupt("an entry of a dict that is no pair")),
            }
        }
        self.values.add(Value::Dict(pairs))
    }

    fn members(&mut self, from: Id) -> Outcome<Vec<Id>> {
        self.spend(self.values.items(from)?.len())?;
        Ok(self.values.items(from)?.to_vec())
    }

    /// BINPERSID: `('storage', class, key, location, length)`. Files from before version 1.6 add None, or, from the first
    /// versions, which part of another storage it is.
    pub(super) fn storage(&mut self, id: Id) -> Outcome<Id> {
        if !self.storages {
            return Err(unsupported("names data kept outside the pickle"));
        }
        let values = &self.values;
        let (tag, class, key, len) = match *values.items(id)? {
            [tag, class, key, _, len] => (tag, class, key, len),
            [tag, class, key, _, len, part] if matches!(values.get(part), Value::None) => {
                (tag, class, key, len)
            }
            [_, _, _, _, _, _] => return Err(unsupported("a storage that is part of another")),
            _ => return Err(corrupt("a storage that is not named by five parts")),
        };
        if values.text(tag) != Some("storage") {
            return Err(corrupt("a persistent id that is no storage"));
        }
        let Value::Global(Global::Storage(dtype)) = *values.get(class) else {
            return Err(corrupt(format!("a storage whose class is {}", values.get(class).kind())));
        };
        let key = values
            .text(key)
            .filter(|k| k.len() <= 64)
            .ok_or_else(|| corrupt("a storage whose key is no text"))?;
        let storage = Storage { dtype, key: key.to_owned(), len: values.size(len)? };
        self.spend(30)?;
        self.values.add(Value::Storage(Box::new(storage)))
    }

    fn view(
        &self,
        storage: Id,
        offset: Id,
        size: Id,
        strides: Id,
        dtype: Option<Id>,
    ) -> Outcome<Value> {
        let values = &self.values;
        let Value::Storage(of) = values.get(storage) else {
            return Err(corrupt(format!(
                "a tensor whose storage is {}",
                values.get(storage).kind()
            )));
        };
        let dtype = match dtype.map(|d| values.get(d)) {
            Some(Value::Global(Global::Element(dtype))) => *dtype,
            Some(other) => {
                return Err(corrupt(format!("a tensor whose dtype is {}", other.kind())));
            }
            None => of.dtype.ok_or_else(|| {
                Fault::Corrupt("a tensor without dtype on an untyped storage".into())
            })?,
        };
        let (shape, mut strides) = (values.sizes(size)?, values.sizes(strides)?);
        if strides.is_empty() {
            strides = c_strides(&shape);
        }
        Ok(Value::View(Box::new(View {
            storage,
            dtype,
            offset: values.size(offset)?,
            shape,
            strides,
        })))
    }
}
