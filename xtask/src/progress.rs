//! How training goes on: a line on stderr, drawn again and again, or written now and then where that is no terminal.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use indicatif::{FormattedDuration, ProgressBar, ProgressStyle};
use marey::train::{Point, StepReport};

use crate::memory;
use crate::out::{bar, note};

/// The numbers of a line are means of so many steps.
const RECENT: usize = 50;
/// The longest time between two written lines.
const PAUSE: Duration = Duration::from_secs(60);

/// The line of one run.
pub struct Progress {
    title: String,
    batch: usize,
    bar: ProgressBar,
    recent: VecDeque<Point>,
    /// When a line was written.
    noted: Instant,
}

impl Progress {
    /// Of a run of `steps` steps, `done` of which are done, with `batch` clips a step.
    pub fn new(title: &str, done: u64, steps: u64, batch: usize) -> Self {
        let style = ProgressStyle::with_template("{prefix} {bar:24} {pos}/{len} {msg}");
        let bar = bar(title, steps, "steps")
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(done);
        let recent = VecDeque::with_capacity(RECENT);
        Self { title: title.into(), batch, bar, recent, noted: Instant::now() }
    }

    /// After each step.
    pub fn step(&mut self, report: &StepReport<'_>) {
        self.recent.truncate(RECENT - 1);
        self.recent.push_front(*report.point);
        let (done, steps) = (report.step + 1, report.steps);
        self.bar.set_position(done);
        let written = self.bar.is_hidden();
        if written && !is_due(done, steps, self.noted.elapsed()) {
            return;
        }
        let line = line(&self.recent, self.batch, steps - done, memory::mb("VmRSS"));
        if written {
            note(format_args!("{}: step {done} of {steps}, {line}", self.title));
            self.noted = Instant::now();
        } else {
            self.bar.set_message(line);
        }
    }

    /// Takes the line away.
    pub fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Whether a line is to be written: at each tenth of the run, and after a pause.
fn is_due(done: u64, steps: u64, since: Duration) -> bool {
    done.is_multiple_of((steps / 10).max(1)) || since >= PAUSE
}

/// The means of the recent steps, the memory of the process in MB, and the time that the steps that are `left` take at this pace, without
/// what is computed between steps.
fn line(recent: &VecDeque<Point>, batch: usize, left: u64, resident: Option<f64>) -> String {
    let steps = recent.len() as f64;
    let sum = |of: fn(&Point) -> f64| recent.iter().map(of).sum::<f64>();
    let mut parts = vec![format!("loss {:.3}", sum(|point| point.loss.into()) / steps)];
    let accuracies: Vec<f32> = recent.iter().filter_map(|point| point.accuracy).collect();
    if !accuracies.is_empty() {
        let mean = accuracies.iter().sum::<f32>() / accuracies.len() as f32;
        parts.push(format!("batch accuracy {:.0} %", mean * 100.));
    }
    let wait = sum(|point| point.wait);
    let seconds = sum(|point| point.seconds) + wait;
    if seconds > 0. {
        parts.push(format!("{:.1} clips/s", batch as f64 * steps / seconds));
        parts.push(format!("{:.0} % waiting", wait / seconds * 100.));
    }
    parts.extend(resident.map(|mb| format!("{mb:.0} MB")));
    if let Ok(time) = Duration::try_from_secs_f64(seconds / steps * left as f64) {
        parts.push(format!("{} left", FormattedDuration(time)));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(loss: f32, accuracy: Option<f32>, seconds: f64, wait: f64) -> Point {
        Point { loss, accuracy, rate: 0.1, gradient_norm: 1., seconds, wait }
    }

    #[test]
    fn a_line_by_hand() {
        let recent = [
            point(2., Some(0.25), 1.5, 0.5),
            point(1., None, 1., 0.),
            point(1.5, Some(0.75), 2., 1.),
        ];
        // 3 steps of 8 clips in 6 seconds, 1.5 of them waiting; 1800 steps of 2 seconds are an hour.
        assert_eq!(
            line(&recent.into(), 8, 1800, Some(812.4)),
            "loss 1.500, batch accuracy 50 %, 4.0 clips/s, 25 % waiting, 812 MB, 01:00:00 left"
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let line = line(&[point(2., None, 0., 0.)].into(), 8, 10, None);
        assert_eq!(line, "loss 2.000, 00:00:00 left");
        let endless = [point(2., None, 1e300, 0.)].into();
        assert!(!super::line(&endless, 8, 10, None).contains("left"));
    }

    #[test]
    fn lines_are_written_at_tenths_and_after_a_minute() {
        let at = |steps| (1..=steps).filter(|done| is_due(*done, steps, Duration::ZERO)).count();
        assert_eq!([7, 10, 100, 1000].map(at), [7, 10, 10, 10]);
        assert!(is_due(11, 1000, PAUSE) && !is_due(11, 1000, PAUSE / 2));
    }
}
