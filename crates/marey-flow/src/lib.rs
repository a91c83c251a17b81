#![doc = include_str!("../README.md")]

mod disk;
pub mod error;
pub mod field;
pub mod files;
pub mod flow;
pub mod grey;
pub mod quantize;

pub use error::{Error, Result};
pub use field::Field;
pub use flow::{Estimator, Flow};
pub use grey::Grey;
pub use quantize::Quantization;
