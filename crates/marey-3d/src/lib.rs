#![doc = include_str!("../README.md")]

pub mod c3d;
pub mod exploratory;
pub mod i3d;
pub mod keys;
pub mod r3d;

pub use c3d::{c3d, c3d_bn, c3d_padded};
pub use exploratory::exploratory;
pub use i3d::i3d;
pub use r3d::{r3d_18, r3d_34, resnet3d};
