//! A plane of numbers whose rows vectors can run over without care for their ends.

use rayon::prelude::*;

/// As many numbers as the widest vector.
const WIDEST: usize = 16;

/// Numbers from the start of a row of so many to that of the next.
pub(super) fn run(width: usize) -> usize {
    (width + 1).next_multiple_of(WIDEST)
}

#[repr(C, align(64))]
#[derive(Debug, Clone, Copy)]
struct Line([f32; WIDEST]);

/// `height` rows of `width` numbers. After each row there is at least one more number, and a vector's worth before the first: a
/// row may be read from its number -1 to its number [`run`](Self::run), inclusive.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    width: usize,
    height: usize,
    lines: Vec<Line>,
}

impl Plane {
    /// All zeros.
    pub(super) fn new(width: usize, height: usize) -> Self {
        let lines = 2 + run(width) / WIDEST * height;
        Self { width, height, lines: vec![Line([0.; WIDEST]); lines] }
    }

    pub(super) fn of(width: usize, height: usize, values: &[f32]) -> Self {
        let mut plane = Self::new(width, height);
        for (y, row) in values.chunks_exact(width).enumerate() {
            plane.row_mut(y).copy_from_slice(row);
        }
        plane
    }

    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn height(&self) -> usize {
        self.height
    }

    /// Numbers from the start of a row to that of the next, a multiple of every vector's length: what lies behind the width, too,
    /// is computed with. It is kept at zero.
    pub(super) fn run(&self) -> usize {
        run(self.width)
    }

    pub(super) fn row(&self, y: usize) -> &[f32] {
        let start = WIDEST + y * self.run();
        &self.numbers()[start..start + self.width]
    }

    pub(super) fn row_mut(&mut self, y: usize) -> &mut [f32] {
        let (start, width) = (WIDEST + y * self.run(), self.width);
        &mut self.numbers_mut()[start..start + width]
    }

    /// The rows with what lies behind them, one after the other.
    pub(super) fn all_runs_mut(&mut self) -> &mut [f32] {
        let len = self.run() * self.height;
        &mut self.numbers_mut()[WIDEST..WIDEST + len]
    }

    /// The rows, each with what lies behind it.
    pub(super) fn par_runs_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [f32]> {
        let run = self.run();
        self.all_runs_mut().par_chunks_exact_mut(run)
    }

    /// The first number of a row.
    pub(super) fn pointer(&self, y: usize) -> *const f32 {
        debug_assert!(y < self.height);
        // Of the whole plane, for what lies before and behind a row is read with it.
        self.numbers().as_ptr().wrapping_add(WIDEST + y * self.run())
    }

    pub(super) fn pointer_mut(&mut self, y: usize) -> *mut f32 {
        debug_assert!(y < self.height);
        let start = WIDEST + y * self.run();
        self.numbers_mut().as_mut_ptr().wrapping_add(start)
    }

    /// Each number put through `f`.
    #[must_use]
    pub(super) fn map(mut self, f: impl Fn(f32) -> f32) -> Self {
        for y in 0..self.height {
            self.row_mut(y).iter_mut().for_each(|value| *value = f(*value));
        }
        self
    }

    #[must_use]
    pub(super) fn scaled(self, factor: f32) -> Self {
        self.map(|value| value * factor)
    }

    pub(super) fn values(&self) -> Vec<f32> {
        (0..self.height).flat_map(|y| self.row(y).iter().copied()).collect()
    }

    fn numbers(&self) -> &[f32] {
        let len = self.lines.len() * WIDEST;
        // SAFETY: a line is an array of so many numbers and nothing else.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), len) }
    }

    fn numbers_mut(&mut self) -> &mut [f32] {
        let len = self.lines.len() * WIDEST;
        // SAFETY: a line is an array of so many numbers and nothing else.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), len) }
    }
}
