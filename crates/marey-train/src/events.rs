//! What TensorBoard reads: event files.
//!
//! A file is a row of records (TFRecord), each a message `Event` of TensorFlow's `event.proto`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result, io};
use crate::fit::StepReport;

mod message;
mod record;

use message::What;

/// What the names of event files begin with; seconds follow, and TensorBoard reads files in the order of
/// their names.
const PREFIX: &str = "events.out.tfevents.";

/// Writes one event file. What was written is in the file when a call returns.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    /// A new file in `folder` (made if need be) of a run with `steps` steps done, and so steps from
    /// `steps + 1` on to come.
    ///
    /// A run that goes on writes another file into the same folder. It begins by telling TensorBoard to
    /// forget what files before it say of steps after `steps`, which a killed run had not saved.
    /// A step that was saved and not yet written when the run was killed stays missing here; [`Journal`](crate::Journal) has it.
    ///
    /// # Errors
    ///
    /// If the folder cannot be read or the file not written.
    pub fn create(folder: impl AsRef<Path>, steps: u64) -> Result<Self> {
        let folder = folder.as_ref();
        std::fs::create_dir_all(folder).map_err(io(folder, "make the folder"))?;
        let seconds = (now() as u64).max(newest(folder)? + 1);
        let path = folder.join(format!("{PREFIX}{seconds:010}.marey.{}", std::process::id()));
        let file = File::create_new(&path).map_err(io(&path, "create it"))?;
        let mut writer = Self { path, file };
        writer.write(0, What::Version)?;
        writer.write(steps + 1, What::Start)?;
        Ok(writer)
    }

    /// Writes what was recorded of a step: `loss`, `accuracy`, `rate`, `gradient_norm`, `seconds`, `wait`
    /// and `watched`, those that there are.
    ///
    /// # Errors
    ///
    /// If the file cannot be written to.
    pub fn step(&mut self, report: &StepReport<'_>) -> Result<()> {
        let point = report.point;
        let values = [
            ("loss", Some(point.loss)),
            ("accuracy", point.accuracy),
            ("rate", Some(point.rate as f32)),
            ("gradient_norm", Some(point.gradient_norm as f32)),
            ("seconds", Some(point.seconds as f32)),
            ("wait", Some(point.wait as f32)),
            ("watched", report.watched.map(|value| value as f32)),
        ];
        let values: Vec<_> =
            values.into_iter().filter_map(|(tag, value)| Some((tag, value?))).collect();
        self.write(report.step + 1, What::Scalars(&values))
    }

    /// Writes one value; `step` is the number of steps done.
    ///
    /// # Errors
    ///
    /// If the file cannot be written to.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f32) -> Result<()> {
        self.write(step, What::Scalars(&[(tag, value)]))
    }

    /// Writes an image; `step` is the number of steps done, and `png` a file of RGB.
    ///
    /// # Errors
    ///
    /// If `png` is none, or the file cannot be written to.
    pub fn image(&mut self, tag: &str, step: u64, png: &[u8]) -> Result<()> {
        // Signature, length and name of the first chunk, then width and height.
        let (Some(b"\x89PNG\r\n\x1a\n"), Some(size)) = (png.get(..8), png.get(16..24)) else {
            let (path, met) = (self.path.display(), png.get(..8).unwrap_or(png));
            return Err(Error::Config(format!(
                "{path}: the image `{tag}` begins with {met:02x?}, wanted a PNG file"
            )));
        };
        let [width, height] =
            [&size[..4], &size[4..]].map(|four| four.iter().fold(0, |n, &b| n << 8 | u64::from(b)));
        self.write(step, What::Image { tag, width, height, png })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write(&mut self, step: u64, what: What<'_>) -> Result<()> {
        let record = record::framed(&message::event(now(), step, what));
        self.file.write_all(&record).map_err(io(&self.path, "write to it"))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0., |since| since.as_secs_f64())
}

/// The highest seconds in a name of an event file in `folder`; 0 without one.
fn newest(folder: &Path) -> Result<u64> {
    let mut newest = 0;
    for entry in std::fs::read_dir(folder).map_err(io(folder, "list the folder"))? {
        let name = entry.map_err(io(folder, "list the folder"))?.file_name();
        let name = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('.').next());
        newest = newest.max(name.and_then(|seconds| seconds.parse().ok()).unwrap_or(0));
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::Point;

    /// All messages of a file, without their times.
    fn messages(path: &Path) -> Vec<Vec<u8>> {
        let bytes = std::fs::read(path).unwrap();
        let mut rest = &bytes[..];
        let mut messages = Vec::new();
        while let Some(length) = rest.first_chunk::<8>() {
            let length = u64::from_le_bytes(*length) as usize;
            let message = rest[12..][..length].to_vec();
            assert_eq!(rest[..16 + length], record::framed(&message));
            messages.push(message[9..].to_vec());
            rest = &rest[16 + length..];
        }
        messages
    }

    #[test]
    fn a_step_is_one_event_of_the_values_that_there_are() {
        let dir = tempfile::tempdir().unwrap();
        let point = Point {
            loss: 0.5,
            accuracy: None,
            rate: 0.1,
            gradient_norm: 2.,
            seconds: 1.,
            wait: 0.,
        };
        let report =
            StepReport { step: 6, steps: 9, point: &point, watched: Some(0.25), saved: None };
        let mut writer = EventWriter::create(dir.path().join("run"), 6).unwrap();
        writer.step(&report).unwrap();
        writer.scalar("top1", 7, 0.75).unwrap();
        let values = [
            ("loss", 0.5),
            ("rate", 0.1),
            ("gradient_norm", 2.),
            ("seconds", 1.),
            ("wait", 0.),
            ("watched", 0.25),
        ];
        let events = [
            (0, What::Version),
            (7, What::Start),
            (7, What::Scalars(&values)),
            (7, What::Scalars(&[("top1", 0.75)])),
        ];
        let wanted = events.map(|(step, what)| message::event(0., step, what)[9..].to_vec());
        assert_eq!(messages(writer.path()), wanted);
    }

    #[test]
    fn files_of_a_run_are_in_the_order_of_their_names() {
        let dir = tempfile::tempdir().unwrap();
        // From a clock that was ahead, and what is no event file.
        for name in ["events.out.tfevents.8000000000.a.1", "events.out.tfevents.b", "notes"] {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        let names = [0, 3, 5].map(|steps| {
            let writer = EventWriter::create(dir.path(), steps).unwrap();
            writer.path().file_name().unwrap().to_str().unwrap().to_string()
        });
        assert!(names.is_sorted() && names[0].contains("8000000001"), "{names:?}");
    }

    #[test]
    fn an_image_is_a_png_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(dir.path(), 0).unwrap();
        for wrong in [&b""[..], b"\x89PNG\r\n\x1a\n", b"GIF89a..................."] {
            let error = writer.image("confusion", 1, wrong).unwrap_err();
            assert!(error.to_string().contains("wanted a PNG file"), "{error}");
        }
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x02\0\0\0\x03";
        writer.image("confusion", 1, png).unwrap();
        let image = What::Image { tag: "confusion", width: 258, height: 3, png };
        let all = messages(writer.path());
        assert_eq!(all.last(), Some(&message::event(0., 1, image)[9..].to_vec()));
    }
}
