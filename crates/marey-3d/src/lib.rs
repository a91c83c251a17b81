#![doc = include_str!("../README.md")]

pub mod c3d;
pub mod exploratory;
pub mod i3d;
pub mod keys;
pub mod r3d;
pub mod res3d;
pub mod two_stream;

pub use c3d::{c3d, c3d_bn, c3d_floor, c3d_padded};
pub use exploratory::exploratory;
pub use i3d::i3d;
pub use r3d::{r3d_18, r3d_34, resnet3d};
pub use res3d::res3d_18;
pub use two_stream::{
    FusedInception, FusedInceptionConfig, fused_inception, inception_v1, two_stream_i3d,
    two_stream_inception,
};
