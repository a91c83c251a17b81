//! Implicit matrix product: blocks of rows are gathered from the source, then multiplied with the packed weights.
//!
//! Takes any kernel, stride, padding and grouping, and the input gradient of all of these. Where a row is just a cell
//! of the source (a 1 x 1 x 1 kernel of stride 1) nothing is gathered.

use std::ops::Range;

use rayon::prelude::*;

use crate::conv::padded::Padded;
use crate::conv::walk::Walk;
use crate::conv::weights::{Panels, Weights};
use crate::scratch::Scratch;
use crate::shared::Shared;
use crate::simd::{Isa, Kernel, Vector};
use crate::tile::{Ahead, BLOCK, Chunk, DEPTH, Epilogue, Finish, Floats, Right, block, chunks};

/// Tasks a pass is cut into where there are too few blocks of rows for that. A fixed number, for no good but that
/// traces of two runs look alike: the bits do not depend on it.
const TASKS: usize = 16;

/// Cells between rows of a gathered block. A line more than the depth, or all rows would fall on few sets of the cache.
const GATHERED: usize = DEPTH + 16;

/// Where the rows go.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    pub(super) cells: Shared<'a>,
    /// Cells from one place to the next.
    pub(super) row: usize,
    /// The first channel written.
    pub(super) first: usize,
    /// Whether the result is added to what is there.
    pub(super) add: bool,
    /// The places that rows go to, where these are not all of them.
    pub(super) some: Option<Grid>,
}

/// Every `step`th place from `from` on of `places`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) places: [usize; 3],
    pub(super) from: [usize; 3],
    pub(super) step: [usize; 3],
}

impl Target<'_> {
    /// Finishes a vector of sums at channel `channel`, counted from the first, of place `place`; `len` numbers count.
    ///
    /// # Safety
    ///
    /// As of [`Vector`]; the cell is there, and nobody else uses it meanwhile.
    #[inline(always)]
    pub(super) unsafe fn put<V: Vector>(
        &self,
        finish: &Finish,
        sums: V,
        channel: usize,
        place: usize,
        len: usize,
    ) {
        let to = self.cells.cell(place * self.row + self.first + channel);
        // SAFETY: as of this function.
        unsafe {
            let sums = if self.add { sums.add(V::load_upto(to, len)) } else { sums };
            finish.apply(sums, channel, place, len).store_upto(to, len);
        }
    }

    /// The place that row `row` of `walk` goes to.
    #[inline(always)]
    pub(super) fn place(&self, walk: &Walk, row: usize) -> usize {
        match &self.some {
            None => row,
            Some(some) => {
                let (clip, at) = walk.place(row);
                some.place(clip, at)
            }
        }
    }
}

impl Grid {
    fn place(&self, clip: usize, at: [usize; 3]) -> usize {
        (0..3).fold(clip, |index, axis| {
            index * self.places[axis] + self.from[axis] + at[axis] * self.step[axis]
        })
    }
}

/// Packs weights for [`run`]: depth is `[t, h, w, channel]` of the walk. `tap` says which tap an offset stands for.
pub(super) fn pack(
    isa: Isa,
    groups: usize,
    walk: &Walk,
    columns: usize,
    weights: Weights,
    tap: impl Fn([usize; 3]) -> usize + Sync,
) -> Panels {
    let (taps, seen) = (walk.taps(), walk.seen);
    // Channel in by channel in: what is read for its taps stays in the first cache.
    let sizes = [groups, seen, columns];
    let order: Vec<usize> = (0..taps).map(|at| tap(walk.tap(at))).collect();
    Panels::new(isa, sizes, taps, |range, inners, mut writer| {
        if weights.is_matrix() {
            let width = writer.width();
            for group in 0..groups {
                let rows = writer.rows(group, inners.clone());
                weights.matrix(group, range.clone(), inners.clone(), rows, width);
            }
            return;
        }
        for (group, inner) in (0..groups).flat_map(|group| inners.clone().map(move |i| (group, i)))
        {
            for (at, tap) in order.iter().enumerate() {
                weights.column(
                    group,
                    range.clone(),
                    inner,
                    *tap,
                    writer.row(group, at * seen + inner),
                );
            }
        }
    })
}

