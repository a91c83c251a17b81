#![doc = include_str!("../README.md")]

pub mod augment;
pub mod clip;
pub mod colour;
pub mod crop;
pub mod crops;
pub mod flip;
pub mod multi_scale;
pub mod normalize;
pub mod recipe;
pub mod resize;
pub mod sampler;
pub mod view;

pub use augment::{Augment, Crop};
pub use clip::{Channels, Clip, stack};
pub use colour::{Colour, ColourJitter};
pub use crop::{
    center_crop, crop, five_crop, nine_crop, random_corner_crop, random_crop, ten_crop,
};
pub use crops::Crops;
pub use flip::{flip, reverse};
pub use multi_scale::{MultiScale, multi_scale_crop};
pub use normalize::{Normalize, normalize, scale_flow};
pub use recipe::{Recipe, Size};
pub use resize::{resize, resize_short_side};
pub use sampler::{ClipSampler, Short, Window};
pub use view::{Extent, Part, Place, View};
