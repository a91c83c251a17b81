#![doc = include_str!("../README.md")]

pub mod heavy;
pub mod keys;
pub mod mc;
pub mod r2d;
pub mod r2plus1d;
pub mod s3d;
pub mod s3d_slim;

pub use heavy::{bottom_heavy, i2d, top_heavy};
pub use mc::{Group, mc, mc3_18, rmc};
pub use r2d::{fr2d_18, r2d_18};
pub use r2plus1d::{r2plus1d, r2plus1d_18};
pub use s3d::{s3d, s3d_g};
pub use s3d_slim::{Stem, s3d_g_slim, s3d_slim};
