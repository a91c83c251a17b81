#![doc = include_str!("../README.md")]

pub mod cnn_m;
pub mod inception;
pub mod inflate;
pub mod inflated;
pub mod video_resnet;

pub use cnn_m::{CnnM, CnnMConfig};
pub use inception::{GateFn, Inception3d, InceptionConfig, PARTS, UnitFn, UnitSpec};
pub use inflate::inflate;
pub use video_resnet::{
    Block, ConvFn, ConvSpec, Depth, Stage, StemFn, StemSpec, VideoResNet, VideoResNetConfig,
    basic_stem,
};
