#![doc = include_str!("../README.md")]

pub mod csn;

pub use csn::{Depth, ip_csn, ir_csn};
