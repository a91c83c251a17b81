//! Networks whose kernels are taken apart into space and time.

use marey_backbone::Depth;
use marey_clip::{Normalize, Recipe, Size, Window};
use marey_factorized::heavy::LOWER;
use marey_factorized::{
    Group, Stem, bottom_heavy, fr2d_18, i2d, mc, r2d_18, r2plus1d, rmc, s3d, s3d_g, s3d_g_slim,
    s3d_slim, top_heavy,
};

use super::build::{inception, resnet};
use super::dialects::{CAFFE2, CAFFE2_IN_TORCHVISION, KYLEMIN};
use super::three_d::VIDEO_RESNET;
use super::{Modality, Model, Views};

/// Oldest first.
pub(super) const MODELS: &[Model] = &[
    Model {
        name: "r2d-18",
        build: |sizes, vb| resnet(r2d_18(sizes.input[0], sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "fr2d-18",
        build: |sizes, vb| resnet(fr2d_18(sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "mc2-18",
        build: |sizes, vb| resnet(mc(Group::Conv2, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "mc3-18",
        dialects: &[CAFFE2_IN_TORCHVISION],
        build: |sizes, vb| resnet(marey_factorized::mc3_18(sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "mc4-18",
        build: |sizes, vb| resnet(mc(Group::Conv4, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "mc5-18",
        build: |sizes, vb| resnet(mc(Group::Conv5, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "rmc2-18",
        build: |sizes, vb| resnet(rmc(Group::Conv2, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "rmc3-18",
        build: |sizes, vb| resnet(rmc(Group::Conv3, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "rmc4-18",
        build: |sizes, vb| resnet(rmc(Group::Conv4, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "rmc5-18",
        build: |sizes, vb| resnet(rmc(Group::Conv5, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "r2plus1d-18",
        dialects: &[],
        build: |sizes, vb| {
            resnet(marey_factorized::r2plus1d_18(sizes.c_in, sizes.classes), sizes, vb)
        },
        ..FACTORIZED
    },
    Model {
        name: "r2plus1d-18-vmz",
        build: |sizes, vb| resnet(r2plus1d(Depth::D18, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "r2plus1d-34",
        build: |sizes, vb| resnet(r2plus1d(Depth::D34, sizes.c_in, sizes.classes), sizes, vb),
        ..OF_32_FRAMES
    },
    Model {
        name: "r2plus1d-152",
        build: |sizes, vb| resnet(r2plus1d(Depth::D152, sizes.c_in, sizes.classes), sizes, vb),
        ..OF_32_FRAMES
    },
    Model {
        name: "i2d",
        build: |sizes, vb| inception(i2d(sizes.c_in, sizes.classes), sizes, vb),
        ..S3D_SLIM
    },
    Model {
        name: "i3d-bottom-heavy",
        build: |sizes, vb| inception(bottom_heavy(LOWER, sizes.c_in, sizes.classes), sizes, vb),
        ..S3D_SLIM
    },
    Model {
        name: "i3d-top-heavy",
        build: |sizes, vb| inception(top_heavy(LOWER, sizes.c_in, sizes.classes), sizes, vb),
        ..S3D_SLIM
    },
    Model {
        name: "s3d",
        dialects: &[KYLEMIN],
        build: |sizes, vb| inception(s3d(sizes.c_in, sizes.classes), sizes, vb),
        ..S3D
    },
    Model {
        name: "s3d-g",
        build: |sizes, vb| inception(s3d_g(sizes.c_in, sizes.classes), sizes, vb),
        ..S3D
    },
    Model {
        name: "s3d-slim",
        build: |sizes, vb| inception(s3d_slim(Stem::Seven, sizes.c_in, sizes.classes), sizes, vb),
        ..S3D_SLIM
    },
    Model {
        name: "s3d-g-slim",
        build: |sizes, vb| inception(s3d_g_slim(Stem::Seven, sizes.c_in, sizes.classes), sizes, vb),
        ..S3D_SLIM
    },
];

/// What the separated Inceptions share: clips as torchvision tests its weights, but for the length: the paper's 64 frames, not
/// 128.
const S3D: Model = Model {
    name: "",
    family: "marey-factorized",
    paper: "Xie et al., ECCV 2018, section 3",
    year: 2018,
    classes: 400,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 64,
        stride: 1,
        size: Size::Exactly(256, 256),
        crop: 224,
        normalize: Normalize::KINETICS,
    },
    views: Views { clips: 6, window: Window { length: 64, stride: 1 } },
    dialects: &[],
    build: |sizes, vb| inception(s3d(sizes.c_in, sizes.classes), sizes, vb),
};

/// As their authors have them: clips as of I3D.
const S3D_SLIM: Model = Model {
    recipe: Recipe { size: Size::ShortSide(256), normalize: Normalize::SIGNED, ..S3D.recipe },
    ..S3D
};

/// Those of them that are factorized.
const FACTORIZED: Model = Model { family: "marey-factorized", dialects: &[CAFFE2], ..VIDEO_RESNET };

/// Those whose released weights were trained on 32 frames.
const OF_32_FRAMES: Model = Model {
    recipe: Recipe { frames: 32, ..VIDEO_RESNET.recipe },
    views: Views { clips: 10, window: Window { length: 32, stride: 1 } },
    ..FACTORIZED
};
