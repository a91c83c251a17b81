//! The stack machine: one opcode after another, until STOP.

use std::collections::HashMap;

use super::bytes::Bytes;
use super::globals::resolve;
use super::text::{raw_unicode, string_literal};
use super::values::{Id, MOST, Value, Values};
use crate::error::{Fault, Outcome, corrupt, too_large, unsupported};

/// Reads one pickle that fills `input`; gives its values and the place of the outermost one.
///
/// `storages` says whether persistent ids (PyTorch's way to name storages beside the pickle) may occur.
pub(crate) fn load(input: &[u8], storages: bool) -> Outcome<(Values<'_>, Id)> {
    let (values, root, len) = load_first(input, storages)?;
    match input.len() - len {
        0 => Ok((values, root)),
        left => Err(corrupt(format!("pickle, byte {len}: {left} bytes follow its end"))),
    }
}

/// Reads the pickle that `input` begins with, as [`load`]; gives its length too.
pub(crate) fn load_first(input: &[u8], storages: bool) -> Outcome<(Values<'_>, Id, usize)> {
    let mut machine = Machine {
        bytes: Bytes { all: input, at: 0 },
        values: Values::new(input),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        work: input.len().saturating_mul(4).saturating_add(1024),
        storages,
    };
    loop {
        let at = machine.bytes.at;
        let place = |fault: Fault| fault.within(&format!("pickle, byte {at}"));
        let op = machine.bytes.u8().map_err(place)?;
        if op == b'.' {
            let root = machine.pop().map_err(place)?;
            if !machine.stack.is_empty() || !machine.marks.is_empty() {
                return Err(place(corrupt("ends with values that were put to no use")));
            }
            return Ok((machine.values, root, machine.bytes.at));
        }
        machine.step(op).map_err(place)?;
    }
}

/// The machine's state.
pub(super) struct Machine<'a> {
    pub(super) bytes: Bytes<'a>,
    pub(super) values: Values<'a>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    /// How much may still be made of what was remembered: members copied, and objects of a few bytes each.
    work: usize,
    pub(super) storages: bool,
}

