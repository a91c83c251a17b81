//! The gradients of poolings.

use std::ops::Range;

use rayon::prelude::*;

use crate::memory::Sum;
use crate::pool::PoolShape;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::trace;

/// Channels of a task, where tasks cannot be cut along time because windows share frames.
const CHANNELS: usize = 32;

/// The gradient of the input of [`max`](super::max), from its input, its output and the gradient `dys` of that. It goes
/// to the first of equal cells, as in PyTorch.
pub fn max_gradient(shape: &PoolShape, xs: &[f32], ys: &[f32], dys: &[f32], dxs: &mut Sum) {
    shape.check(xs.len());
    assert_eq!(ys.len(), dys.len(), "output of {shape:?}");
    parts(shape, Of::Max { xs, ys }, dys, dxs);
}

/// The gradient of the input of [`average`](super::average), from the gradient `dys` of its output.
pub fn average_gradient(shape: &PoolShape, count_padding: bool, dys: &[f32], dxs: &mut Sum) {
    parts(shape, Of::Average { count_padding }, dys, dxs);
}

#[derive(Clone, Copy)]
enum Of<'a> {
    Max { xs: &'a [f32], ys: &'a [f32] },
    Average { count_padding: bool },
}

/// Cuts the work into parts that share no cell of the input.
fn parts(shape: &PoolShape, of: Of, dys: &[f32], dxs: &mut Sum) {
    let len = shape.n * shape.channels * shape.cells();
    let output = shape.check(len);
    let places = output.iter().product::<usize>();
    assert_eq!(dys.len(), shape.n * shape.channels * places, "output of {shape:?}");
    let apart = shape.window.kernel[0] <= shape.window.stride[0];
    let (frames, blocks) =
        if apart { (output[0], 1) } else { (1, shape.channels.div_ceil(CHANNELS)) };
    let tasks = shape.n * frames * blocks;
    let fill = |dxs: Shared, add: bool| {
        (0..tasks).into_par_iter().with_max_len(tasks.div_ceil(64).max(1)).for_each(|task| {
            let (block, part) = (task % blocks, task / blocks);
            let (clip, frame) = (part / frames, part % frames);
            let frames = if apart { frame..frame + 1 } else { 0..output[0] };
            let channels = if apart {
                0..shape.channels
            } else {
                block * CHANNELS..shape.channels.min((block + 1) * CHANNELS)
            };
            Isa::best().run(Part { shape, output, of, dys, dxs, add, clip, frames, channels });
        });
    };
    // SAFETY: the parts together are all of the input, and each writes its own.
    trace::timed("pool", || format!("gradient of {shape:?}"), || unsafe { dxs.with(len, fill) });
}

/// Some frames of the output, some channels.
struct Part<'a> {
    shape: &'a PoolShape,
    output: [usize; 3],
    of: Of<'a>,
    dys: &'a [f32],
    dxs: Shared<'a>,
    /// Whether there is something to add to.
    add: bool,
    clip: usize,
    frames: Range<usize>,
    channels: Range<usize>,
}

impl Part<'_> {
    /// The frames of the input that are this part's: all from its first window to the next part's.
    fn own(&self) -> Range<usize> {
        let start = |frame: usize| {
            (frame * self.shape.window.stride[0]).saturating_sub(self.shape.window.before[0])
        };
        let all = self.shape.input[0];
        let first = if self.frames.start == 0 { 0 } else { start(self.frames.start) };
        let last = if self.frames.end == self.output[0] { all } else { start(self.frames.end) };
        first.min(all)..last.min(all)
    }
}

impl Kernel for Part<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { shape, output: [ot, oh, ow], of, dys, dxs, clip, .. } = self;
        let (frames, channels) = (&self.frames, &self.channels);
        let (c, [_, ih, iw]) = (shape.channels, shape.input);
        let clip_at = clip * shape.cells() * c;
        let own = self.own();
        if !self.add {
            for place in own.start * ih * iw..own.end * ih * iw {
                // SAFETY: each task has frames or channels of its own.
                unsafe { dxs.zero(clip_at + place * c + channels.start, channels.len()) };
            }
        }
        let mut cells = Vec::with_capacity(shape.window.taps());
        for (t, h, w) in
            frames.clone().flat_map(|t| (0..oh).flat_map(move |h| (0..ow).map(move |w| (t, h, w))))
        {
            cells.clear();
            cells.extend(shape.covered([t, h, w]).map(|cell| clip_at + cell * c));
            let place = (((clip * ot + t) * oh + h) * ow + w) * c;
            let mut channel = channels.start;
            while channel < channels.end {
                let len = channels.end - channel;
                // SAFETY: all cells are inside; each task has frames or channels of its own.
                unsafe {
                    let dy = V::load_upto(dys.as_ptr().add(place + channel), len);
                    match of {
                        Of::Max { xs, ys } => {
                            let y = V::load_upto(ys.as_ptr().add(place + channel), len);
                            let mut left = dy;
                            for cell in &cells {
                                let x = V::load_upto(xs.as_ptr().add(cell + channel), len);
                                let (won, rest) = left.where_same(x, y);
                                left = rest;
                                let to = dxs.cell(cell + channel);
                                V::load_upto(to, len).add(won).store_upto(to, len);
                            }
                        }
                        Of::Average { count_padding } => {
                            let divisor = shape.divisor([t, h, w], count_padding);
                            let share = dy.mul(V::splat(1. / divisor));
                            for cell in &cells {
                                let to = dxs.cell(cell + channel);
                                V::load_upto(to, len).add(share).store_upto(to, len);
                            }
                        }
                    }
                }
                channel += V::LANES;
            }
        }
    }
}
