#![doc = include_str!("../README.md")]

pub mod mc3;
pub mod r2plus1d;

pub use mc3::mc3_18;
pub use r2plus1d::r2plus1d_18;
