//! Two-stream networks that are not of two streams side by side: temporal segments, and flow that is learnt.

use marey_clip::{Normalize, Recipe, Size, Window};
use marey_two_stream::motion_net::MEAN;
use marey_two_stream::{Snippet, Training};

use super::build::{hidden, hidden_both, tsn};
use super::{FlowRange, Modality, Model, Views};

/// Oldest first.
pub(super) const MODELS: &[Model] = &[
    Model { name: "tsn-rgb", build: |sizes, vb| tsn(Snippet::Rgb, sizes, vb), ..TSN },
    Model {
        name: "tsn-flow",
        modality: Modality::Flow(FlowRange::BYTES),
        recipe: Recipe { frames: 3 * 5, ..TSN.recipe },
        views: Views { clips: 25, window: Window { length: 5, stride: 1 } },
        build: |sizes, vb| tsn(Snippet::Flow, sizes, vb),
        ..TSN
    },
    Model {
        name: "tsn-rgb-diff",
        recipe: Recipe { frames: 3 * 6, ..TSN.recipe },
        views: Views { clips: 25, window: Window { length: 6, stride: 1 } },
        build: |sizes, vb| tsn(Snippet::RgbDifference, sizes, vb),
        ..TSN
    },
    Model {
        name: "hidden-temporal-a",
        build: |sizes, vb| hidden(Training::Recogniser, sizes, vb),
        ..HIDDEN
    },
    Model {
        name: "hidden-temporal-b",
        build: |sizes, vb| hidden(Training::Actions, sizes, vb),
        ..HIDDEN
    },
    Model { name: "hidden-temporal", ..HIDDEN },
    Model {
        name: "hidden-two-stream",
        paper: "Zhu et al., ACCV 2018, section 3.3",
        build: hidden_both,
        ..HIDDEN
    },
];

/// What temporal segment networks share: clips of three snippets, in the range of bytes around the mean of ImageNet. Their test
/// takes 25 snippets of a video, here as clips of one snippet each: scores are averaged after the softmax, where the paper
/// averages them before.
const TSN: Model = Model {
    name: "",
    family: "marey-two-stream",
    paper: "Wang et al., ECCV 2016, section 3",
    year: 2016,
    classes: 101,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 3,
        stride: 1,
        size: Size::Exactly(256, 340),
        crop: 224,
        normalize: Normalize { mean: MEAN, std: [1. / 255.; 3] },
    },
    views: Views { clips: 25, window: Window { length: 1, stride: 1 } },
    dialects: &[],
    images: &[],
    build: |sizes, vb| tsn(Snippet::Rgb, sizes, vb),
};

/// What hidden two-stream networks share: the mean of ImageNet is subtracted, and the range stays that of `[0, 1]`.
const HIDDEN: Model = Model {
    name: "",
    family: "marey-two-stream",
    paper: "Zhu et al., ACCV 2018, section 3.2",
    year: 2018,
    classes: 101,
    modality: Modality::Rgb,
    recipe: Recipe { frames: 11, normalize: Normalize { mean: MEAN, std: [1.; 3] }, ..TSN.recipe },
    views: Views { clips: 25, window: Window { length: 11, stride: 1 } },
    dialects: &[],
    images: &[],
    build: |sizes, vb| hidden(Training::ActionsAndFlow, sizes, vb),
};
