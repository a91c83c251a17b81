//! Networks with a stream for frames and one for flow, and those of single frames before them.

use marey_clip::{Normalize, Recipe, Size, Window};
use marey_two_stream::Sees::{Context, Fovea};
use marey_two_stream::{
    Stacking, early_fusion, late_fusion, multi_task, multiresolution, single_frame, slow_fusion,
};

use super::build::{karpathy, spatial, temporal, two_stream};
use super::{FlowRange, Modality, Model, Views};

/// Oldest first.
pub(super) const MODELS: &[Model] = &[
    Model { name: "karpathy-single-frame", ..KARPATHY },
    Model {
        name: "karpathy-early-fusion",
        recipe: Recipe { frames: 10, ..KARPATHY.recipe },
        views: Views { clips: 20, window: Window { length: 10, stride: 1 } },
        build: |sizes, vb| {
            karpathy(early_fusion(sizes.input[0], sizes.c_in, sizes.classes), sizes, vb)
        },
        ..KARPATHY
    },
    Model {
        name: "karpathy-late-fusion",
        recipe: Recipe { frames: 16, ..KARPATHY.recipe },
        views: Views { clips: 20, window: Window { length: 16, stride: 1 } },
        build: |sizes, vb| karpathy(late_fusion(sizes.c_in, sizes.classes), sizes, vb),
        ..KARPATHY
    },
    Model {
        name: "karpathy-slow-fusion",
        recipe: Recipe { frames: 10, ..KARPATHY.recipe },
        views: Views { clips: 20, window: Window { length: 10, stride: 1 } },
        build: |sizes, vb| karpathy(slow_fusion(sizes.c_in, sizes.classes), sizes, vb),
        ..KARPATHY
    },
    Model {
        name: "karpathy-fovea",
        build: |sizes, vb| {
            karpathy(multiresolution(&[Fovea], sizes.c_in, sizes.classes), sizes, vb)
        },
        ..MULTIRESOLUTION
    },
    Model {
        name: "karpathy-context",
        build: |sizes, vb| {
            karpathy(multiresolution(&[Context], sizes.c_in, sizes.classes), sizes, vb)
        },
        ..MULTIRESOLUTION
    },
    Model { name: "karpathy-multiresolution", ..MULTIRESOLUTION },
    Model { name: "spatial", ..SPATIAL },
    Model {
        name: "temporal",
        build: |sizes, vb| {
            let [length, _, _] = sizes.input;
            temporal(marey_two_stream::temporal(Stacking::Flow, length, sizes.classes), sizes, vb)
        },
        ..TEMPORAL
    },
    Model {
        name: "temporal-trajectory",
        build: |sizes, vb| {
            let [length, _, _] = sizes.input;
            let paper = marey_two_stream::temporal(Stacking::Trajectory, length, sizes.classes);
            temporal(paper, sizes, vb)
        },
        ..TEMPORAL
    },
    Model {
        name: "temporal-multi-task",
        // Of UCF101, then of HMDB51; of another number of classes, two in three are the first task's.
        classes: 101 + 51,
        build: |sizes, vb| {
            let first = if sizes.classes == 152 { 101 } else { (2 * sizes.classes).div_ceil(3) };
            let tasks = [first, sizes.classes - first];
            temporal(multi_task(sizes.input[0], &tasks), sizes, vb)
        },
        ..TEMPORAL
    },
    Model {
        name: "two-stream",
        modality: Modality::RgbFlow(FlowRange::PIXELS),
        build: two_stream,
        ..TEMPORAL
    },
];

/// What the networks of one paper share. Of the 20 clips its test takes, each passes four times, cropped and mirrored otherwise.
const KARPATHY: Model = Model {
    name: "",
    family: "marey-two-stream",
    paper: "Karpathy et al., CVPR 2014, section 3",
    year: 2014,
    classes: 487,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 1,
        stride: 1,
        size: Size::Exactly(200, 200),
        crop: 170,
        // The constant 117 is taken from values of 0 to 255.
        normalize: Normalize { mean: [117. / 255.; 3], std: [1. / 255.; 3] },
    },
    views: Views { clips: 20, window: Window { length: 1, stride: 1 } },
    dialects: &[],
    build: |sizes, vb| karpathy(single_frame(sizes.c_in, sizes.classes), sizes, vb),
};

/// Those of one or both resolutions.
const MULTIRESOLUTION: Model = Model {
    recipe: Recipe { crop: 178, ..KARPATHY.recipe },
    build: |sizes, vb| {
        karpathy(multiresolution(&[Fovea, Context], sizes.c_in, sizes.classes), sizes, vb)
    },
    ..KARPATHY
};

const SPATIAL: Model = Model {
    name: "",
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
};

/// Those that see 10 fields of flow.
const TEMPORAL: Model = Model {
    paper: "Simonyan and Zisserman, NIPS 2014, section 3",
    modality: Modality::Flow(FlowRange::PIXELS),
    recipe: Recipe { frames: 10, ..SPATIAL.recipe },
    views: Views { clips: 25, window: Window { length: 10, stride: 1 } },
    ..SPATIAL
};
