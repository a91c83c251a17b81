//! Networks with a stream for frames and one for flow, and those of single frames before them.

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::{cnn_m, vgg_16};
use marey_clip::{Normalize, Recipe, Size, Window};
use marey_flow::Stacking;
use marey_fusion::Operator;
use marey_layers::Network;
use marey_two_stream::Sees::{Context, Fovea};
use marey_two_stream::{
    FusedConfig, Times, early_fusion, late_fusion, multi_task, multiresolution, single_frame,
    slow_fusion, spatiotemporal,
};

use super::build::{fused, karpathy, spatial, temporal, two_stream};
use super::{FlowRange, Modality, Model, Sizes, Views};

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
    Model { name: "fused-sum", build: |sizes, vb| at(5, Operator::Sum, sizes, vb), ..FUSED },
    Model { name: "fused-max", build: |sizes, vb| at(5, Operator::Max, sizes, vb), ..FUSED },
    Model { name: "fused-concat", build: |sizes, vb| at(5, Operator::Concat, sizes, vb), ..FUSED },
    Model {
        name: "fused-conv",
        build: |sizes, vb| at(5, Operator::Conv([1; 3]), sizes, vb),
        ..FUSED
    },
    Model {
        name: "fused-conv-of-sum",
        build: |sizes, vb| at(5, Operator::ConvOfSum, sizes, vb),
        ..FUSED
    },
    Model {
        name: "fused-bilinear",
        build: |sizes, vb| at(5, Operator::Bilinear, sizes, vb),
        ..FUSED
    },
    Model {
        name: "fused-conv-relu2",
        build: |sizes, vb| at(2, Operator::Conv([1; 3]), sizes, vb),
        ..FUSED
    },
    Model {
        name: "fused-conv-relu3",
        build: |sizes, vb| at(3, Operator::Conv([1; 3]), sizes, vb),
        ..FUSED
    },
    Model {
        name: "fused-conv-relu4",
        build: |sizes, vb| at(4, Operator::Conv([1; 3]), sizes, vb),
        ..FUSED
    },
    Model {
        name: "fused-conv-two-towers",
        build: |sizes, vb| {
            let paper = |length, c_in, classes| FusedConfig {
                two_towers: true,
                ..marey_two_stream::fused(cnn_m, 4, Operator::Conv([1; 3]), length, c_in, classes)
            };
            fused(paper, 1, sizes, vb)
        },
        ..FUSED
    },
    Model {
        name: "fused-conv-of-sum-two-towers",
        build: |sizes, vb| {
            let paper = |length, c_in, classes| FusedConfig {
                two_towers: true,
                ..marey_two_stream::fused(cnn_m, 4, Operator::ConvOfSum, length, c_in, classes)
            };
            fused(paper, 1, sizes, vb)
        },
        ..FUSED
    },
    Model {
        name: "fused-3d-vgg-m",
        build: |sizes, vb| fused(|l, c, k| spatiotemporal(cnn_m, l, c, k), 5, sizes, vb),
        ..SPATIOTEMPORAL
    },
    Model { name: "fused-3d-vgg-16", ..SPATIOTEMPORAL },
    Model {
        name: "fused-3d-vgg-16-single-tower",
        build: |sizes, vb| {
            let paper = |length, c_in, classes| FusedConfig {
                two_towers: false,
                ..spatiotemporal(vgg_16, length, c_in, classes)
            };
            fused(paper, 5, sizes, vb)
        },
        ..SPATIOTEMPORAL
    },
    Model {
        name: "fused-2d-conv-3d-pool-vgg-16",
        build: |sizes, vb| {
            let paper = |length, c_in, classes| FusedConfig {
                operator: Operator::Conv([1; 3]),
                ..spatiotemporal(vgg_16, length, c_in, classes)
            };
            fused(paper, 5, sizes, vb)
        },
        ..SPATIOTEMPORAL
    },
    Model {
        name: "fused-2d-conv-2d-pool-vgg-16",
        build: |sizes, vb| {
            let paper = |length, c_in, classes| FusedConfig {
                operator: Operator::Conv([1; 3]),
                times: Times::Apart,
                ..spatiotemporal(vgg_16, length, c_in, classes)
            };
            fused(paper, 5, sizes, vb)
        },
        ..SPATIOTEMPORAL
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
    images: &[],
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
    images: &[],
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

/// VGG-M towers that meet after their last convolution or before; the paper's table 1 and 2.
const FUSED: Model = Model {
    paper: "Feichtenhofer et al., CVPR 2016, section 3",
    year: 2016,
    modality: Modality::RgbFlow(FlowRange { bound: 20., top: 20. }),
    views: Views { clips: 20, window: Window { length: 10, stride: 1 } },
    ..TEMPORAL
};

/// Those that see five pieces of 10 frames; its section 4 and table 4.
const SPATIOTEMPORAL: Model = Model {
    recipe: Recipe { frames: 50, ..FUSED.recipe },
    views: Views { clips: 20, window: Window { length: 50, stride: 1 } },
    build: |sizes, vb| fused(|l, c, k| spatiotemporal(vgg_16, l, c, k), 5, sizes, vb),
    ..FUSED
};

/// VGG-M towers that meet after convolution `number`, counted from 1.
fn at(
    number: usize,
    operator: Operator,
    sizes: &Sizes,
    vb: VarBuilder,
) -> Result<Box<dyn Network>> {
    let paper = |length, c_in, classes| {
        marey_two_stream::fused(cnn_m, number - 1, operator, length, c_in, classes)
    };
    fused(paper, 1, sizes, vb)
}
