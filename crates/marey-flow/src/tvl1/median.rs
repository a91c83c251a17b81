//! Median filters of 3x3 and 5x5 pixels; beyond the border is what is at the border.
//!
//! The columns of a window are sorted once for all windows that they are in. Then the rows of a window are: the numbers that lie
//! above and to the left of one are not above it, those below and to the right not below it, so that of 25 only 13 can be in the
//! middle.

use rayon::prelude::*;

use super::lanes::{Isa, Lanes, on_lanes};
use super::plane::Plane;

/// Rows of sorted columns, with room for the columns beyond the borders.
struct Sorted {
    numbers: Vec<f32>,
    run: usize,
}

/// Room before and after a row, of which a vector reads a part.
const ROOM: usize = 16;

impl Sorted {
    fn new(run: usize, side: usize) -> Self {
        let run = run + 2 * ROOM;
        Self { numbers: vec![0.; run * side], run }
    }

    /// The first number of each row.
    fn rows<const N: usize>(&mut self) -> [*mut f32; N] {
        let first = self.numbers.as_mut_ptr();
        std::array::from_fn(|i| first.wrapping_add(i * self.run + ROOM))
    }

    fn extend(&mut self, width: usize) {
        for row in self.numbers.chunks_exact_mut(self.run) {
            let (first, last) = (row[ROOM], row[ROOM + width - 1]);
            row[ROOM - 2..ROOM].fill(first);
            row[ROOM + width..ROOM + width + 2].fill(last);
        }
    }
}

/// Filters `from` into `to` by windows of `side` (3 or 5) pixels, in so many `bands` at once.
pub(super) fn median(isa: Isa, side: usize, from: &Plane, to: &mut Plane, bands: usize) {
    match side {
        3 => filter::<3>(isa, from, to, bands, three),
        _ => filter::<5>(isa, from, to, bands, five),
    }
}

type Kernel<const N: usize> = unsafe fn(Isa, [*const f32; N], usize, Step<N>);

/// What a kernel is to do with a row.
#[derive(Clone, Copy)]
enum Step<const N: usize> {
    /// Sort columns into these rows.
    Sort([*mut f32; N]),
    /// Find the middle of windows.
    Middle(*mut f32),
}

fn filter<const N: usize>(isa: Isa, from: &Plane, to: &mut Plane, bands: usize, kernel: Kernel<N>) {
    let (width, height, run) = (from.width(), from.height(), from.run());
    let rows = height.div_ceil(bands);
    let band = |(band, to): (usize, &mut [f32])| {
        let mut sorted = Sorted::new(run, N);
        for (y, to) in to.chunks_exact_mut(run).enumerate() {
            let row = |i: usize| (band * rows + y + i).saturating_sub(N / 2).min(height - 1);
            let from = std::array::from_fn(|i| from.pointer(row(i)));
            // SAFETY: all rows have `run` numbers, those of sorted columns also room before and after, and the machine has `isa`.
            unsafe {
                kernel(isa, from, run, Step::Sort(sorted.rows()));
                sorted.extend(width);
                let rows: [*mut f32; N] = sorted.rows();
                kernel(isa, rows.map(|row| row.cast_const()), run, Step::Middle(to.as_mut_ptr()));
            }
            // What lies behind the width stays at zero.
            to[width..].fill(0.);
        }
    };
    match bands {
        1 => band((0, to.all_runs_mut())),
        _ => to.all_runs_mut().par_chunks_mut(rows * run).enumerate().for_each(band),
    }
}

on_lanes! {
    unsafe fn three = three_on(from: [*const f32; 3], run: usize, step: Step<3>)
}
on_lanes! {
    unsafe fn five = five_on(from: [*const f32; 5], run: usize, step: Step<5>)
}

#[inline(always)]
unsafe fn three_on<V: Lanes>(from: [*const f32; 3], run: usize, step: Step<3>) {
    // SAFETY: handed on.
    unsafe { by_vectors::<V, 3>(from, run, step, &SORT_3, middle_of_3x3) }
}

#[inline(always)]
unsafe fn five_on<V: Lanes>(from: [*const f32; 5], run: usize, step: Step<5>) {
    // SAFETY: handed on.
    unsafe { by_vectors::<V, 5>(from, run, step, &SORT_5, middle_of_5x5) }
}

