//! The product that all dense convolutions come down to: a block of rows times a panel of packed weights.
//!
//! A panel is two vectors wide. The sums of a tile of some rows stay in registers while the depth goes by; the panel
//! stays in the first cache while the tiles of a block go by.

mod ahead;
mod cells;
mod tiles;

pub(crate) use ahead::{Ahead, Spread};
pub(crate) use cells::{BrainFloats, Cells, Floats, WidenedFloats};
pub(crate) use tiles::{Tiles, block_of_tiles};

use crate::simd::{Vector, prefetch, prefetch_write};

/// The most rows of a tile, of any instruction set.
const MOST: usize = 12;

/// Cells of a cache line.
const LINE: usize = 16;

/// Rows of a block: eight tiles of the largest kind.
pub(crate) const BLOCK: usize = 8 * MOST;

/// Depth of a block: two vectors of sixteen times this fill two thirds of a first cache of 48 KiB.
pub(crate) const DEPTH: usize = 256;

/// Consecutive cells of each row that are multiplied: `len` of them, `from` the row's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Run {
    pub(crate) from: usize,
    pub(crate) len: usize,
}

/// Depths multiplied at a time.
pub(crate) struct Chunk {
    /// The first of them.
    pub(crate) first: usize,
    pub(crate) runs: Vec<Run>,
}

/// `lines` runs of `len` numbers each, run `i` from `from(i)` on, cut into chunks of at most [`DEPTH`], as even as can be.
pub(crate) fn chunks(lines: usize, len: usize, from: impl Fn(usize) -> usize) -> Vec<Chunk> {
    let depth = lines * len;
    let count = depth.div_ceil(DEPTH);
    let chunk = |i: usize| {
        let (first, end) = (depth * i / count, depth * (i + 1) / count);
        let (mut at, mut runs) = (first, Vec::new());
        while at < end {
            let next = end.min((at / len + 1) * len);
            runs.push(Run { from: from(at / len) + at % len, len: next - at });
            at = next;
        }
        Chunk { first, runs }
    };
    (0..count).map(chunk).collect()
}

/// What is made of a finished sum: `max(sum * scale + shift + residual, 0)`, each part only where it is there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// One factor a channel.
    pub scale: Option<&'a [f32]>,
    /// One term a channel: a bias, or what a batch norm adds.
    pub shift: Option<&'a [f32]>,
    /// Of the output's shape.
    pub residual: Option<&'a [f32]>,
    /// Whether what is negative becomes 0.
    pub relu: bool,
}

/// An [`Epilogue`] from one channel on, as pointers; null where a part is not there.
#[derive(Clone, Copy)]
pub(crate) struct Finish {
    pub(crate) scale: *const f32,
    pub(crate) shift: *const f32,
    pub(crate) residual: *const f32,
    /// Cells from one place of the residual to the next.
    pub(crate) residual_row: usize,
    pub(crate) relu: bool,
}

impl Epilogue<'_> {
    /// From channel `first` of `channels` on.
    pub(crate) fn from(&self, first: usize, channels: usize) -> Finish {
        let at =
            |part: Option<&[f32]>| part.map_or(std::ptr::null(), |part| part[first..].as_ptr());
        Finish {
            scale: at(self.scale),
            shift: at(self.shift),
            residual: at(self.residual),
            residual_row: channels,
            relu: self.relu,
        }
    }

    pub(crate) fn check(&self, channels: usize, cells: usize) {
        for part in [self.scale, self.shift].into_iter().flatten() {
            assert_eq!(part.len(), channels, "scale or shift of {channels} channels");
        }
        assert!(
            self.residual.is_none_or(|residual| residual.len() == cells),
            "residual of {cells}"
        );
    }
}

