#![doc = include_str!("../README.md")]

pub mod mc;
pub mod r2d;
pub mod r2plus1d;
pub mod s3d;

pub use mc::{Group, mc, mc3_18, rmc};
pub use r2d::{fr2d_18, r2d_18};
pub use r2plus1d::{r2plus1d, r2plus1d_18};
pub use s3d::s3d;
