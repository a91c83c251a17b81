#![doc = include_str!("../README.md")]

pub mod fused;
pub mod karpathy;
pub mod spatial;
pub mod temporal;
pub mod two_stream;

pub mod bn_inception;
pub mod down_sample;
pub mod flow_loss;
pub mod hidden;
pub mod motion_net;
pub mod tsn;

pub use bn_inception::{BnInception, BnInceptionConfig, Norms};
pub use fused::{Fused, FusedConfig, Times, fused, spatiotemporal};
pub use hidden::{
    HiddenTemporal, HiddenTemporalConfig, Training, hidden_temporal, hidden_two_stream,
};
pub use karpathy::{
    Karpathy, KarpathyConfig, Sees, early_fusion, late_fusion, multiresolution, single_frame,
    slow_fusion,
};
pub use motion_net::{MotionNet, MotionNetConfig, motion_net};
pub use spatial::{Spatial, spatial};
pub use temporal::{Temporal, TemporalConfig, multi_task, temporal};
pub use tsn::{Consensus, Snippet, Tsn, TsnConfig, tsn};
pub use two_stream::two_stream;
