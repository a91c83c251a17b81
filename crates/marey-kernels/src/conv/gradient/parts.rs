//! Gradients of weights summed over parts of the rows apart, then added up.

use rayon::prelude::*;

use crate::scratch::Scratch;
use crate::shared::Shared;

/// Calls `task` in parallel with each of `parts` parts, each of `tasks` tasks, and cells like those of `dws` for the part's own
/// sums. `dws` gets what all parts add up to, in an order that does not depend on the threads.
pub(super) fn in_parts(
    dws: &mut [f32],
    parts: usize,
    tasks: usize,
    task: impl Fn(usize, usize, Shared) + Sync,
) {
    let len = dws.len();
    let mut others = Scratch::of((parts - 1) * len);
    let (first, rest) = (Shared::new(dws), Shared::new(&mut others));
    (0..parts * tasks).into_par_iter().with_max_len(1).for_each(|i| {
        let (part, at) = (i / tasks, i % tasks);
        let to = if part == 0 { first } else { rest.part((part - 1) * len, len) };
        task(part, at, to);
    });
    for other in others[..(parts - 1) * len].chunks(len) {
        crate::elementwise::add(dws, other);
    }
}