/// The rows of `walk` over `xs` times the `panels` of each group, their sets from a first on.
pub(super) fn run(
    isa: Isa,
    walk: &Walk,
    (panels, first_set): (&Panels, usize),
    groups: usize,
    xs: &[f32],
    epilogue: &Epilogue,
    target: Target,
) {
    let padded = Padded::worth(walk).then(|| Padded::of(walk, xs));
    let mut chunks = match &padded {
        Some(padded) => padded.chunks(walk),
        None => chunks(1, walk.depth(), |_| 0),
    };
    if padded.is_none() && !walk.is_identity() {
        // What is gathered of a row begins at its first cell, chunk by chunk.
        chunks.iter_mut().flat_map(|chunk| &mut chunk.runs).for_each(|run| run.from = 0);
    }
    let source = match &padded {
        Some(padded) => Source::Padded(padded),
        None if walk.is_identity() => Source::Rows(xs),
        None if Cut::by_frames(walk) && walk.sees_frames() => Source::Frames(xs),
        None => Source::Gathered(xs),
    };
    tasks(walk, groups, panels.count(), |rows, group, some| {
        isa.run(Task {
            walk,
            panels,
            group,
            set: first_set + group,
            source,
            chunks: &chunks,
            rows,
            some,
            epilogue,
            channels: groups * panels.columns,
            target: Target { first: target.first + group * panels.columns, ..target },
        });
    });
}

/// Calls `task` in parallel with some rows of `walk`, a group and some of its `panels`: together with all of them.
pub(super) fn tasks(
    walk: &Walk,
    groups: usize,
    panels: usize,
    task: impl Fn(Range<usize>, usize, Range<usize>) + Sync,
) {
    let cut = Cut::of(walk);
    let parts = TASKS.div_ceil((cut.blocks * groups).max(1)).min(panels);
    let part = panels.div_ceil(parts.max(1));
    (0..cut.blocks * groups * parts).into_par_iter().with_max_len(1).for_each(|i| {
        let (at, group, block) = (i % parts, i / parts % groups, i / parts / groups);
        task(cut.rows(block), group, at * part..panels.min((at + 1) * part));
    });
}

/// The rows in blocks, in the order they are done.
struct Cut {
    blocks: usize,
    /// Rows cut at a time: all, or those of a frame.
    rows: usize,
    /// Frames of a clip that are done in turn, place by place, where rows see several of them: what they share is then
    /// still in the cache.
    frames: usize,
}

impl Cut {
    fn of(walk: &Walk) -> Self {
        let [frames, high, wide] = walk.places;
        let plane = high * wide;
        if Self::by_frames(walk) {
            let blocks = walk.n * frames * plane.div_ceil(BLOCK);
            Self { blocks, rows: plane, frames }
        } else {
            Self { blocks: walk.rows().div_ceil(BLOCK), rows: walk.rows(), frames: 1 }
        }
    }

    /// Whether blocks are parts of frames, each by itself.
    fn by_frames(walk: &Walk) -> bool {
        walk.offsets[0].len() > 1 && walk.places[1] * walk.places[2] >= 2 * BLOCK
    }

    /// The rows of a block. Blocks have sizes that differ by one at most.
    fn rows(&self, block: usize) -> Range<usize> {
        let blocks = self.rows.div_ceil(BLOCK).max(1);
        let (frame, part) = (block % self.frames, block / self.frames);
        let (clip, part) = (part / blocks, part % blocks);
        let start = (clip * self.frames + frame) * self.rows;
        start + self.rows * part / blocks..start + self.rows * (part + 1) / blocks
    }
}

