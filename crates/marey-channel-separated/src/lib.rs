#![doc = include_str!("../README.md")]

pub mod csn;

pub use csn::{ip_csn, ir_csn};
pub use marey_backbone::Depth;
