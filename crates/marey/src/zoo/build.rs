//! From the sizes asked for to a network.

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::{
    Inception3d, InceptionConfig, Plain, PlainConfig, VideoResNet, VideoResNetConfig, vgg_16,
};
use marey_factorized::{FstCn, FstCnConfig, Mrzzm, MrzzmConfig, P3d, P3dConfig};
use marey_flow::Stacking;
use marey_layers::Network;
use marey_two_stream::{
    Fused, FusedConfig, HiddenTemporal, HiddenTemporalConfig, Karpathy, KarpathyConfig,
    MotionNetConfig, Snippet, Spatial, Temporal, TemporalConfig, Training, Tsn, TsnConfig,
    hidden_temporal, hidden_two_stream,
};

use super::Sizes;

type Built = Result<Box<dyn Network>>;

pub(super) fn spatial(sizes: &Sizes, vb: VarBuilder) -> Built {
    let [_, h, w] = sizes.input;
    let paper = PlainConfig { c_in: sizes.c_in, ..marey_two_stream::spatial(sizes.classes) };
    Ok(Box::new(Spatial::new(&sized(paper, [1, h, w], sizes), vb)?))
}

pub(super) fn karpathy(paper: KarpathyConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    let seen = paper.towers.first().map_or(sizes.input, |sees| sees.size(sizes.input));
    let config = KarpathyConfig { layers: sized(paper.layers, seen, sizes), ..paper };
    Ok(Box::new(Karpathy::new(&config, vb)?))
}

pub(super) fn temporal(paper: TemporalConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    Ok(Box::new(Temporal::new(&sized_temporal(paper, sizes), vb)?))
}

fn sized_temporal(paper: TemporalConfig, sizes: &Sizes) -> TemporalConfig {
    let [_, h, w] = sizes.input;
    TemporalConfig { layers: sized(paper.layers, [1, h, w], sizes), ..paper }
}

pub(super) fn two_stream(sizes: &Sizes, vb: VarBuilder) -> Built {
    let [t, h, w] = sizes.input;
    // All but the two of flow are the frames'.
    let frames = PlainConfig {
        c_in: sizes.c_in.saturating_sub(2),
        ..marey_two_stream::spatial(sizes.classes)
    };
    let spatial = sized(frames, [1, h, w], sizes);
    let flow = marey_two_stream::temporal(Stacking::Flow, t, sizes.classes);
    Ok(Box::new(marey_two_stream::two_stream(&spatial, &sized_temporal(flow, sizes), vb)?))
}

/// `paper` of the frames of a piece, the channels of a frame and the classes; of clips of so many pieces.
pub(super) fn fused(
    paper: impl FnOnce(usize, usize, usize) -> FusedConfig,
    pieces: usize,
    sizes: &Sizes,
    vb: VarBuilder,
) -> Built {
    let [t, h, w] = sizes.input;
    // All but the two of flow are the frames'.
    let paper = paper(t / pieces, sizes.c_in.saturating_sub(2), sizes.classes);
    let config = FusedConfig {
        spatial: sized(paper.spatial, [1, h, w], sizes),
        temporal: sized(paper.temporal, [1, h, w], sizes),
        ..paper
    };
    Ok(Box::new(Fused::new(&config, vb)?))
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
    Ok(Box::new(Inception3d::new(&thin(paper, sizes), vb)?))
}

/// The paper's network at the sizes asked for.
pub(super) fn thin(paper: InceptionConfig, sizes: &Sizes) -> InceptionConfig {
    let dropout = sizes.dropout.unwrap_or(paper.dropout);
    InceptionConfig { shrink: sizes.shrink, dropout, ..paper }
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

pub(super) fn fstcn(paper: FstCnConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    Ok(Box::new(FstCn::new(&thin_fstcn(paper, sizes), vb)?))
}

pub(super) fn mrzzm(paper: MrzzmConfig, sizes: &Sizes, vb: VarBuilder) -> Built {
    let config = MrzzmConfig { sizes: thin_fstcn(paper.sizes, sizes) };
    Ok(Box::new(Mrzzm::new(&config, vb)?))
}

/// Half of the channels are of the clip, half of the difference.
fn thin_fstcn(paper: FstCnConfig, sizes: &Sizes) -> FstCnConfig {
    let thin = |width: usize| width.div_ceil(sizes.shrink);
    FstCnConfig {
        c_in: sizes.c_in / 2,
        lower: paper.lower.map(thin),
        upper: thin(paper.upper),
        filters: thin(paper.filters),
        units: paper.units.map(thin),
        input: sizes.input,
        dropout: sizes.dropout.unwrap_or(paper.dropout),
        ..paper
    }
}

pub(super) fn hidden(training: Training, sizes: &Sizes, vb: VarBuilder) -> Built {
    let config = stacked(hidden_temporal(training, sizes.classes), sizes);
    Ok(Box::new(HiddenTemporal::new(&config, vb)?))
}

pub(super) fn hidden_both(sizes: &Sizes, vb: VarBuilder) -> Built {
    let [_, h, w] = sizes.input;
    let spatial = sized(vgg_16(3, sizes.classes), [1, h, w], sizes);
    let temporal = stacked(hidden_temporal(Training::ActionsAndFlow, sizes.classes), sizes);
    Ok(Box::new(hidden_two_stream(&spatial, &temporal, vb)?))
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
