//! Networks that walk through the frames of a clip.

use candle::Result;
use candle_nn::VarBuilder;
use marey_clip::{Normalize, Recipe, Size, Window};
use marey_layers::Network;
use marey_recurrent::{
    BiConvLstm, BiConvLstmConfig, ConvLstmNet, ConvLstmNetConfig, ConvNetLstm, ConvNetLstmConfig,
    Lrcn, LrcnConfig, conv3d_biconvlstm, conv3d_biconvlstm_released, conv3d_convlstm, convnet_lstm,
    lrcn_fc6, lrcn_fc7, single_frame,
};

use super::build::plain;
use super::{FlowRange, Modality, Model, Sizes, Views};

/// Oldest first.
pub(super) const MODELS: &[Model] = &[
    Model {
        name: "lrcn-single-frame",
        recipe: Recipe {
            frames: 1,
            normalize: of_bytes([123.68, 116.779, 103.939]),
            ..LRCN.recipe
        },
        views: Views { clips: 25, window: Window { length: 1, stride: 1 } },
        build: |sizes, vb| plain(single_frame(sizes.c_in, sizes.classes), sizes, vb),
        ..LRCN
    },
    LRCN,
    Model {
        name: "lrcn-fc7",
        build: |sizes, vb| lrcn(lrcn_fc7(256, sizes.classes), sizes, vb),
        ..LRCN
    },
    Model {
        name: "lrcn-fc6-flow",
        build: |sizes, vb| lrcn(lrcn_fc6(1024, sizes.classes), sizes, vb),
        ..LRCN_FLOW
    },
    Model {
        name: "lrcn-fc7-flow",
        build: |sizes, vb| lrcn(lrcn_fc7(1024, sizes.classes), sizes, vb),
        ..LRCN_FLOW
    },
    Model {
        name: "conv3d-convlstm",
        paper: "Zhu et al., IEEE Access 2017",
        build: |sizes, vb| {
            let paper = conv3d_convlstm(sizes.c_in, sizes.classes);
            let config = ConvLstmNetConfig {
                input: sizes.input,
                dropout: sizes.dropout.unwrap_or(paper.dropout),
                ..paper
            };
            Ok(Box::new(ConvLstmNet::new(&config.shrunk(sizes.shrink), vb)?))
        },
        ..GESTURES
    },
    Model {
        name: "convnet-lstm",
        paper: "Carreira and Zisserman, CVPR 2017, figure 2 (a)",
        year: 2017,
        classes: 400,
        recipe: Recipe {
            frames: 25,
            stride: 5,
            size: Size::ShortSide(256),
            crop: 224,
            normalize: Normalize::SIGNED,
        },
        views: Views { clips: 1, window: Window { length: 50, stride: 5 } },
        build: |sizes, vb| {
            let ConvNetLstmConfig { mut convnet, units, dropout } =
                convnet_lstm(sizes.c_in, sizes.classes);
            convnet.shrink = sizes.shrink;
            let dropout = sizes.dropout.unwrap_or(dropout);
            let config =
                ConvNetLstmConfig { convnet, units: units.div_ceil(sizes.shrink), dropout };
            Ok(Box::new(ConvNetLstm::new(&config, vb)?))
        },
        ..LRCN
    },
    GESTURES,
    Model {
        name: "conv3d-biconvlstm-released",
        build: |sizes, vb| {
            gestures(conv3d_biconvlstm_released(sizes.c_in, sizes.classes), sizes, vb)
        },
        ..GESTURES
    },
];

/// Values of 0 to 255 around `mean`.
const fn of_bytes([r, g, b]: [f32; 3]) -> Normalize {
    Normalize { mean: [r / 255., g / 255., b / 255.], std: [1. / 255.; 3] }
}

/// The paper's network for RGB, on frames as its released code makes them.
const LRCN: Model = Model {
    name: "lrcn-fc6",
    family: "marey-recurrent",
    paper: "Donahue et al., CVPR 2015, section 4",
    year: 2015,
    classes: 101,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 16,
        stride: 1,
        size: Size::Exactly(240, 320),
        crop: 227,
        // The code's own, whose red is not that of its single-frame network.
        normalize: of_bytes([128.68, 116.779, 103.939]),
    },
    // The code has a clip begin at every eighth frame, as many as there are; these are those of a video of 168 frames.
    views: Views { clips: 20, window: Window { length: 16, stride: 1 } },
    dialects: &[],
    images: &[],
    build: |sizes, vb| lrcn(lrcn_fc6(256, sizes.classes), sizes, vb),
};

/// Those of images of flow: 16 times the pixels, around 128 and cut to bytes, less 128.
const LRCN_FLOW: Model =
    Model { modality: Modality::FlowImage(FlowRange { bound: 8., top: 128. }), ..LRCN };

/// Networks of gestures. Their code takes 32 frames spread over the video, whatever its length.
const GESTURES: Model = Model {
    name: "conv3d-biconvlstm",
    paper: "Zhang et al., ICCVW 2017",
    year: 2017,
    classes: 249,
    recipe: Recipe {
        frames: 32,
        stride: 1,
        size: Size::ShortSide(112),
        crop: 112,
        normalize: of_bytes([112.; 3]),
    },
    views: Views { clips: 1, window: Window { length: 32, stride: 1 } },
    build: |sizes, vb| gestures(conv3d_biconvlstm(sizes.c_in, sizes.classes), sizes, vb),
    ..LRCN
};

fn lrcn(paper: LrcnConfig, sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    let [_, h, w] = sizes.input;
    let mut config = paper.shrunk(sizes.shrink).frames_of([h, w]);
    config.convnet.c_in = sizes.c_in;
    if let Some(chance) = sizes.dropout {
        config = config.dropout(chance);
    }
    Ok(Box::new(Lrcn::new(&config, vb)?))
}

fn gestures(paper: BiConvLstmConfig, sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
    let dropout = sizes.dropout.unwrap_or(paper.dropout);
    let config = BiConvLstmConfig { input: sizes.input, dropout, ..paper };
    Ok(Box::new(BiConvLstm::new(&config.shrunk(sizes.shrink), vb)?))
}
