#![doc = include_str!("../README.md")]

pub mod spatial;

pub mod bn_inception;
pub mod flow_loss;
pub mod hidden;
pub mod motion_net;
pub mod tsn;
pub mod warp;

pub use spatial::{Spatial, spatial};

pub use bn_inception::{BnInception, BnInceptionConfig, Norms};
pub use hidden::{
    HiddenTemporal, HiddenTemporalConfig, HiddenTwoStream, HiddenTwoStreamConfig, Training,
    hidden_temporal, hidden_two_stream,
};
pub use motion_net::{MotionNet, MotionNetConfig, motion_net};
pub use tsn::{Consensus, Snippet, Tsn, TsnConfig, tsn};
