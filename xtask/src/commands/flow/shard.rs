//! A part of many videos, the same one whatever stands beside them in the list.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use marey::layers::rng::fnv1a;

use crate::exit::{self, failure};

/// Part `index`, from 1, of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    of: u64,
}

/// Where a scheduler says which part is meant.
const TASK: &str = "SLURM_ARRAY_TASK_ID";
const POD: &str = "JOB_COMPLETION_INDEX";

impl Shard {
    fn new(index: u64, of: u64) -> Option<Self> {
        (1..=of).contains(&index).then_some(Self { index, of })
    }

    /// Whether the video of that path, as it is written, belongs to it.
    pub fn has(self, path: &Path) -> bool {
        fnv1a(&path.to_string_lossy()) % self.of == self.index - 1
    }

    /// The part that the scheduler's variables mean, which `get` gives, and the name of that one; `of` is how many there are, where
    /// the scheduler does not tell.
    pub fn of_scheduler(
        of: Option<u64>,
        get: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Option<(Self, &'static str)>> {
        let number = |name: &str| {
            let number = |text: String| {
                let wrong = |_| failure(exit::USAGE, format!("{name} is `{text}`, not a number"));
                text.parse::<u64>().map_err(wrong)
            };
            get(name).map(number).transpose()
        };
        let (index, count, name) = if let (Some(index), Some(of)) = (number(POD)?, of) {
            (Some(index), Some(of), POD)
        } else if let (Some(id), None) = (number(TASK)?, of) {
            let least = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let index = id.checked_sub(least).map(|past| past / step);
            (index, number("SLURM_ARRAY_TASK_COUNT")?, TASK)
        } else if let Some(of) = of {
            let what = format!(
                "--shards {of} goes with {POD}, which is not set; --shard i/{of} says which"
            );
            return Err(failure(exit::USAGE, what));
        } else if let Some(index) = number(POD)? {
            let what =
                format!("{POD} is {index}: --shards N says of how many, and --shard 1/1 takes all");
            return Err(failure(exit::USAGE, what));
        } else {
            return Ok(None);
        };
        match index.zip(count).and_then(|(index, of)| Self::new(index.checked_add(1)?, of)) {
            Some(shard) => Ok(Some((shard, name))),
            None => {
                let [index, count] =
                    [index, count].map(|n| n.map_or("unknown".into(), |n| n.to_string()));
                let what = format!(
                    "{name} makes it number {index} from 0, of {count}, which is no part; --shard i/n says which, 1/1 takes all"
                );
                Err(failure(exit::USAGE, what))
            }
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text
            .split_once('/')
            .and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        let shard = parts.and_then(|(index, of)| Self::new(index, of));
        shard.ok_or_else(|| "i/n is wanted, i from 1 to n".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().unwrap()
    }

    #[test]
    fn every_path_is_in_one_part() {
        assert_eq!(shard("3/8").to_string(), "3/8");
        for text in ["0/8", "9/8", "8", "1/0", "-1/2", "a/b", ""] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        let paths = (0..1000).map(|i| format!("UCF-101/c{}/v_{i}.avi", i % 7));
        let mut sizes = [0; 8];
        for path in paths {
            let of: Vec<usize> =
                (0..8).filter(|i| shard(&format!("{}/8", i + 1)).has(Path::new(&path))).collect();
            assert_eq!(of.len(), 1, "{path}");
            sizes[of[0]] += 1;
        }
        // 125 each; the deviation of a fair draw is 10.5.
        assert!(sizes.iter().all(|size| (85..165).contains(size)), "{sizes:?}");
    }

    #[test]
    fn a_scheduler_says_which_part_it_is() {
        let find = |of: Option<u64>, variables: &[(&str, &str)]| {
            let get = |name: &str| {
                let found = variables.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.to_string())
            };
            let found = Shard::of_scheduler(of, get);
            found.map(|found| found.map(|(shard, name)| (shard.to_string(), name)))
        };
        let slurm = |id, min, step, count| {
            let variables = [
                (TASK, id),
                ("SLURM_ARRAY_TASK_MIN", min),
                ("SLURM_ARRAY_TASK_STEP", step),
                ("SLURM_ARRAY_TASK_COUNT", count),
            ];
            find(None, &variables)
        };
        assert_eq!(find(None, &[]).unwrap(), None);
        assert_eq!(slurm("0", "0", "1", "4").unwrap(), Some(("1/4".into(), TASK)));
        assert_eq!(slurm("9", "1", "4", "3").unwrap(), Some(("3/3".into(), TASK)));
        let pod = find(Some(5), &[(POD, "4")]).unwrap();
        assert_eq!(pod, Some(("5/5".into(), POD)));
        for wrong in [
            slurm("7", "3", "1", "2"), // --array=3,7
            slurm("1", "2", "1", "4"),
            slurm("x", "0", "1", "4"),
            find(None, &[(TASK, "1")]),
            find(None, &[(POD, "1")]),
            find(Some(5), &[(POD, "5")]),
            find(Some(5), &[]),
            find(Some(5), &[(TASK, "1")]),
        ] {
            assert_eq!(exit::code(&wrong.unwrap_err()), exit::USAGE);
        }
    }
}
