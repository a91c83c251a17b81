//! From the sizes asked for to a network.

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::{
    Inception3d, InceptionConfig, Plain, PlainConfig, VideoResNet, VideoResNetConfig,
};
use marey_factorized::{P3d, P3dConfig};
use marey_layers::Network;
use marey_two_stream::Spatial;

use super::Sizes;

type Built = Result<Box<dyn Network>>;

pub(super) fn spatial(sizes: &Sizes, vb: VarBuilder) -> Built {
    let [_, h, w] = sizes.input;
    let paper = PlainConfig { c_in: sizes.c_in, ..marey_two_stream::spatial(sizes.classes) };
    Ok(Box::new(Spatial::new(&sized(paper, [1, h, w], sizes), vb)?))
}

pub(super) fn plain(paper: PlainConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    Ok(Box::new(Plain::new(&sized(paper, sizes.input, sizes), vb)?))
}

/// The paper's network at the sizes asked for, and for clips of this size.
fn sized(paper: PlainConfig, input: [usize; 3], sizes: &Sizes) -> PlainConfig {
    let config = PlainConfig { input, ..paper }.shrunk(sizes.shrink);
    match sizes.dropout {
        None => config,
        Some(chance) => config.dropout(chance),
    }
}

pub(super) fn inception(paper: InceptionConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    let dropout = sizes.dropout.unwrap_or(paper.dropout);
    let config = InceptionConfig { shrink: sizes.shrink, dropout, ..paper };
    Ok(Box::new(Inception3d::new(&config, vb)?))
}

pub(super) fn resnet(paper: VideoResNetConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    let width = paper.width.div_ceil(sizes.shrink);
    // As many groups as the thin network's channels divide into, fewer as these are, but two where the paper has some.
    let thin = |groups: usize| {
        let most = groups.div_ceil(sizes.shrink).max(groups.min(2));
        (1..=most).rev().find(|groups| width.is_multiple_of(*groups)).unwrap_or(1)
    };
    let config = VideoResNetConfig {
        frames: sizes.input[0],
        width,
        groups: thin(paper.groups),
        pointwise_groups: thin(paper.pointwise_groups),
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
