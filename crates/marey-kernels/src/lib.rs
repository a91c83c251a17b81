#![doc = include_str!("../README.md")]

pub mod conv;
pub mod elementwise;
pub mod lrn;
pub mod norm;
pub mod pool;
pub mod window;

mod matmul;
mod shared;

pub use conv::ConvShape;
pub use lrn::LrnShape;
pub use pool::PoolShape;
pub use window::Window;