/// Where rows are found.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// A row is a cell.
    Rows(&'a [f32]),
    /// A row is the cells of one place of some frames, the same of all rows of a block.
    Frames(&'a [f32]),
    /// A block of rows is gathered first.
    Gathered(&'a [f32]),
    /// A row is some lines of a padded source.
    Padded(&'a Padded),
}

struct Task<'a> {
    walk: &'a Walk,
    panels: &'a Panels,
    group: usize,
    /// Of the panels.
    set: usize,
    source: Source<'a>,
    chunks: &'a [Chunk],
    rows: Range<usize>,
    /// Panels.
    some: Range<usize>,
    epilogue: &'a Epilogue<'a>,
    /// Channels out of all groups.
    channels: usize,
    target: Target<'a>,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: as of the kernel. The closures lead to rows that are there.
        unsafe {
            match self.source {
                Source::Rows(xs) => {
                    let c = self.walk.channels;
                    let cells = xs[self.rows.start * c + self.group * self.walk.seen..].as_ptr();
                    self.products::<V>(self.chunks, |_| {}, |row| cells.wrapping_add(row * c));
                }
                Source::Frames(xs) => {
                    let (first, taps) = self.walk.frames(self.rows.start);
                    let (c, seen) = (self.walk.channels, self.walk.seen);
                    let plane = self.walk.source[1] * self.walk.source[2];
                    let mut chunks = chunks(taps.len(), seen, |tap| tap * plane * c);
                    chunks.iter_mut().for_each(|chunk| chunk.first += taps.start * seen);
                    let cells = xs[first * c + self.group * seen..].as_ptr();
                    self.products::<V>(&chunks, |_| {}, |row| cells.wrapping_add(row * c));
                }
                Source::Gathered(xs) => {
                    let mut cells = Scratch::of(BLOCK * GATHERED);
                    let cells = cells.as_mut_ptr();
                    let gather = |chunk: &Chunk| {
                        let depths = chunk.first..chunk.first + chunk.runs[0].len;
                        let first = self.group * self.walk.seen;
                        // A block has at most `BLOCK` rows, a chunk at most `DEPTH` depths.
                        self.walk.gather::<V>(
                            xs,
                            first,
                            self.rows.clone(),
                            depths,
                            cells,
                            GATHERED,
                        );
                    };
                    self.products::<V>(self.chunks, gather, |row| {
                        cells.wrapping_add(row * GATHERED)
                    });
                }
                Source::Padded(padded) => {
                    let row = |row: usize| padded.row(self.walk, self.rows.start + row);
                    self.products::<V>(self.chunks, |_| {}, row);
                }
            }
        }
    }
}

impl Task<'_> {
    /// Chunk after chunk, the products of all panels. `ready` is called before each chunk; `row` says where a row is.
    #[inline(always)]
    unsafe fn products<V: Vector>(
        &self,
        chunks: &[Chunk],
        ready: impl Fn(&Chunk),
        row: impl Fn(usize) -> *const f32,
    ) {
        let Self { walk, panels, target, rows, .. } = self;
        // Once for all chunks and panels: where a row is takes some divisions.
        let mut found = [(std::ptr::null(), 0); BLOCK];
        for (at, found) in found.iter_mut().enumerate().take(rows.len()) {
            *found = (row(at), target.place(walk, rows.start + at));
        }
        // Where rows are cells, those of the next block follow, and will most likely be this thread's.
        let next = match self.source {
            Source::Rows(xs) => {
                let at = (rows.end * walk.channels).min(xs.len());
                let cells = (rows.len() * walk.channels).min(xs.len() - at);
                Some((xs[at..].as_ptr(), cells))
            }
            _ => None,
        };
        for (i, chunk) in chunks.iter().enumerate() {
            ready(chunk);
            let last = i + 1 == chunks.len();
            for panel in self.some.clone() {
                let (weights, columns) = panels.at(self.set, panel, chunk.first);
                let channel = self.group * panels.columns + columns.start;
                let finish = self.epilogue.from(channel, self.channels);
                let right = Right {
                    cells: target.cells.cell(target.first + columns.start),
                    row: target.row,
                    columns: columns.len(),
                    add: i > 0 || target.add,
                    finish: last.then_some(&finish),
                };
                let part = i * self.some.len() + panel - self.some.start;
                let ahead = match next {
                    Some((from, cells)) => {
                        Ahead::part(from, cells, part, chunks.len() * self.some.len())
                    }
                    None => Ahead::NOTHING,
                };
                // SAFETY: each task has rows and panels of its own; shapes were checked at the door.
                unsafe {
                    block::<V, Floats>(
                        rows.len(),
                        |at| found[at],
                        &chunk.runs,
                        weights,
                        right,
                        ahead,
                    );
                };
            }
        }
    }
}
