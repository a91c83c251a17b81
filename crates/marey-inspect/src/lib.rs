#![doc = include_str!("../README.md")]

pub mod parameters;
pub mod summary;

pub use parameters::{Parameter, blank};
pub use summary::{Summary, summary};
