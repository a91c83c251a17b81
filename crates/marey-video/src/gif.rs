//! Animated GIF: frames are patches drawn one over the other.

use std::{
    fs::File,
    io::BufReader,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use gif::{ColorOutput, Decoder, DecodingError, DisposalMethod, MemoryLimit};

use crate::{Error, Frame, FrameSource, Options, Result, error::Unit, source::Wanted};

/// Pixels that nothing was drawn on. A GIF leaves them transparent; ffmpeg, whose frames these are to equal,
/// puts white behind them.
const BLANK: u8 = 255;

/// A GIF, decoded from its start whenever frames are asked for.
pub(crate) struct Gif {
    path: PathBuf,
    len: usize,
    size: (u32, u32),
    fps: Option<f64>,
    options: Options,
}

impl Gif {
    /// Counts the frames.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self> {
        // Damage within a frame shows only when it is decoded, and who takes what is there must know then.
        let mut decoder = decoder(path, options, !options.lenient)?;
        let size = (u32::from(decoder.width()), u32::from(decoder.height()));
        options.check_size(path, size)?;
        let (mut len, mut delay) = (0, 0_u64);
        loop {
            match decoder.read_next_frame() {
                Ok(Some(frame)) => delay += u64::from(frame.delay),
                Ok(None) => break,
                Err(_) if options.lenient && len > 0 => break,
                Err(e) => return Err(error(path, e, len)),
            }
            len += 1;
            options.check_frames(path, len)?;
        }
        if len == 0 {
            return Err(Error::NoVideoTrack {
                path: path.to_path_buf(),
                kind: "a GIF".to_string(),
            });
        }
        // Delays are hundredths of a second.
        let fps = (delay > 0).then(|| 100.0 * len as f64 / delay as f64);
        Ok(Self { path: path.to_path_buf(), len, size, fps, options: options.clone() })
    }

    /// Hands out the frames at `wanted`, which ascends.
    fn walk(
        &self,
        wanted: impl Iterator<Item = usize>,
        visit: &mut dyn FnMut(Frame) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut decoder = decoder(&self.path, &self.options, false)?;
        let mut canvas = Canvas::new(self.size);
        let mut wanted = wanted.peekable();
        for index in 0..self.len {
            if wanted.peek().is_none() {
                break;
            }
            let patch = decoder.read_next_frame().map_err(|e| error(&self.path, e, index))?;
            let patch =
                patch.ok_or_else(|| Error::decoder(&self.path, "the file became shorter"))?;
            canvas.draw(patch);
            if wanted.next_if_eq(&index).is_some() {
                let (width, height) = self.size;
                if visit(Frame { width, height, data: canvas.pixels.clone() }).is_break() {
                    break;
                }
            }
            canvas.dispose();
        }
        Ok(())
    }
}

impl FrameSource for Gif {
    fn len(&mut self) -> Result<usize> {
        Ok(self.len)
    }

    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn frames(&mut self, wanted: &[usize]) -> Result<Vec<Frame>> {
        let wanted = Wanted::new(&self.path, wanted, self.len, self.size, &self.options)?;
        wanted.collect(|sorted, visit| self.walk(sorted.iter().copied(), visit))
    }

    fn each(&mut self, visit: &mut dyn FnMut(Frame) -> ControlFlow<()>) -> Result<()> {
        self.walk(0..self.len, visit)
    }

    fn fps(&self) -> Option<f64> {
        self.fps
    }
}

/// What is shown, and what to do with it before the next patch.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
    patch: (usize, usize, usize, usize),
    disposal: DisposalMethod,
    saved: Vec<u8>,
}

impl Canvas {
    fn new((width, height): (u32, u32)) -> Self {
        let (width, height) = (width as usize, height as usize);
        let pixels = vec![BLANK; width * height * 3];
        Self {
            width,
            height,
            pixels,
            patch: (0, 0, 0, 0),
            disposal: DisposalMethod::Any,
            saved: Vec::new(),
        }
    }

    /// Draws the pixels of a patch (RGBA) that are opaque and lie within the canvas.
    fn draw(&mut self, patch: &gif::Frame<'_>) {
        if patch.dispose == DisposalMethod::Previous {
            self.saved.clone_from(&self.pixels);
        }
        self.disposal = patch.dispose;
        let (left, top, width) =
            (usize::from(patch.left), usize::from(patch.top), usize::from(patch.width));
        self.patch = (left, top, width, usize::from(patch.height));
        if width == 0 {
            return;
        }
        for (row, line) in patch.buffer.chunks_exact(width * 4).enumerate() {
            let Some(target) = self.line(top + row, left, width) else { break };
            for (target, source) in target.chunks_exact_mut(3).zip(line.chunks_exact(4)) {
                if source[3] > 0 {
                    target.copy_from_slice(&source[..3]);
                }
            }
        }
    }

    /// Removes the last patch as it asked for.
    fn dispose(&mut self) {
        match self.disposal {
            DisposalMethod::Any | DisposalMethod::Keep => {}
            DisposalMethod::Previous => std::mem::swap(&mut self.pixels, &mut self.saved),
            DisposalMethod::Background => {
                let (left, top, width, height) = self.patch;
                for row in top..top + height {
                    let Some(line) = self.line(row, left, width) else { break };
                    line.fill(BLANK);
                }
            }
        }
    }

    /// The pixels of a row from `left`, at most `width` of them; `None` outside the canvas.
    fn line(&mut self, row: usize, left: usize, width: usize) -> Option<&mut [u8]> {
        let width = width.min(self.width.checked_sub(left)?);
        let start = (row * self.width + left) * 3;
        (row < self.height).then(|| &mut self.pixels[start..start + width * 3])
    }
}

fn decoder(path: &Path, options: &Options, count_only: bool) -> Result<Decoder<BufReader<File>>> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let mut settings = gif::DecodeOptions::new();
    settings.set_color_output(ColorOutput::RGBA);
    settings.skip_frame_decoding(count_only);
    let limit = std::num::NonZeroU64::new(options.max_pixels.saturating_mul(4));
    settings.set_memory_limit(limit.map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes));
    settings.read_info(BufReader::new(file)).map_err(|e| error(path, e, 0))
}

fn error(path: &Path, error: DecodingError, frame: usize) -> Error {
    match error {
        DecodingError::Io(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            Error::io(path, source)
        }
        DecodingError::Io(_) | DecodingError::UnexpectedEof => Error::Truncated {
            path: path.to_path_buf(),
            got: frame as u64,
            expected: None,
            unit: Unit::Frames,
        },
        e => Error::decoder(path, format!("frame {frame}: {e}")),
    }
}