/// Which two of three, and of five, to put in order in turn.
pub(super) const SORT_3: [[usize; 2]; 3] = [[0, 1], [1, 2], [0, 1]];
pub(super) const SORT_5: [[usize; 2]; 9] =
    [[0, 1], [3, 4], [2, 4], [2, 3], [1, 4], [0, 3], [0, 2], [1, 3], [1, 2]];

#[inline(always)]
#[allow(clippy::needless_range_loop, reason = "a closure would not have the instructions")]
unsafe fn by_vectors<V: Lanes, const N: usize>(
    from: [*const f32; N],
    run: usize,
    step: Step<N>,
    pairs: &[[usize; 2]],
    middle: impl Fn([[V; N]; N]) -> V,
) {
    for at in (0..run).step_by(V::LEN) {
        // SAFETY: the caller vouches for the numbers.
        unsafe {
            match step {
                Step::Sort(to) => {
                    let mut column = [V::splat(0.); N];
                    for i in 0..N {
                        column[i] = V::load(from[i].add(at));
                    }
                    sort(&mut column, pairs);
                    for i in 0..N {
                        column[i].store(to[i].add(at));
                    }
                }
                Step::Middle(to) => {
                    let mut window = [[V::splat(0.); N]; N];
                    for i in 0..N {
                        let row = &mut window[i];
                        for x in 0..N {
                            row[x] = V::load(from[i].add(at + x).sub(N / 2));
                        }
                        sort(row, pairs);
                    }
                    middle(window).store(to.add(at));
                }
            }
        }
    }
}

#[inline(always)]
fn sort<V: Lanes>(of: &mut [V], pairs: &[[usize; 2]]) {
    for [low, high] in pairs {
        order(of, *low, *high);
    }
}

#[inline(always)]
fn order<V: Lanes>(of: &mut [V], low: usize, high: usize) {
    // SAFETY: it is called where the instructions are.
    unsafe { (of[low], of[high]) = (of[low].min(of[high]), of[low].max(of[high])) }
}

#[inline(always)]
fn middle_of_3x3<V: Lanes>(m: [[V; 3]; 3]) -> V {
    let mut diagonal = [m[0][2], m[1][1], m[2][0]];
    sort(&mut diagonal, &SORT_3);
    diagonal[1]
}

/// Forgets the least and the most of those that are left, until one is.
#[inline(always)]
fn middle_of_5x5<V: Lanes>(m: [[V; 5]; 5]) -> V {
    let mut left = [m[0][3], m[0][4], m[1][2], m[1][3], m[2][1], m[2][2], m[3][0], m[3][1]];
    let others = [m[1][4], m[2][3], m[3][2], m[4][0], m[4][1]];
    extremes(&mut left, 8);
    let mut len = 7;
    for other in others {
        // Both ends of those left are forgotten, and another number takes a place.
        left[0] = other;
        extremes(&mut left, len);
        len -= 1;
    }
    left[1]
}

/// Puts the least of the first `len` first and the most of them last.
#[inline(always)]
fn extremes<V: Lanes>(of: &mut [V; 8], len: usize) {
    for i in 0..len / 2 {
        order(of, i, len - 1 - i);
    }
    for i in 1..len.div_ceil(2) {
        order(of, 0, i);
    }
    for i in len / 2..len - 1 {
        order(of, i, len - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_the_middle_of_the_sorted_window() {
        let (width, height) = (37, 11);
        let value = |i: usize| ((i * 7919 + i * i * 31) % 101) as f32 - 50.;
        let values: Vec<f32> = (0..width * height).map(value).collect();
        let from = Plane::of(width, height, &values);
        for (side, isa, bands) in [3, 5]
            .into_iter()
            .flat_map(|side| Isa::all().into_iter().map(move |isa| (side, isa)))
            .flat_map(|(side, isa)| [1, 3].map(|bands| (side, isa, bands)))
        {
            let mut to = Plane::new(width, height);
            median(isa, side, &from, &mut to, bands);
            for y in 0..height {
                for x in 0..width {
                    let clamped = |at: usize, i: usize, len: usize| {
                        (at + i).saturating_sub(side / 2).min(len - 1)
                    };
                    let mut window: Vec<f32> = (0..side * side)
                        .map(|i| {
                            from.row(clamped(y, i / side, height))[clamped(x, i % side, width)]
                        })
                        .collect();
                    window.sort_by(f32::total_cmp);
                    assert_eq!(to.row(y)[x], window[side * side / 2], "{side} {isa:?} {x} {y}");
                }
            }
        }
    }
}
