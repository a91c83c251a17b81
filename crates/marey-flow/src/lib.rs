#![doc = include_str!("../README.md")]

pub mod arrows;
pub mod colour;
mod disk;
pub mod error;
pub mod field;
pub mod files;
pub mod flow;
pub mod grey;
pub mod images;
pub mod lrcn;
pub mod picture;
pub mod quantize;
pub mod tvl1;

pub use arrows::Arrows;
pub use colour::{colour, wheel};
pub use error::{Error, Result};
pub use field::Field;
pub use flow::{Estimator, Flow};
pub use grey::Grey;
pub use images::{FlowImages, write_flow_images};
pub use lrcn::{lrcn_field, lrcn_image};
pub use picture::{picture, side_by_side, write_gif};
pub use quantize::Quantization;
