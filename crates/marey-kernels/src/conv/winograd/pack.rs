//! Winograd's transform of weights.

use std::marker::PhantomData;
use std::ops::Range;

use crate::conv::ConvShape;
use crate::conv::Size;
use crate::conv::weights::{Panels, Weights, Writer};
use crate::conv::winograd::transform::{Four, Transform, Two};
use crate::simd::{Isa, Kernel, Vector};

/// Transforms and packs weights: for each point of a tile, depth `[tap of time, channel]`.
pub(in crate::conv) fn pack(isa: Isa, shape: &ConvShape, size: Size, weights: Weights) -> Panels {
    match size {
        Size::Two => pack_as::<4, 2, Two>(isa, shape, weights),
        Size::Four => pack_as::<6, 4, Four>(isa, shape, weights),
    }
}

fn pack_as<const A: usize, const M: usize, T: Transform<A, M>>(
    isa: Isa,
    shape: &ConvShape,
    weights: Weights,
) -> Panels {
    let (taps, c_in) = (shape.window.kernel[0], shape.c_in);
    Panels::new(isa, [A * A, c_in, shape.c_out], taps, |range, inners, writer| {
        isa.run(Pack::<A, M, T> { weights, taps, c_in, range, inners, writer, of: PhantomData });
    })
}

/// Weights of some channels out and in, transformed in 64 bits: what is rounded here is wrong for all tiles.
struct Pack<'a, const A: usize, const M: usize, T> {
    weights: Weights<'a>,
    taps: usize,
    c_in: usize,
    range: Range<usize>,
    inners: Range<usize>,
    writer: Writer<'a>,
    of: PhantomData<T>,
}

impl<const A: usize, const M: usize, T: Transform<A, M>> Kernel for Pack<'_, A, M, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        /// Channels out side by side.
        const WIDE: usize = 16;
        let Self { weights, taps, c_in, range, inners, mut writer, .. } = self;
        for (inner, t) in inners.flat_map(|inner| (0..taps).map(move |t| (inner, t))) {
            for first in range.clone().step_by(WIDE) {
                let count = WIDE.min(range.end - first);
                let mut kernel = [[0f64; WIDE]; 9];
                for i in 0..count {
                    for (tap, kernel) in kernel.iter_mut().enumerate() {
                        kernel[i] = weights.at(0, first + i, inner, t * 9 + tap).into();
                    }
                }
                for (i, row) in T::TAPS.iter().enumerate() {
                    let mut rows = [[0f64; WIDE]; 3];
                    for (column, cells) in rows.iter_mut().enumerate() {
                        let [a, b, c] = [0, 3, 6].map(|tap| &kernel[tap + column]);
                        for lane in 0..WIDE {
                            cells[lane] = row[0] * a[lane] + row[1] * b[lane] + row[2] * c[lane];
                        }
                    }
                    for (j, column) in T::TAPS.iter().enumerate() {
                        let [a, b, c] = &rows;
                        let mut cells = [0f32; WIDE];
                        for lane in 0..WIDE {
                            let sum =
                                column[0] * a[lane] + column[1] * b[lane] + column[2] * c[lane];
                            cells[lane] = sum as f32;
                        }
                        let to =
                            &mut writer.row(i * A + j, t * c_in + inner)[first - range.start..];
                        match to.first_chunk_mut::<WIDE>() {
                            Some(to) if count == WIDE => *to = cells,
                            _ => to[..count].copy_from_slice(&cells[..count]),
                        }
                    }
                }
            }
        }
    }
}