impl Finish {
    /// The finished form of a vector of sums at channel `channel` (from the first), place `place`; `len` numbers count.
    #[inline(always)]
    pub(crate) unsafe fn apply<V: Vector>(
        &self,
        sums: V,
        channel: usize,
        place: usize,
        len: usize,
    ) -> V {
        // SAFETY: the parts reach over all channels and places, by `Epilogue::check`.
        unsafe {
            let mut ys = sums;
            if !self.scale.is_null() {
                ys = ys.mul(V::load_upto(self.scale.add(channel), len));
            }
            if !self.shift.is_null() {
                ys = ys.add(V::load_upto(self.shift.add(channel), len));
            }
            if !self.residual.is_null() {
                let at = self.residual.add(place * self.residual_row + channel);
                ys = ys.add(V::load_upto(at, len));
            }
            // In this order what is not a number stays so.
            if self.relu { V::zero().max(ys) } else { ys }
        }
    }
}

/// Where the product of a panel goes, and how.
#[derive(Clone, Copy)]
pub(crate) struct Right<'a> {
    /// The first cell of the panel's columns.
    pub(crate) cells: *mut f32,
    /// Cells from one place to the next.
    pub(crate) row: usize,
    /// Columns of the panel that there are: at most two vectors.
    pub(crate) columns: usize,
    /// Whether the product is added to what is there.
    pub(crate) add: bool,
    /// What is made of the sums, if they are finished with this product.
    pub(crate) finish: Option<&'a Finish>,
}

/// Multiplies a block of rows with a panel.
///
/// `panel` holds the depths of `runs` one after the other, two vectors each, or one where `right.columns` fit into it.
/// `row(i)` says where row `i` of `rows` starts, and the place it goes to.
///
/// # Safety
///
/// As of [`Vector`]; all pointers are good for what is said of them, and nobody else uses the places meanwhile.
#[inline(always)]
pub(crate) unsafe fn block<V: Vector, C: Cells>(
    rows: usize,
    row: impl Fn(usize) -> (*const f32, usize),
    runs: &[Run],
    panel: *const f32,
    right: Right,
    ahead: Ahead,
) {
    let tiles = rows.div_ceil(V::ROWS);
    let mut first = 0;
    for tile in 0..tiles {
        let ahead = ahead.cut(tile, tiles);
        // Tiles of sizes that differ by one at most: a last tile of a single row would be slow.
        let count = rows * (tile + 1) / tiles - first;
        let mut lefts = [std::ptr::null(); MOST];
        let mut places = [0; MOST];
        for i in 0..count {
            (lefts[i], places[i]) = row(first + i);
        }
        // SAFETY: as of this function.
        unsafe {
            if right.columns > V::LANES {
                tile_of::<V, C, 2>(count, &lefts, runs, panel, &right, &places, ahead);
            } else {
                tile_of::<V, C, 1>(count, &lefts, runs, panel, &right, &places, ahead);
            }
        }
        first += count;
    }
}

#[inline(always)]
unsafe fn tile_of<V: Vector, C: Cells, const W: usize>(
    rows: usize,
    lefts: &[*const f32; MOST],
    runs: &[Run],
    panel: *const f32,
    right: &Right,
    places: &[usize; MOST],
    ahead: Ahead,
) {
    macro_rules! of {
        ($($rows:literal)*) => {
            match rows {
                // SAFETY: as of `block`.
                $($rows if $rows <= V::ROWS => unsafe {
                    tile::<V, C, $rows, W>(lefts, runs, panel, right, places, ahead)
                },)*
                _ => unreachable!("a tile of {rows} rows"),
            }
        };
    }
    of!(1 2 3 4 5 6 7 8 9 10 11 12)
}

