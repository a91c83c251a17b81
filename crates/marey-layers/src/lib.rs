#![doc = include_str!("../README.md")]

pub mod batch_norm;
pub mod conv3d;
pub mod conv_transpose3d;
pub mod dropout;
pub mod init;
pub mod join;
pub mod linear;
pub mod lrn;
pub mod network;
pub mod pad;
pub mod pool;
pub mod precision;
pub mod relu;
pub mod rng;
pub mod scale;
pub mod threads;
pub mod trace;
pub mod unit;

mod filters;
mod ops;
mod order;
mod tape;

pub use batch_norm::{BatchNorm, BatchNormConfig, batch_norm};
pub use conv_transpose3d::{ConvTranspose3d, ConvTranspose3dConfig, conv_transpose3d};
pub use conv3d::{Conv3d, Conv3dConfig, conv3d, conv3d_no_bias};
pub use dropout::{Dropout, dropout};
pub use init::{drawn, seeded};
pub use join::{add, concat};
pub use linear::{Linear, classifier, classifier_conv, linear};
pub use lrn::LocalResponseNorm;
pub use network::Network;
pub use pad::Padding;
pub use pool::{AvgPool3d, MaxPool3d, Pool3dConfig, global_avg_pool, global_max_pool, max_pool2d};
pub use precision::{Precision, with_precision};
pub use relu::{leaky_relu, relu};
pub use scale::scale_channels;
pub use tape::backward;
pub use threads::in_pool;
pub use unit::{Unit, Units, forward_concat_t};
