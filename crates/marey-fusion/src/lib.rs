#![doc = include_str!("../README.md")]

pub mod maps;
pub mod pairs;
pub mod rule;
pub mod sci;
pub mod values;

pub use maps::{Fusion, Operator, fusion};
pub use pairs::fuse_pairs;
pub use rule::{Rule, fuse};
pub use sci::concentration;
pub use values::Values;