#[inline(always)]
unsafe fn tile<V: Vector, C: Cells, const M: usize, const W: usize>(
    lefts: &[*const f32; MOST],
    runs: &[Run],
    panel: *const f32,
    right: &Right,
    places: &[usize; MOST],
    ahead: Ahead,
) {
    // SAFETY: as of `block`.
    unsafe {
        let mut ahead = ahead.spread(runs.iter().map(|run| run.len).sum::<usize>() / 4);
        right.prefetch::<V, W>(&places[..M]);
        let mut sums = [[V::zero(); W]; M];
        let mut panel = panel;
        let step = W * V::LANES;
        for run in runs {
            let (mut k, end) = (run.from, run.from + run.len);
            macro_rules! depth {
                ($ahead:expr) => {
                    let mut ws = [V::zero(); W];
                    for j in 0..W {
                        ws[j] = V::load(panel.add($ahead * step + j * V::LANES));
                        prefetch(panel.wrapping_add(($ahead + 16) * step + j * V::LANES));
                    }
                    for i in 0..M {
                        let x = V::splat(*lefts[i].add(k + $ahead));
                        for j in 0..W {
                            sums[i][j] = C::dot(x, ws[j], sums[i][j]);
                        }
                    }
                };
            }
            while k + 4 <= end {
                depth!(0);
                depth!(1);
                depth!(2);
                depth!(3);
                ahead.step();
                panel = panel.add(4 * step);
                k += 4;
            }
            while k < end {
                depth!(0);
                panel = panel.add(step);
                k += 1;
            }
        }
        // Spelled out: sums that are indexed by more than literals would not stay in registers above.
        macro_rules! put {
            ($column:literal: $($row:literal)*) => {
                if $column < W {
                    let put = Put::of(right, $column * V::LANES);
                    $(if $row < M {
                        put.place(sums[$row % M][$column % W], places[$row]);
                    })*
                }
            };
        }
        put!(0: 0 1 2 3 4 5 6 7 8 9 10 11);
        put!(1: 0 1 2 3 4 5 6 7 8 9 10 11);
    }
}

impl Right<'_> {
    /// Asks for what the sums will meet: rows lie far apart, so no processor guesses it, and there is time until then.
    #[inline(always)]
    unsafe fn prefetch<V: Vector, const W: usize>(&self, places: &[usize]) {
        for place in places {
            for column in (0..W * V::LANES).step_by(LINE) {
                let to = self.cells.wrapping_add(place * self.row + column);
                prefetch_write(to);
                if let Some(finish) = self.finish.filter(|finish| !finish.residual.is_null()) {
                    let at = place * finish.residual_row + column;
                    prefetch(finish.residual.wrapping_add(at));
                }
            }
        }
    }
}

/// The way of a tile's sums to one vector of columns.
struct Put<'a, V> {
    right: &'a Right<'a>,
    channel: usize,
    /// Columns from the vector's first on.
    len: usize,
    scale: V,
    shift: V,
    /// What is less becomes this.
    least: V,
}

impl<'a, V: Vector> Put<'a, V> {
    #[inline(always)]
    unsafe fn of(right: &'a Right<'a>, channel: usize) -> Self {
        let len = right.columns - channel;
        // SAFETY: as of `block`.
        unsafe {
            let (mut scale, mut shift) = (V::splat(1.), V::zero());
            let mut least = V::splat(f32::NEG_INFINITY);
            if let Some(finish) = right.finish {
                if !finish.scale.is_null() {
                    scale = V::load_upto(finish.scale.add(channel), len);
                }
                if !finish.shift.is_null() {
                    shift = V::load_upto(finish.shift.add(channel), len);
                }
                if finish.relu {
                    least = V::zero();
                }
            }
            Self { right, channel, len, scale, shift, least }
        }
    }

    #[inline(always)]
    unsafe fn place(&self, sum: V, place: usize) {
        let Self { right, channel, len, .. } = *self;
        // SAFETY: as of `block`.
        unsafe {
            let to = right.cells.add(place * right.row + channel);
            let mut y = sum;
            if right.add {
                y = y.add(V::load_upto(to, len));
            }
            if let Some(finish) = right.finish {
                y = y.mul_add(self.scale, self.shift);
                if !finish.residual.is_null() {
                    let at = place * finish.residual_row + channel;
                    y = y.add(V::load_upto(finish.residual.add(at), len));
                }
                // In this order what is not a number stays so.
                y = self.least.max(y);
            }
            y.store_upto(to, len);
        }
    }
}
