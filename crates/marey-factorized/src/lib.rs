#![doc = include_str!("../README.md")]

pub mod mc3;
pub mod r2plus1d;
pub mod s3d;

pub use mc3::mc3_18;
pub use r2plus1d::r2plus1d_18;
pub use s3d::s3d;
