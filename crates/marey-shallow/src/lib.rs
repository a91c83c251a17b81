#![doc = include_str!("../README.md")]

pub mod error;
pub mod norms;
pub mod svm;

pub use error::{Error, Result};
pub use norms::{Standard, l2, power};
pub use svm::{Hinge, LinearSvm, SvmConfig};
