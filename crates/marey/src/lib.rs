#![doc = include_str!("../README.md")]

pub mod zoo;

pub use marey_3d as three_d;
pub use marey_backbone as backbone;
pub use marey_channel_separated as channel_separated;
pub use marey_clip as clip;
pub use marey_data as data;
pub use marey_factorized as factorized;
pub use marey_flow as flow;
pub use marey_fusion as fusion;
pub use marey_inspect as inspect;
pub use marey_kernels as kernels;
pub use marey_layers as layers;
pub use marey_recurrent as recurrent;
pub use marey_shallow as shallow;
pub use marey_train as train;
pub use marey_two_stream as two_stream;
pub use marey_video as video;
pub use marey_weights as weights;
