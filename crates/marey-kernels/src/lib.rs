#![doc = include_str!("../README.md")]

pub mod channels;
pub mod conv;
pub mod elementwise;
pub mod gates;
pub mod lrn;
pub mod machine;
pub mod norm;
pub mod pool;
pub mod window;

mod memory;
mod scratch;
mod shared;
mod simd;
mod tile;
mod trace;

pub use conv::{Algorithm, Concat, ConvShape, Epilogue, Filter, Precision};
pub use gates::Gates;
pub use lrn::LrnShape;
pub use memory::Sum;
pub use pool::PoolShape;
pub use simd::Isa;
pub use window::Window;
