#![doc = include_str!("../README.md")]

mod disk;
pub mod error;
pub mod field;
pub mod files;
pub mod flow;
pub mod grey;
pub mod images;
pub mod lrcn;
pub mod quantize;

pub use error::{Error, Result};
pub use field::Field;
pub use flow::{Estimator, Flow};
pub use grey::Grey;
pub use images::{FlowImages, write_flow_images};
pub use lrcn::{lrcn_field, lrcn_image};
pub use quantize::Quantization;
