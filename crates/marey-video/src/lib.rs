#![doc = include_str!("../README.md")]

mod container;
mod disk;
mod error;
mod ffmpeg;
mod gif;
mod images;
mod jpeg;
mod mjpeg;
mod open;
mod options;
mod sniff;
mod source;
mod y4m;
mod yuv;

pub use error::{Error, Result, Unit};
pub use open::{open, open_jpegs, open_known};
pub use options::Options;
pub use sniff::{Container, Kind, sniff};
pub use source::{Frame, FrameSource, Known};
