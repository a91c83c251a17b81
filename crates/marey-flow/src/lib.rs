#![doc = include_str!("../README.md")]

mod bilinear;
pub mod camera;
pub mod consistency;
pub mod error;
pub mod field;
pub mod flow;
pub mod grey;
pub mod stacking;
pub mod warp;

pub use camera::{CameraMotion, Homography, WarpedFlow, camera_motion, compensate, warped_flow};
pub use consistency::Consistency;
pub use error::{Error, Result};
pub use field::Field;
pub use flow::{Estimator, Flow};
pub use grey::Grey;
pub use stacking::{Stacking, bidirectional, subtract_mean};
pub use warp::{warp, warp_grey, warp_rgb};
