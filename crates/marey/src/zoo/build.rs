//! From the sizes asked for to a network.

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::{
    Inception3d, InceptionConfig, Plain, PlainConfig, VideoResNet, VideoResNetConfig,
};
use marey_layers::Network;
use marey_two_stream::{
    HiddenTemporal, HiddenTemporalConfig, HiddenTwoStream, MotionNetConfig, Snippet, Spatial,
    Training, Tsn, TsnConfig, hidden_temporal, hidden_two_stream,
};

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
    let config = VideoResNetConfig {
        frames: sizes.input[0],
        width: paper.width.div_ceil(sizes.shrink),
        ..paper
    };
    Ok(Box::new(VideoResNet::new(&config, vb)?))
}

pub(super) fn hidden(training: Training, sizes: &Sizes, vb: VarBuilder) -> Built {
    let config = stacked(hidden_temporal(training, sizes.classes), sizes);
    Ok(Box::new(HiddenTemporal::new(&config, vb)?))
}

pub(super) fn hidden_both(sizes: &Sizes, vb: VarBuilder) -> Built {
    let [_, h, w] = sizes.input;
    let mut config = hidden_two_stream(sizes.classes);
    config.spatial = sized(config.spatial, [1, h, w], sizes);
    config.temporal = stacked(config.temporal, sizes);
    Ok(Box::new(HiddenTwoStream::new(&config, vb)?))
}

/// A stacked temporal stream at the sizes asked for.
fn stacked(paper: HiddenTemporalConfig, sizes: &Sizes) -> HiddenTemporalConfig {
    let [frames, h, w] = sizes.input;
    let motion = MotionNetConfig { frames, shrink: sizes.shrink };
    let recogniser = PlainConfig { c_in: motion.channels(), ..paper.recogniser };
    HiddenTemporalConfig { motion, recogniser: sized(recogniser, [1, h, w], sizes), ..paper }
}

pub(super) fn tsn(snippet: Snippet, sizes: &Sizes, vb: VarBuilder) -> Built {
    let paper = marey_two_stream::tsn(snippet, sizes.classes);
    let dropout = sizes.dropout.unwrap_or(paper.dropout);
    Ok(Box::new(Tsn::new(&TsnConfig { dropout, shrink: sizes.shrink, ..paper }, vb)?))
}
