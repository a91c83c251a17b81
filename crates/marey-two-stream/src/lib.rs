#![doc = include_str!("../README.md")]

pub mod spatial;

pub use spatial::{Spatial, spatial};
