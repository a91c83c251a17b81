#![doc = include_str!("../README.md")]

pub mod arrows;
mod bilinear;
pub mod camera;
pub mod colour;
pub mod consistency;
mod disk;
pub mod error;
pub mod field;
pub mod files;
pub mod flow;
pub mod grey;
pub mod images;
pub mod lrcn;
pub mod picture;
pub mod quantize;
pub mod stacking;
pub mod tvl1;
pub mod warp;

pub use arrows::Arrows;
pub use camera::{
    CameraMotion, Homography, WarpedFlow, camera_motion, compensate, warped_flow, warped_flows,
};
pub use colour::{colour, wheel};
pub use consistency::Consistency;
pub use error::{Error, Result};
pub use field::Field;
pub use flow::{Estimator, Flow};
pub use grey::Grey;
pub use images::{FlowImages, write_flow_images};
pub use lrcn::{lrcn_field, lrcn_image};
pub use picture::{picture, side_by_side, write_gif};
pub use quantize::Quantization;
pub use stacking::{Stacking, bidirectional, subtract_mean};
pub use tvl1::{Effort, Preset, Scheme, TvL1, TvL1Config};
pub use warp::{warp, warp_grey, warp_rgb};
