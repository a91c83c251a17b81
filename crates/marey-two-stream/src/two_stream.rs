//! The two-stream network: a spatial and a temporal stream whose scores are averaged.
//!
//! Reference: Simonyan and Zisserman, NIPS 2014, figure 1 and section 2, <https://arxiv.org/abs/1406.2199>.
//!
//! ```text
//!           ┌ frame ── spatial stream ── softmax ┐
//!   video ──┤                                    ├─ mean ── class
//!           └ flow ─── temporal stream ─ softmax ┘
//! ```

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::late::{Average, Late, Stream};
use marey_backbone::{PlainConfig, view};

use crate::spatial::Spatial;
use crate::temporal::{Temporal, TemporalConfig};

/// Both streams, for clips `[N, C + 2, L, H, W]`: the frames' channels, then x and y of their flow. Weights are named `spatial.conv1`
/// and `temporal.conv1` and so on. The streams are trained apart: the loss is the sum of theirs.
pub fn two_stream(
    spatial: &PlainConfig,
    temporal: &TemporalConfig,
    vb: VarBuilder,
) -> Result<Late> {
    let frames = spatial.c_in;
    let streams = vec![
        Stream {
            view: Box::new(move |xs| view::channels("two-stream", xs, 0, frames)),
            network: Box::new(Spatial::new(spatial, vb.pp("spatial"))?),
            weight: 1.,
        },
        Stream {
            view: Box::new(move |xs| view::channels("two-stream", xs, frames, 2)?.contiguous()),
            network: Box::new(Temporal::new(temporal, vb.pp("temporal"))?),
            weight: 1.,
        },
    ];
    Late::new(Average::Scores, streams)
}
