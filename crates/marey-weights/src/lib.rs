#![doc = include_str!("../README.md")]

pub mod account;
pub mod atomic;
pub mod error;
pub mod read;
pub mod tensor;
pub mod write;

mod archive;
mod dtype;
mod flatten;
mod npy;
mod npz;
mod pickle;
mod safe;
mod strided;
mod torch;
mod zipped;

pub use account::{Account, Dialect, Mismatch, Subtract, Wanted, each, fit, fit_some, found};
pub use atomic::write_atomically;
pub use error::Error;
pub use read::{Checkpoint, Format, parse, read};
pub use safetensors::Dtype;
pub use tensor::Tensor;
pub use write::write;
