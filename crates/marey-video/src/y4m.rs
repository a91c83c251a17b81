//! YUV4MPEG2 (`.y4m`): uncompressed planes behind a line of text.

use std::path::{Path, PathBuf};

use crate::{
    Error, Frame, FrameSource, Options, Result, disk::Disk, error::Unit, source::Wanted,
    yuv::Layout,
};

/// A file of 8-bit 4:2:0, 4:2:2, 4:4:4 or grey frames.
pub(crate) struct Y4m {
    path: PathBuf,
    disk: Disk,
    header: Header,
    /// Where the planes of each frame begin.
    places: Vec<u64>,
    options: Options,
}

/// The first line.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Header {
    size: (u32, u32),
    fps: Option<f64>,
    layout: Layout,
}

/// A longer line of text is no header.
const LINE_LIMIT: u64 = 4096;

impl Y4m {
    /// `None` for colours stored in a way that is left to ffmpeg (more than 8 bits, 4:1:1, alpha).
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Option<Self>> {
        let mut disk = Disk::open(path)?;
        let Some(line) = line(&mut disk, 0)? else {
            let (got, expected, unit) = (disk.len(), None, Unit::Bytes);
            return Err(Error::Truncated { path: path.to_path_buf(), got, expected, unit });
        };
        let Some(header) = header(&line).map_err(|message| Error::decoder(path, message))? else {
            return Ok(None);
        };
        options.check_size(path, header.size)?;
        let mut source = Self {
            path: path.to_path_buf(),
            disk,
            header,
            places: Vec::new(),
            options: options.clone(),
        };
        source.find_frames(line.len() as u64 + 1)?;
        Ok(Some(source))
    }

    fn find_frames(&mut self, mut position: u64) -> Result<()> {
        let bytes = self.frame_bytes()? as u64;
        while position < self.disk.len() {
            let frame = self.places.len();
            let line = line(&mut self.disk, position)?;
            let end = line.as_ref().map(|line| position + line.len() as u64 + 1 + bytes);
            match (line, end) {
                (Some(line), Some(end)) if line.starts_with(b"FRAME") && end <= self.disk.len() => {
                    self.places.push(end - bytes);
                    self.options.check_frames(&self.path, self.places.len())?;
                    position = end;
                }
                _ if self.options.lenient => break,
                (Some(line), _) if !line.starts_with(b"FRAME") => {
                    return Err(Error::decoder(
                        &self.path,
                        format!("frame {frame} does not begin with FRAME"),
                    ));
                }
                _ => return Err(self.truncated()),
            }
        }
        if self.places.is_empty() { Err(self.truncated()) } else { Ok(()) }
    }

    fn truncated(&self) -> Error {
        let got = self.places.len() as u64;
        Error::Truncated {
            path: self.path.clone(),
            got,
            expected: Some(got + 1),
            unit: Unit::Frames,
        }
    }

    fn frame_bytes(&self) -> Result<usize> {
        let (width, height) = self.header.size;
        let bytes = self.header.layout.bytes(width as usize, height as usize);
        bytes.ok_or_else(|| Error::decoder(&self.path, format!("a frame size of {width}x{height}")))
    }

    fn decode(&mut self, index: usize) -> Result<Frame> {
        let bytes = self.frame_bytes()? as u64;
        let planes = self.disk.bytes(self.places[index], bytes)?;
        let planes = planes.ok_or_else(|| Error::decoder(&self.path, "the file became shorter"))?;
        let (width, height) = self.header.size;
        let data = self.header.layout.rgb(&planes, width as usize, height as usize);
        Ok(Frame { width, height, data })
    }
}

impl FrameSource for Y4m {
    fn len(&mut self) -> Result<usize> {
        Ok(self.places.len())
    }

    fn size(&self) -> (u32, u32) {
        self.header.size
    }

    fn frames(&mut self, wanted: &[usize]) -> Result<Vec<Frame>> {
        let wanted =
            Wanted::new(&self.path, wanted, self.places.len(), self.header.size, &self.options)?;
        let frames =
            wanted.sorted().iter().map(|&index| self.decode(index)).collect::<Result<_>>()?;
        Ok(wanted.answer(frames))
    }

    fn fps(&self) -> Option<f64> {
        self.header.fps
    }
}

/// The line at `position` without its end; `None` if it has none.
fn line(disk: &mut Disk, position: u64) -> Result<Option<Vec<u8>>> {
    // Most lines are "FRAME": not a whole block for each.
    for limit in [16, LINE_LIMIT] {
        let mut bytes = disk.up_to(position, limit)?;
        if let Some(end) = bytes.iter().position(|&byte| byte == b'\n') {
            bytes.truncate(end);
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// `None` for colours that are not read here; an error for a line that makes no sense.
fn header(line: &[u8]) -> std::result::Result<Option<Header>, String> {
    let line = String::from_utf8_lossy(line);
    let (mut width, mut height, mut fps, mut colours, mut full_range) =
        (0, 0, None, "420".to_string(), false);
    for word in line.split_ascii_whitespace().skip(1) {
        let Some((tag, value)) = word.split_at_checked(1) else { continue };
        let number =
            || value.parse::<u32>().map_err(|_| format!("the header has {word:?} for a size"));
        match tag {
            "W" => width = number()?,
            "H" => height = number()?,
            "F" => fps = rate(value),
            "C" => colours = value.to_string(),
            "X" if value == "COLORRANGE=FULL" => full_range = true,
            _ => {}
        }
    }
    let chroma = match colours.as_str() {
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Some((2, 2)),
        "422" => Some((2, 1)),
        "444" => Some((1, 1)),
        "mono" => None,
        _ => return Ok(None),
    };
    Ok(Some(Header { size: (width, height), fps, layout: Layout { chroma, full_range } }))
}

/// `30000:1001`; 0 stands for an unknown rate.
fn rate(value: &str) -> Option<f64> {
    let (frames, seconds) = value.split_once(':')?;
    let (frames, seconds) = (frames.parse::<u32>().ok()?, seconds.parse::<u32>().ok()?);
    (frames > 0 && seconds > 0).then(|| f64::from(frames) / f64::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers() {
        let read = |line: &str| header(line.as_bytes());
        let wanted = Header {
            size: (5, 3),
            fps: Some(25.0),
            layout: Layout { chroma: Some((2, 1)), full_range: true },
        };
        assert_eq!(
            read("YUV4MPEG2 W5 H3 F25:1 Ip A1:1 C422 XYSCSS=422 XCOLORRANGE=FULL"),
            Ok(Some(wanted))
        );
        assert_eq!(read("YUV4MPEG2 W5 H3 C420p10"), Ok(None));
        assert_eq!(read("YUV4MPEG2 W5 H3 F0:0").unwrap().unwrap().layout.chroma, Some((2, 2)));
        assert!(read("YUV4MPEG2 W-5 H3").unwrap_err().contains("W-5"));
    }
}