impl Machine<'_> {
    fn step(&mut self, op: u8) -> Outcome<()> {
        let value = match op {
            0x80 => return self.protocol(),
            0x95 => return self.bytes.u64().map(drop), // FRAME only helps a reader that cannot look ahead
            b'(' => return self.mark(),
            b'0' => return self.discard(),
            b'1' => return self.pop_mark().map(drop),
            b'2' => return self.duplicate(),
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'I' => self.int_line()?,
            b'L' => self.long_line()?,
            b'J' => Value::Int(i32::from_le_bytes(self.bytes.take()?).into()),
            b'K' => Value::Int(self.bytes.u8()?.into()),
            b'M' => Value::Int(u16::from_le_bytes(self.bytes.take()?).into()),
            0x8a => self.bytes.u8().and_then(|n| self.long(n.into()))?,
            0x8b => self.bytes.length().and_then(|n| self.long(n))?,
            b'F' => self.float_line()?,
            b'G' => Value::Float(f64::from_be_bytes(self.bytes.take()?)),
            b'S' => self
                .bytes
                .line()
                .and_then(|s| string_literal(&self.bytes.all[s]))
                .map(Value::OwnedBytes)?,
            b'V' => self
                .bytes
                .line()
                .and_then(|s| raw_unicode(&self.bytes.all[s]))
                .map(Value::OwnedText)?,
            b'T' => self.bytes.length().and_then(|n| self.bytes.span(n)).map(Value::Bytes)?,
            b'B' => self.bytes.u32().and_then(|n| self.bytes.span(n.into())).map(Value::Bytes)?,
            b'U' | b'C' => {
                self.bytes.u8().and_then(|n| self.bytes.span(n.into())).map(Value::Bytes)?
            }
            0x8e | 0x96 => self.bytes.u64().and_then(|n| self.bytes.span(n)).map(Value::Bytes)?,
            b'X' => self.bytes.u32().and_then(|n| self.text(n.into()))?,
            0x8c => self.bytes.u8().and_then(|n| self.text(n.into()))?,
            0x8d => self.bytes.u64().and_then(|n| self.text(n))?,
            b')' => Value::Tuple(Vec::new()),
            b']' => Value::List(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            0x8f => Value::Set(Vec::new()),
            b't' => Value::Tuple(self.pop_mark()?),
            b'l' => Value::List(self.pop_mark()?),
            b'd' => Value::Dict(pairs(&self.pop_mark()?)?),
            0x91 => Value::Set(self.pop_mark()?),
            0x85..=0x87 => Value::Tuple(self.pop_many(usize::from(op - 0x84))?),
            b'a' => return self.pop().and_then(|item| self.extend(vec![item])),
            b'e' | 0x90 => return self.pop_mark().and_then(|items| self.extend(items)),
            b's' => return self.pop_many(2).and_then(|pair| self.set_items(&pair)),
            b'u' => return self.pop_mark().and_then(|items| self.set_items(&items)),
            b'q' => return self.bytes.u8().and_then(|n| self.memoize(n.into())),
            b'r' => return self.bytes.u32().and_then(|n| self.memoize(n.into())),
            b'p' => return self.index_line().and_then(|n| self.memoize(n)),
            0x94 => return self.memoize(self.memo.len() as u64),
            b'h' => return self.bytes.u8().and_then(|n| self.recall(n.into())),
            b'j' => return self.bytes.u32().and_then(|n| self.recall(n.into())),
            b'g' => return self.index_line().and_then(|n| self.recall(n)),
            b'c' => {
                let (module, name) = (self.bytes.ascii_line()?, self.bytes.ascii_line()?);
                self.global(module, name)?
            }
            0x93 => {
                let pair = self.pop_many(2)?;
                let word = |id| {
                    self.values.text(id).ok_or_else(|| corrupt("a global whose name is no text"))
                };
                self.global(word(pair[0])?, word(pair[1])?)?
            }
            b'R' | 0x81 => {
                let [callee, args] = self.two()?;
                return self.construct(callee, args).and_then(|id| self.push(id));
            }
            0x92 => {
                let [args, words] = self.two()?;
                let callee = self.pop()?;
                if !matches!(self.values.get(words), Value::Dict(d) if d.is_empty()) {
                    return Err(unsupported("an object made with keyword arguments"));
                }
                return self.construct(callee, args).and_then(|id| self.push(id));
            }
            b'o' | b'i' => {
                let callee = if op == b'i' {
                    let (module, name) = (self.bytes.ascii_line()?, self.bytes.ascii_line()?);
                    let global = self.global(module, name)?;
                    Some(self.values.add(global)?)
                } else {
                    None
                };
                let mut items = self.pop_mark()?;
                let callee = match callee {
                    Some(callee) => callee,
                    None if items.is_empty() => return Err(corrupt("an object without its class")),
                    None => items.remove(0),
                };
                let args = self.values.add(Value::Tuple(items))?;
                return self.construct(callee, args).and_then(|id| self.push(id));
            }
            b'b' => {
                let [target, state] = self.two()?;
                return self.build(target, state).and_then(|()| self.push(target));
            }
            b'Q' => return self.pop().and_then(|id| self.storage(id)).and_then(|id| self.push(id)),
            b'P' => {
                return Err(unsupported(
                    "a storage named by a line of text: a PyTorch file of another kind",
                ));
            }
            0x82..=0x84 => return Err(Fault::Refused("an extension of copyreg".into())),
            0x97 | 0x98 => return Err(unsupported("buffers kept outside the pickle")),
            _ => return Err(corrupt(format!("{op:#04x} is no pickle opcode"))),
        };
        let id = self.values.add(value)?;
        self.push(id)
    }

    fn protocol(&mut self) -> Outcome<()> {
        match self.bytes.u8()? {
            0..=5 => Ok(()),
            n => Err(unsupported(format!("pickle protocol {n}; 0 to 5 are read"))),
        }
    }

    fn global(&self, module: &str, name: &str) -> Outcome<Value> {
        match resolve(module, name) {
            Some(global) => Ok(Value::Global(global)),
            None => Err(Fault::Refused(format!("{module}.{name}").chars().take(200).collect())),
        }
    }

    fn push(&mut self, id: Id) -> Outcome<()> {
        if self.stack.len() >= MOST {
            return Err(too_large(format!("more than {MOST} values on the stack")));
        }
        self.stack.push(id);
        Ok(())
    }

    fn mark(&mut self) -> Outcome<()> {
        if self.marks.len() >= MOST {
            return Err(too_large(format!("more than {MOST} marks")));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn pop(&mut self) -> Outcome<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(corrupt("takes a value where there is none"));
        }
        self.stack.pop().ok_or_else(|| corrupt("takes a value where there is none"))
    }

    /// POP takes a mark away where one is on top.
    fn discard(&mut self) -> Outcome<()> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    fn duplicate(&mut self) -> Outcome<()> {
        let id = self.pop()?;
        self.push(id)?;
        self.push(id)
    }

    fn two(&mut self) -> Outcome<[Id; 2]> {
        let last = self.pop()?;
        Ok([self.pop()?, last])
    }

    fn pop_many(&mut self, n: usize) -> Outcome<Vec<Id>> {
        let mut out = (0..n).map(|_| self.pop()).collect::<Outcome<Vec<_>>>()?;
        out.reverse();
        Ok(out)
    }

    fn pop_mark(&mut self) -> Outcome<Vec<Id>> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| corrupt("takes values up to a mark where there is none"))?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Outcome<Id> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack[floor..]
            .last()
            .copied()
            .ok_or_else(|| corrupt("uses a value where there is none"))
    }

    fn extend(&mut self, items: Vec<Id>) -> Outcome<()> {
        let target = self.top()?;
        match self.values.get_mut(target) {
            Value::List(list) | Value::Set(list) => list.extend(items),
            other => return Err(corrupt(format!("appends to {}", other.kind()))),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Outcome<()> {
        let target = self.top()?;
        let new = pairs(items)?;
        match self.values.get_mut(target) {
            Value::Dict(dict) => dict.extend(new),
            other => return Err(corrupt(format!("sets an item of {}", other.kind()))),
        }
        Ok(())
    }

    fn memoize(&mut self, index: u64) -> Outcome<()> {
        if self.memo.len() >= MOST {
            return Err(too_large(format!("more than {MOST} remembered values")));
        }
        let top = self.top()?;
        self.memo.insert(index, top);
        Ok(())
    }

    fn recall(&mut self, index: u64) -> Outcome<()> {
        let id = *self
            .memo
            .get(&index)
            .ok_or_else(|| corrupt(format!("nothing was remembered as {index}")))?;
        self.push(id)
    }

    /// Accounts for `n` members copied from one container into another, or for an object as large as so many.
    pub(super) fn spend(&mut self, n: usize) -> Outcome<()> {
        self.work = self
            .work
            .checked_sub(n + 1)
            .ok_or_else(|| too_large("makes the same things over and over"))?;
        Ok(())
    }

    fn text(&mut self, n: u64) -> Outcome<Value> {
        let span = self.bytes.span(n)?;
        std::str::from_utf8(&self.bytes.all[span.clone()])
            .map_err(|_| corrupt("text that is not UTF-8"))?;
        Ok(Value::Text(span))
    }

    fn index_line(&mut self) -> Outcome<u64> {
        let line = self.bytes.ascii_line()?;
        line.parse().map_err(|_| corrupt("an index that is no number"))
    }

    fn int_line(&mut self) -> Outcome<Value> {
        Ok(match self.bytes.ascii_line()? {
            "00" => Value::Bool(false),
            "01" => Value::Bool(true),
            line => decimal(line)?,
        })
    }

    fn long_line(&mut self) -> Outcome<Value> {
        let line = self.bytes.ascii_line()?;
        decimal(line.strip_suffix('L').unwrap_or(line))
    }

    fn float_line(&mut self) -> Outcome<Value> {
        let line = self.bytes.ascii_line()?;
        line.parse().map(Value::Float).map_err(|_| corrupt("a float that is no number"))
    }

    /// A little-endian two's complement integer of `n` bytes.
    fn long(&mut self, n: u64) -> Outcome<Value> {
        let span = self.bytes.span(n)?;
        let bytes = &self.bytes.all[span];
        if bytes.len() > 8 {
            return Ok(Value::Shown(format!("an integer of {} bytes", bytes.len()).into()));
        }
        let sign = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut full = [sign; 8];
        full[..bytes.len()].copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(full)))
    }
}

/// A decimal integer; one beyond 64 bits is only shown.
fn decimal(line: &str) -> Outcome<Value> {
    let digits = line.strip_prefix(['-', '+']).unwrap_or(line);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(corrupt("an integer that is no number"));
    }
    Ok(line.parse().map_or_else(
        |_| Value::Shown(format!("an integer of {} digits", digits.len()).into()),
        Value::Int,
    ))
}

/// Alternating keys and values as pairs.
fn pairs(items: &[Id]) -> Outcome<Vec<(Id, Id)>> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(corrupt("a key without its value"));
    }
    Ok(pairs.iter().map(|&[k, v]| (k, v)).collect())
}
