#![doc = include_str!("../README.md")]

pub mod formula;
pub mod golden;
pub mod parameters;
pub mod plot;
pub mod summary;

pub use golden::Golden;
pub use parameters::{Parameter, blank};
pub use summary::{Summary, summary};
