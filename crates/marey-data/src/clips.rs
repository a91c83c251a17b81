//! Clips out of a video.

use candle::Device;
use marey_clip::Clip;
use marey_video::FrameSource;

use crate::error::Result;

/// The clips of the frames `wanted`, numbered from 0, each `[3, T, H, W]`, after `prepare`: the video is decoded once for
/// all of them.
///
/// All their frames are in memory at once, a byte a value; as floats, one clip after the other.
///
/// # Errors
///
/// If the video cannot be decoded, a clip has no frames, or `prepare` fails.
pub fn clips(
    source: &mut dyn FrameSource,
    wanted: &[Vec<usize>],
    prepare: impl Fn(Clip) -> candle::Result<Clip>,
) -> Result<Vec<Clip>> {
    let frames = source.frames(&wanted.concat())?;
    let (width, height) = source.size();
    let mut rest = &frames[..];
    let clip = |wanted: &Vec<usize>| {
        let (frames, others) = rest.split_at(wanted.len());
        rest = others;
        let rgb: Vec<&[u8]> = frames.iter().map(|frame| &frame.data[..]).collect();
        let clip = Clip::from_rgb8(&rgb, width as usize, height as usize, &Device::Cpu)?;
        Ok(prepare(clip)?)
    };
    wanted.iter().map(clip).collect()
}
