//! Which frames ffmpeg converts and writes: the wanted ones, and a few more.

use std::fmt;

/// Every frame of this spacing is written even where none is wanted, so that a decoder at work is never silent
/// for long and a silent one can be told from it.
const HEARTBEAT: usize = 64;

/// More runs of frames than these are merged across their smallest gaps: the filter looks at each run for each
/// frame, and a command line has an end.
const MOST_RUNS: usize = 64;

/// Runs of frames, first and last, ascending.
pub(crate) struct Selection {
    runs: Vec<(usize, usize)>,
}

impl Selection {
    /// At least the frames of `sorted`, which is ascending and not empty.
    pub(crate) fn new(sorted: &[usize]) -> Self {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for &index in sorted {
            match runs.last_mut() {
                Some(run) if run.1 + 1 == index => run.1 = index,
                _ => runs.push((index, index)),
            }
        }
        if runs.len() > MOST_RUNS {
            let mut gaps: Vec<usize> = runs.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
            gaps.sort_unstable();
            let smallest_kept = gaps[gaps.len() - (MOST_RUNS - 1)];
            runs.dedup_by(|next, run| {
                let merge = next.0 - run.1 <= smallest_kept;
                if merge {
                    run.1 = next.1;
                }
                merge
            });
        }
        Self { runs }
    }

    /// The frames that are written, in order, up to the last wanted one.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        let end = self.runs.last().map_or(0, |run| run.1 + 1);
        let mut runs = self.runs.iter().peekable();
        (0..end).filter(move |&index| {
            runs.next_if(|run| run.1 < index);
            index % HEARTBEAT == 0 || runs.peek().is_some_and(|run| run.0 <= index)
        })
    }
}

/// An expression for ffmpeg's `select` filter.
impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not(mod(n,{HEARTBEAT}))")?;
        self.runs.iter().try_for_each(|(first, last)| write!(f, "+between(n,{first},{last})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_heartbeats() {
        let selection = Selection::new(&[3, 4, 5, 130]);
        assert_eq!(selection.to_string(), "not(mod(n,64))+between(n,3,5)+between(n,130,130)");
        assert_eq!(selection.indices().collect::<Vec<_>>(), [0, 3, 4, 5, 64, 128, 130]);
    }

    #[test]
    fn many_runs_are_merged_and_lose_nothing() {
        let wanted: Vec<usize> = (0..1000).map(|i| i * 3 + usize::from(i > 500) * 1000).collect();
        let selection = Selection::new(&wanted);
        assert!(selection.runs.len() <= MOST_RUNS, "{}", selection.runs.len());
        let all: Vec<usize> = selection.indices().collect();
        assert!(wanted.iter().all(|index| all.binary_search(index).is_ok()));
        assert_eq!(all.last(), wanted.last());
    }
}
