//! Networks whose kernels are taken apart into space and time.

use marey_backbone::Depth;
use marey_clip::{Normalize, Recipe, Size, Window};
use marey_factorized::heavy::LOWER;
use marey_factorized::{
    FstCnConfig, Group, Stem, bottom_heavy, fr2d_18, fstcn_mrzzm, i2d, mc, p3d_199, p3d_a, p3d_b,
    p3d_c, r2d_18, r2plus1d, rmc, s3d, s3d_g, s3d_g_slim, s3d_slim, top_heavy,
};

use super::build::{fstcn, inception, mrzzm, p3d, plain, resnet};
use super::dialects::{
    CAFFE2, CAFFE2_IN_TORCHVISION, GOOGLENET, KYLEMIN, RESNET, RESNET_IN_CAFFE2, RESNET_IN_P3D,
};
use super::three_d::VIDEO_RESNET;
use super::{Modality, Model, Sizes, Views};

/// Oldest first.
pub(super) const MODELS: &[Model] = &[
    Model { name: "fstcn", ..FST_CN },
    Model {
        name: "fstcn-spatial",
        build: |sizes, vb| fstcn(paper(sizes).spatial_only(), sizes, vb),
        ..FST_CN
    },
    Model {
        name: "fstcn-temporal",
        build: |sizes, vb| fstcn(paper(sizes).temporal_only(), sizes, vb),
        ..FST_CN
    },
    Model {
        name: "fstcn-3x3",
        build: |sizes, vb| fstcn(FstCnConfig { kernels: &[3], ..paper(sizes) }, sizes, vb),
        ..FST_CN
    },
    Model {
        name: "fstcn-5x5",
        build: |sizes, vb| fstcn(FstCnConfig { kernels: &[5], ..paper(sizes) }, sizes, vb),
        ..FST_CN
    },
    Model {
        name: "fstcn-auxiliary",
        modality: Modality::Rgb,
        recipe: Recipe { frames: 1, ..FST_CN.recipe },
        views: Views { clips: 5, window: Window { length: 1, stride: 1 } },
        build: |sizes, vb| {
            plain(marey_factorized::fstcn::auxiliary(sizes.c_in, sizes.classes), sizes, vb)
        },
        ..FST_CN
    },
    Model {
        name: "fstcn-mrzzm",
        recipe: Recipe { frames: 16, ..FST_CN.recipe },
        views: Views { clips: 5, window: Window { length: 16, stride: 5 } },
        build: |sizes, vb| mrzzm(fstcn_mrzzm(sizes.input[0], sizes.classes), sizes, vb),
        ..FST_CN
    },
    Model {
        name: "p3d-a-50",
        build: |sizes, vb| p3d(p3d_a(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
        ..P3D
    },
    Model {
        name: "p3d-b-50",
        build: |sizes, vb| p3d(p3d_b(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
        ..P3D
    },
    Model {
        name: "p3d-c-50",
        build: |sizes, vb| p3d(p3d_c(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
        ..P3D
    },
    Model { name: "p3d-63", ..P3D },
    Model {
        name: "p3d-199",
        classes: 487,
        build: |sizes, vb| p3d(p3d_199(sizes.c_in, sizes.classes), sizes, vb),
        ..P3D
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
        name: "mc2-18",
        build: |sizes, vb| resnet(mc(Group::Conv2, sizes.c_in, sizes.classes), sizes, vb),
        ..FACTORIZED
    },
    Model {
        name: "mc3-18",
        dialects: &[CAFFE2_IN_TORCHVISION],
        images: &[RESNET],
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
        images: &[],
        build: |sizes, vb| {
            resnet(marey_factorized::r2plus1d_18(sizes.c_in, sizes.classes), sizes, vb)
        },
        ..FACTORIZED
    },
    Model {
        name: "r2plus1d-18-vmz",
        images: &[],
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
        images: &[GOOGLENET],
        build: |sizes, vb| inception(i2d(sizes.c_in, sizes.classes), sizes, vb),
        ..S3D_SLIM
    },
    Model {
        name: "i3d-bottom-heavy",
        images: &[GOOGLENET],
        build: |sizes, vb| inception(bottom_heavy(LOWER, sizes.c_in, sizes.classes), sizes, vb),
        ..S3D_SLIM
    },
    Model {
        name: "i3d-top-heavy",
        images: &[GOOGLENET],
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
    Model {
        name: "s3d-slim-3",
        build: |sizes, vb| inception(s3d_slim(Stem::Three, sizes.c_in, sizes.classes), sizes, vb),
        ..S3D_SLIM
    },
    Model {
        name: "s3d-g-slim-3",
        build: |sizes, vb| inception(s3d_g_slim(Stem::Three, sizes.c_in, sizes.classes), sizes, vb),
        ..S3D_SLIM
    },
];

/// What the factorized spatio-temporal networks share: five clips of frames five apart, and differences of nine. How many frames a
/// clip has is not clear from what was seen of the paper; five is one reading of it.
const FST_CN: Model = Model {
    name: "",
    family: "marey-factorized",
    paper: "Sun et al., ICCV 2015, section 3",
    year: 2015,
    classes: 101,
    modality: Modality::RgbDifference(9),
    recipe: Recipe {
        frames: 5,
        stride: 5,
        size: Size::ShortSide(256),
        crop: 204,
        normalize: Normalize::SIGNED,
    },
    views: Views { clips: 5, window: Window { length: 5, stride: 5 } },
    dialects: &[],
    images: &[],
    build: |sizes, vb| fstcn(paper(sizes), sizes, vb),
};

fn paper(sizes: &Sizes) -> FstCnConfig {
    marey_factorized::fstcn(sizes.input[0], sizes.classes)
}

/// What the pseudo-3D networks share: clips of the paper's training on UCF101, and its test of 20 clips. Bytes minus the mean,
/// of red first; the frames of a clip are taken to be neighbours, which the paper does not say.
const P3D: Model = Model {
    name: "",
    family: "marey-factorized",
    paper: "Qiu et al., ICCV 2017, section 3",
    year: 2017,
    classes: 101,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 16,
        stride: 1,
        size: Size::Exactly(182, 242),
        crop: 160,
        normalize: Normalize { mean: [123. / 255., 117. / 255., 104. / 255.], std: [1. / 255.; 3] },
    },
    views: Views { clips: 20, window: Window { length: 16, stride: 1 } },
    dialects: &[],
    images: &[RESNET_IN_P3D],
    build: |sizes, vb| p3d(marey_factorized::p3d(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
};

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
    images: &[],
    build: |sizes, vb| inception(s3d(sizes.c_in, sizes.classes), sizes, vb),
};

/// As their authors have them: clips as of I3D.
const S3D_SLIM: Model = Model {
    recipe: Recipe { size: Size::ShortSide(256), normalize: Normalize::SIGNED, ..S3D.recipe },
    ..S3D
};

/// Those of them that are factorized.
const FACTORIZED: Model = Model {
    family: "marey-factorized",
    dialects: &[CAFFE2],
    images: &[RESNET_IN_CAFFE2],
    ..VIDEO_RESNET
};

/// Those whose released weights were trained on 32 frames.
const OF_32_FRAMES: Model = Model {
    recipe: Recipe { frames: 32, ..VIDEO_RESNET.recipe },
    views: Views { clips: 10, window: Window { length: 32, stride: 1 } },
    images: &[],
    ..FACTORIZED
};
