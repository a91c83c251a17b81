//! From the sizes asked for to a network.

use candle::Result;
use candle_nn::VarBuilder;
use marey_3d::{C3d, C3dConfig};
use marey_backbone::{CnnMConfig, Inception3d, InceptionConfig, VideoResNet, VideoResNetConfig};
use marey_factorized::{P3d, P3dConfig};
use marey_layers::Network;
use marey_two_stream::Spatial;

use super::Sizes;

type Built = Result<Box<dyn Network>>;

pub(super) fn spatial(sizes: &Sizes, vb: VarBuilder) -> Built {
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

pub(super) fn c3d(sizes: &Sizes, vb: VarBuilder) -> Built {
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

pub(super) fn inception(paper: InceptionConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    let dropout = sizes.dropout.unwrap_or(paper.dropout);
    let config = InceptionConfig { shrink: sizes.shrink, dropout, ..paper };
    Ok(Box::new(Inception3d::new(&config, vb)?))
}

pub(super) fn resnet(paper: VideoResNetConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    let config = VideoResNetConfig {
        frames: sizes.input[0],
        width: paper.width.div_ceil(sizes.shrink),
        ..paper
    };
    Ok(Box::new(VideoResNet::new(&config, vb)?))
}

pub(super) fn p3d(paper: P3dConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    let config = P3dConfig {
        width: paper.width.div_ceil(sizes.shrink),
        dropout: sizes.dropout.unwrap_or(paper.dropout),
        ..paper
    };
    Ok(Box::new(P3d::new(&config, vb)?))
}
