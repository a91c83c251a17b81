//! Networks with a stream for frames and one for flow.

use marey_clip::{Normalize, Recipe, Size, Window};

use super::build::spatial;
use super::{Modality, Model, Views};

/// Oldest first.
pub(super) const MODELS: &[Model] = &[Model {
    name: "spatial",
    family: "marey-two-stream",
    paper: "Simonyan and Zisserman, NIPS 2014, section 2",
    year: 2014,
    classes: 101,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 1,
        stride: 1,
        size: Size::ShortSide(256),
        crop: 224,
        normalize: Normalize::SIGNED,
    },
    views: Views { clips: 25, window: Window { length: 1, stride: 1 } },
    dialects: &[],
    build: spatial,
}];
