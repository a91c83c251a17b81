#![doc = include_str!("../README.md")]

pub mod caffe2;
pub mod cnn_m;
pub mod images;
pub mod inception;
pub mod inflate;
pub mod inflated;
pub mod late;
pub mod plain;
pub mod vgg;
pub mod video_resnet;
pub mod view;

pub use caffe2::Caffe2;
pub use cnn_m::cnn_m;
pub use inception::{
    GateFn, Inception3d, InceptionConfig, InceptionTrunk, PARTS, UnitFn, UnitSpec,
};
pub use inflate::{cross_modality, inflate};
pub use plain::{Plain, PlainConfig};
pub use vgg::vgg_16;
pub use video_resnet::{
    Block, ConvFn, ConvSpec, Depth, Stage, StemFn, StemSpec, VideoResNet, VideoResNetConfig,
    basic_stem,
};
