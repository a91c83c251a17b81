//! Python's pickle format, protocols 0 to 5, read as data: nothing is imported and nothing is called.
//!
//! A pickle is a program for a small stack machine. Here its opcodes may build numbers, text, bytes and containers, and
//! may name the globals of one fixed list ([`globals`]), each of which stands for a way to lay out data
//! ([`construct`]). Any other global is refused by its name. All values live in one arena and refer to one another by
//! index, so a reference costs four bytes however large its target, and cycles leak nothing.

mod bytes;
mod construct;
mod globals;
mod machine;
mod text;
mod values;

pub(crate) use globals::Global;
pub(crate) use machine::{load, load_first};
pub(crate) use values::{Array, Id, Storage, Value, Values, View};
