//! Motion JPEG: frames that are JPEG images of their own, in an AVI file or one after the other.

use std::path::{Path, PathBuf};

use crate::{
    Error, Frame, FrameSource, Options, Result,
    container::{Facts, avi::Avi},
    disk::Disk,
    error::Unit,
    jpeg,
    source::Wanted,
};

/// JPEG images at known places of a file.
pub(crate) struct MotionJpeg {
    path: PathBuf,
    disk: Disk,
    places: Vec<(u64, u64)>,
    size: (u32, u32),
    fps: Option<f64>,
    options: Options,
}

impl MotionJpeg {
    /// The frames of a Motion JPEG AVI; `None` if it stores the two fields of a frame one by one, which is left
    /// to ffmpeg.
    pub(crate) fn avi(path: &Path, facts: &Facts, options: &Options) -> Result<Option<Self>> {
        let mut disk = Disk::open(path)?;
        let avi = Avi::read(&mut disk, options.max_frames.saturating_add(1))?;
        options.check_frames(path, avi.chunks.len())?;
        if let (Some(shortfall), false) = (facts.shortfall, options.lenient) {
            return Err(shortfall.error(path));
        }
        // An empty chunk is a frame that the camera dropped.
        let places: Vec<(u64, u64)> = avi
            .chunks
            .iter()
            .filter(|chunk| chunk.1 > 0)
            .map(|&(place, len)| (place, u64::from(len)))
            .collect();
        let stated = avi.video().map_or((0, 0), |track| track.size);
        let source = Self::new(path, disk, places, facts.fps, options)?;
        let fields = stated.1.unsigned_abs() >= source.size.1.saturating_mul(2);
        Ok((!fields).then_some(source))
    }

    /// The frames of a file of JPEG images without a container.
    pub(crate) fn stream(path: &Path, options: &Options) -> Result<Self> {
        let mut disk = Disk::open(path)?;
        let (mut places, mut position) = (Vec::new(), 0);
        while disk.array::<2>(position)? == Some([0xFF, 0xD8]) {
            let Some(end) = jpeg::end(&mut disk, position)? else { break };
            places.push((position, end - position));
            options.check_frames(path, places.len())?;
            position = end;
        }
        if position < disk.len() && !options.lenient {
            let got = places.len() as u64;
            return Err(Error::Truncated {
                path: path.to_path_buf(),
                got,
                expected: Some(got + 1),
                unit: Unit::Frames,
            });
        }
        Self::new(path, disk, places, None, options)
    }

    /// The images at known places.
    pub(crate) fn at(path: &Path, places: Vec<(u64, u64)>, options: &Options) -> Result<Self> {
        options.check_frames(path, places.len())?;
        Self::new(path, Disk::open(path)?, places, None, options)
    }

    fn new(
        path: &Path,
        mut disk: Disk,
        places: Vec<(u64, u64)>,
        fps: Option<f64>,
        options: &Options,
    ) -> Result<Self> {
        let Some(&(place, len)) = places.first() else {
            let (got, expected, unit) = (0, Some(1), Unit::Frames);
            return Err(Error::Truncated { path: path.to_path_buf(), got, expected, unit });
        };
        let first = disk.bytes(place, len)?.unwrap_or_default();
        let size = jpeg::size(&first)
            .ok_or_else(|| Error::decoder(path, "frame 0 is not a JPEG image"))?;
        options.check_size(path, size)?;
        Ok(Self { path: path.to_path_buf(), disk, places, size, fps, options: options.clone() })
    }

    fn decode(&mut self, index: usize) -> Result<Frame> {
        let (place, len) = self.places[index];
        let bytes = self.disk.bytes(place, len)?;
        let bytes = bytes.ok_or_else(|| Error::decoder(&self.path, "the file became shorter"))?;
        let frame = jpeg::decode(&self.path, &bytes, &self.options).map_err(|e| match e {
            Error::DecoderFailed { path, message } => {
                Error::DecoderFailed { path, message: format!("frame {index}: {message}") }
            }
            e => e,
        })?;
        let (got, expected) = ((frame.width, frame.height), self.size);
        if got != expected {
            return Err(Error::FrameSize { path: self.path.clone(), index, got, expected });
        }
        Ok(frame)
    }
}

impl FrameSource for MotionJpeg {
    fn len(&mut self) -> Result<usize> {
        Ok(self.places.len())
    }

    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn frames(&mut self, wanted: &[usize]) -> Result<Vec<Frame>> {
        let wanted = Wanted::new(&self.path, wanted, self.places.len(), self.size, &self.options)?;
        let frames =
            wanted.sorted().iter().map(|&index| self.decode(index)).collect::<Result<_>>()?;
        Ok(wanted.answer(frames))
    }

    fn fps(&self) -> Option<f64> {
        self.fps
    }
}
