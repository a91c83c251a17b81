//! What was recorded of each step, as lines of JSON.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use marey_weights::write_atomically;
use serde::Serialize;

use crate::curve::Point;
use crate::error::{Error, Result, io};
use crate::fit::StepReport;
use crate::state::TrainState;

/// A file of one JSON object a line, one line a step (`metrics.jsonl`).
///
/// A line has the [`Point`] of a step, its number from 1 as `step`, and as `watched` the value that was
/// watched after it, or null.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

#[derive(Serialize)]
struct Line<'a> {
    step: u64,
    #[serde(flatten)]
    point: &'a Point,
    watched: Option<f64>,
}

impl Line<'_> {
    fn write(&self, bytes: &mut Vec<u8>) -> Result<()> {
        let refused = |error| Error::Config(format!("the journal's line: {error}"));
        serde_json::to_writer(&mut *bytes, self).map_err(refused)?;
        bytes.push(b'\n');
        Ok(())
    }
}

impl Journal {
    /// The file at `path` with the steps of `state` and no others, whatever was there.
    ///
    /// A run that was killed may have written lines of steps after its last checkpoint, half a line, or
    /// not yet the line of the checkpoint's own step. The state knows all its steps, so the file is
    /// written anew from it.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn open(path: impl Into<PathBuf>, state: &TrainState) -> Result<Self> {
        let path = path.into();
        let mut bytes = Vec::new();
        let mut watched = state.watched().iter().peekable();
        for (step, point) in (1..).zip(state.curve().iter()) {
            let watched = watched.next_if(|(after, _)| *after == step).map(|(_, value)| *value);
            Line { step, point, watched }.write(&mut bytes)?;
        }
        write_atomically(&path, &bytes)?;
        let file = File::options().append(true).open(&path).map_err(io(&path, "open it"))?;
        Ok(Self { path, file })
    }

    /// Adds the line of a step, whole and at once.
    ///
    /// # Errors
    ///
    /// If the file cannot be written to.
    pub fn step(&mut self, report: &StepReport<'_>) -> Result<()> {
        let mut bytes = Vec::new();
        let StepReport { step, point, watched, .. } = *report;
        Line { step: step + 1, point, watched }.write(&mut bytes)?;
        self.file.write_all(&bytes).map_err(io(&self.path, "write to it"))
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEPS: u64 = 4;

    fn point(step: u64) -> Point {
        Point {
            loss: 1. / step as f32,
            accuracy: (step != 2).then_some(0.25),
            rate: 0.1,
            gradient_norm: 1.5,
            seconds: 0.5,
            wait: 0.,
        }
    }

    fn watched(step: u64) -> Option<f64> {
        step.is_multiple_of(2).then_some(0.1 * step as f64)
    }

    fn state(steps: u64) -> TrainState {
        let mut state = TrainState::new("");
        state.step = steps;
        for step in 1..=steps {
            state.curve.push(point(step));
            watched(step).into_iter().for_each(|value| state.watched.push(step, value));
        }
        state
    }

    /// The file after the steps from `from` on.
    fn go_on(path: &Path, from: u64) -> String {
        let mut journal = Journal::open(path, &state(from)).unwrap();
        for step in from + 1..=STEPS {
            let (point, watched) = (point(step), watched(step));
            let report =
                StepReport { step: step - 1, steps: STEPS, point: &point, watched, saved: None };
            journal.step(&report).unwrap();
        }
        std::fs::read_to_string(journal.path()).unwrap()
    }

    #[test]
    fn a_line_has_what_was_recorded() {
        let dir = tempfile::tempdir().unwrap();
        let text = go_on(&dir.path().join("metrics.jsonl"), 0);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len() as u64, STEPS);
        // By hand.
        assert_eq!(
            lines[0],
            r#"{"step":1,"loss":1.0,"accuracy":0.25,"rate":0.1,"gradient_norm":1.5,"seconds":0.5,"wait":0.0,"watched":null}"#
        );
        assert_eq!(
            lines[1],
            r#"{"step":2,"loss":0.5,"accuracy":null,"rate":0.1,"gradient_norm":1.5,"seconds":0.5,"wait":0.0,"watched":0.2}"#
        );
    }

    #[test]
    fn each_step_is_there_once_whatever_a_killed_run_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        let whole = go_on(&path, 0);
        for end in (0..=whole.len()).step_by(37) {
            for saved in 0..=STEPS {
                std::fs::write(&path, &whole[..end]).unwrap();
                assert_eq!(go_on(&path, saved), whole, "killed at byte {end}, {saved} steps saved");
            }
        }
    }

    #[test]
    fn a_journal_that_cannot_be_written_is_an_error_with_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let error = Journal::open(dir.path().join("missing/metrics.jsonl"), &state(1)).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
