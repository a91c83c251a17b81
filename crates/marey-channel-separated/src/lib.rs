#![doc = include_str!("../README.md")]

pub mod csn;
pub mod keys;

pub use csn::{bottleneck_dg, grouped, ip_csn, ir_csn};
pub use marey_backbone::Depth;
