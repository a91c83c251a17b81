//! Everything that is not decoded here: through the `ffmpeg` program, as a process of its own.
//!
//! Two passes, both forward from the first frame, since seeking gives wrong frames for MPEG-4 with B-frames:
//! one when the video is opened, which decodes all of it and reports size and number of frames, and one for
//! each call of `frames` or `each`, which ends with the last wanted frame.

mod child;
mod command;
mod complaint;
mod select;

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use crate::{
    Error, Frame, FrameSource, Kind, Known, Options, Result, container::Facts, error::Unit,
    source::Wanted,
};
use child::Child;
use command::Pass;
use select::Selection;

/// A video read by ffmpeg.
pub(crate) struct Ffmpeg {
    path: PathBuf,
    kind: Kind,
    len: usize,
    size: (u32, u32),
    fps: Option<f64>,
    options: Options,
}

/// The longest line that ffmpeg's reports have.
const LINE_LIMIT: usize = 4096;

impl Ffmpeg {
    /// Decodes the whole video to count its frames, unless they are known.
    pub(crate) fn open(
        path: &Path,
        kind: &Kind,
        facts: &Facts,
        known: Option<Known>,
        options: &Options,
    ) -> Result<Self> {
        let Known { frames, size } = known.unwrap_or_default();
        let mut source = Self {
            path: path.to_path_buf(),
            kind: kind.clone(),
            len: frames,
            size,
            fps: facts.fps,
            options: options.clone(),
        };
        if known.is_some() {
            return Ok(source);
        }
        source.count()?;
        // Fewer frames than stored pictures is usual (a packed B-frame leaves an empty picture, two fields may
        // be two pictures); less than half is not.
        let stored = facts.frames.unwrap_or(0);
        if !options.lenient && (source.len as u64) < stored / 2 {
            return Err(source.truncated(source.len, stored));
        }
        Ok(source)
    }

    fn count(&mut self) -> Result<()> {
        let mut child = self.start(&Pass::Count)?;
        let (mut len, mut size) = (0, None);
        while let Some(line) = child.line(LINE_LIMIT)? {
            let line = String::from_utf8_lossy(&line);
            if let Some(header) = line.strip_prefix('#') {
                size = size.or_else(|| dimensions(header));
                if let Some(size) = size {
                    self.options.check_size(&self.path, size)?;
                }
            } else if line.split(',').count() >= 6 {
                len += 1;
                self.options.check_frames(&self.path, len)?;
            } else {
                return Err(self.garbage(&line));
            }
        }
        let (status, complaint) = child.finish()?;
        if len == 0 || !(status.success() || self.options.lenient) {
            return Err(self.explain(status, &complaint));
        }
        self.len = len;
        self.size = size.ok_or_else(|| self.garbage("frames without a size"))?;
        Ok(())
    }

    /// Hands out the frames at `wanted`, which ascends.
    fn walk(
        &self,
        wanted: &[usize],
        visit: &mut dyn FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<()> {
        if wanted.is_empty() {
            return Ok(());
        }
        let selection = Selection::new(wanted);
        let mut child = self.start(&Pass::Frames(&selection))?;
        let mut wanted = wanted.iter().peekable();
        let mut data = Vec::new();
        for index in selection.indices() {
            if !self.frame(&mut child, index, &mut data)? {
                let (status, complaint) = child.finish()?;
                // It gave all of them when they were counted.
                let short = status.success();
                let truncated = self.truncated(index, self.len as u64);
                return Err(if short { truncated } else { self.explain(status, &complaint) });
            }
            if wanted.next_if_eq(&&index).is_some() {
                let (width, height) = self.size;
                if visit(Frame { width, height, data: std::mem::take(&mut data) }).is_break() {
                    break;
                }
            }
        }
        Ok(()) // what comes after the last wanted frame is not waited for
    }

    /// One frame of the PPM stream into `data`; `false` at its end.
    fn frame(&self, child: &mut Child, index: usize, data: &mut Vec<u8>) -> Result<bool> {
        let Some(magic) = child.line(LINE_LIMIT)? else { return Ok(false) };
        let (size, depth) = (child.line(LINE_LIMIT)?, child.line(LINE_LIMIT)?);
        let text =
            |line: Option<Vec<u8>>| String::from_utf8_lossy(&line.unwrap_or_default()).into_owned();
        let (size, depth) = (text(size), text(depth));
        let (width, height) = size.split_once(' ').unwrap_or_default();
        let got = width.parse::<u32>().ok().zip(height.parse::<u32>().ok());
        let (Some(got), b"P6", "255") = (got, magic.as_slice(), depth.as_str()) else {
            return Err(self.garbage(&String::from_utf8_lossy(&magic)));
        };
        if got != self.size {
            let (path, expected) = (self.path.clone(), self.size);
            return Err(Error::FrameSize { path, index, got, expected });
        }
        let bytes = got.0 as usize * got.1 as usize * 3;
        child.exact(data, bytes)
    }

    fn start(&self, pass: &Pass<'_>) -> Result<Child> {
        command::start(&self.path, &self.kind, pass, &self.options)
    }

    fn explain(&self, status: std::process::ExitStatus, complaint: &str) -> Error {
        complaint::explain(&self.path, &self.kind, status, complaint, self.options.max_pixels)
    }

    fn truncated(&self, got: usize, expected: u64) -> Error {
        let (got, unit) = (got as u64, Unit::Frames);
        Error::Truncated { path: self.path.clone(), got, expected: Some(expected), unit }
    }

    fn garbage(&self, met: &str) -> Error {
        let met: String = met.chars().take(60).collect();
        Error::decoder(&self.path, format!("ffmpeg wrote what it should not: {met:?}"))
    }
}

impl FrameSource for Ffmpeg {
    fn len(&mut self) -> Result<usize> {
        Ok(self.len)
    }

    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn frames(&mut self, wanted: &[usize]) -> Result<Vec<Frame>> {
        let wanted = Wanted::new(&self.path, wanted, self.len, self.size, &self.options)?;
        wanted.collect(|sorted, visit| self.walk(sorted, visit))
    }

    fn each(&mut self, visit: &mut dyn FnMut(Frame) -> ControlFlow<()>) -> Result<()> {
        let all: Vec<usize> = (0..self.len).collect();
        self.walk(&all, visit)
    }

    fn decoder(&self) -> Result<String> {
        command::version(&self.path, &self.kind, &self.options)
    }

    fn fps(&self) -> Option<f64> {
        self.fps
    }
}

/// `dimensions 0: 320x240` of the header of ffmpeg's frame list.
fn dimensions(header: &str) -> Option<(u32, u32)> {
    let (width, height) = header.strip_prefix("dimensions 0: ")?.split_once('x')?;
    Some((width.parse().ok()?, height.trim_end().parse().ok()?))
}
