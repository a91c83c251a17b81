#![doc = include_str!("../README.md")]

pub mod csn;
pub mod keys;

pub use csn::{ip_csn, ir_csn};
pub use marey_backbone::Depth;
