#![doc = include_str!("../README.md")]

pub mod fused;
pub mod karpathy;
pub mod spatial;
pub mod stacking;
pub mod temporal;
pub mod two_stream;

pub use fused::{Fused, FusedConfig, Times, fused, spatiotemporal};
pub use karpathy::{
    Karpathy, KarpathyConfig, Sees, early_fusion, late_fusion, multiresolution, single_frame,
    slow_fusion,
};
pub use spatial::{Spatial, spatial};
pub use stacking::{Stacking, bidirectional, subtract_mean};
pub use temporal::{Temporal, TemporalConfig, multi_task, temporal};
pub use two_stream::two_stream;
