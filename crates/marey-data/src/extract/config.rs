//! How flow images are made: all that a second extraction has to agree on.

use marey_clip::{Clip, resize};
use marey_flow::{Preset, Quantization, Scheme, TvL1Config};
use marey_video::Frame;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How the flow images of a video are made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ExtractConfig {
    /// Parameters of TV-L1; OpenCV's by default.
    #[serde(with = "Parameters")]
    pub tvl1: TvL1Config,
    /// Take off the camera's motion. By default flow is as it is.
    pub warped: Option<Warped>,
    /// What a byte of a flow image means; 20 pixels either way by default, as in temporal segment networks.
    pub range: Range,
    /// Size of the frames that flow is found between, and of all images.
    pub size: Size,
    /// Quality of all JPEGs, 1 to 100; 95 by default.
    pub quality: u8,
    /// Every so many frames one is taken, beginning with the first; 1, all of them, by default.
    pub every: usize,
}

/// Flow without the camera's motion ([`marey_flow::warped_flow`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warped {
    /// Draws the matches that the camera's motion is guessed from, the same ones for each pair.
    pub seed: u64,
}

/// What a byte of a flow image means.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// [`Quantization::Bound`] of so many pixels.
    Bound(f32),
    /// [`Quantization::Range`] of each image's own least and largest displacement, which the manifest keeps.
    Own,
}

/// Size of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Size {
    /// That of the video.
    Source,
    /// The shorter side has so many pixels, and the longer keeps the shape, rounded down.
    ShortSide(u32),
    /// Width and height.
    Exact(u32, u32),
}

/// How frames come to another size.
pub(crate) const RESIZE: &str =
    "marey-clip: bilinear between pixel centres, without antialiasing, rounded";

/// The largest area of an image, in pixels.
const MOST_PIXELS: u64 = 1 << 26;

impl Default for ExtractConfig {
    fn default() -> Self {
        Self {
            tvl1: TvL1Config::default(),
            warped: None,
            range: Range::Bound(20.),
            size: Size::Source,
            quality: marey_flow::images::QUALITY,
            every: 1,
        }
    }
}

impl ExtractConfig {
    /// The preset that has these parameters.
    #[must_use]
    pub fn preset(&self) -> Option<Preset> {
        Preset::ALL.into_iter().find(|preset| preset.config() == self.tvl1)
    }

    /// Refuses what no images can be made by, but for parameters of TV-L1.
    pub(super) fn check(&self) -> Result<()> {
        let refused = |what: String| Err(Error::Config(format!("flow images: {what}")));
        if let Range::Bound(bound) = self.range
            && !(bound.is_finite() && bound > 0.)
        {
            return refused(format!("a bound of {bound} pixels, and one above 0 is wanted"));
        }
        if !(1..=100).contains(&self.quality) {
            return refused(format!("the quality of a JPEG is 1 to 100, not {}", self.quality));
        }
        if self.every == 0 {
            return refused("every 0th frame cannot be taken".into());
        }
        self.size.of((1, 1)).map(drop)
    }
}

impl Range {
    /// The rule for a plane of displacements.
    pub(super) fn rule(self, plane: &[f32]) -> Result<Quantization> {
        Ok(match self {
            Self::Bound(bound) => Quantization::Bound(bound),
            Self::Own => Quantization::range_of(plane)?,
        })
    }
}

impl Size {
    /// Width and height of the images of a video of that width and height.
    ///
    /// # Errors
    ///
    /// If they have no pixel, or more than 2^26.
    pub fn of(self, (width, height): (u32, u32)) -> Result<(u32, u32)> {
        let [w, h] = match self {
            Self::Source => [width, height],
            Self::Exact(width, height) => [width, height],
            Self::ShortSide(side) => {
                let short = u64::from(width.min(height)).max(1);
                // At most u32::MAX, which is far too large anyway.
                [width, height].map(|long| {
                    u32::try_from(u64::from(long) * u64::from(side) / short).unwrap_or(u32::MAX)
                })
            }
        };
        match u64::from(w) * u64::from(h) {
            1..=MOST_PIXELS => Ok((w, h)),
            _ => Err(Error::Config(format!(
                "images of {w}x{h} pixels: at least one is wanted, and {MOST_PIXELS} at most"
            ))),
        }
    }

    /// The bytes of `frame` at this size.
    pub(crate) fn bring(self, frame: Frame) -> Result<Frame> {
        let (width, height) = self.of((frame.width, frame.height))?;
        if (width, height) == (frame.width, frame.height) {
            return Ok(frame);
        }
        let (from_width, from_height) = (frame.width as usize, frame.height as usize);
        let cpu = &candle::Device::Cpu;
        let clip = Clip::from_rgb8(&[&frame.data], from_width, from_height, cpu)?;
        let data = resize(&clip, height as usize, width as usize)?.to_rgb8()?.concat();
        Ok(Frame { width, height, data })
    }
}

/// [`TvL1Config`] as the manifest has it.
#[derive(Serialize, Deserialize)]
#[serde(remote = "TvL1Config")]
struct Parameters {
    tau: f32,
    lambda: f32,
    theta: f32,
    gamma: f32,
    epsilon: f32,
    scales: usize,
    zoom: f32,
    warps: usize,
    inner: usize,
    outer: usize,
    median: usize,
    #[serde(with = "SchemeName")]
    scheme: Scheme,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Scheme", rename_all = "lowercase")]
enum SchemeName {
    Ipol,
    OpenCv,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_hand() {
        let of = |size: Size, from| size.of(from).unwrap();
        assert_eq!(of(Size::Source, (320, 240)), (320, 240));
        assert_eq!(of(Size::Exact(340, 256), (320, 240)), (340, 256));
        // 320 * 256 / 240 = 341.33.
        assert_eq!(of(Size::ShortSide(256), (320, 240)), (341, 256));
        assert_eq!(of(Size::ShortSide(12), (24, 96)), (12, 48));
        for (size, from) in [
            (Size::Exact(0, 9), (5, 5)),
            (Size::ShortSide(0), (5, 5)),
            (Size::ShortSide(8192), (1, 8192)),
            (Size::ShortSide(u32::MAX), (1, u32::MAX)),
        ] {
            assert!(size.of(from).is_err(), "{size:?}");
        }
    }

    #[test]
    fn a_frame_is_resized_between_pixel_centres() {
        let frame = Frame { width: 2, height: 1, data: vec![0, 10, 20, 100, 110, 120] };
        assert_eq!(Size::Source.bring(frame.clone()).unwrap(), frame);
        // Centres at -0.25, 0.25, 0.75, 1.25 of the two pixels: 0, 25, 75, 100 of the way.
        let wide = Size::Exact(4, 1).bring(frame).unwrap();
        assert_eq!(wide.data, [0, 10, 20, 25, 35, 45, 75, 85, 95, 100, 110, 120]);
    }

    #[test]
    fn settings_come_back_from_their_json_and_presets_have_names() {
        for preset in Preset::ALL {
            for (range, size) in
                [(Range::Own, Size::ShortSide(9)), (Range::Bound(2.5), Size::Exact(4, 3))]
            {
                let tvl1 = preset.config();
                let warped = Some(Warped { seed: u64::MAX });
                let config = ExtractConfig { tvl1, warped, range, size, ..Default::default() };
                let text = serde_json::to_string(&config).unwrap();
                assert_eq!(serde_json::from_str::<ExtractConfig>(&text).unwrap(), config, "{text}");
                assert_eq!(config.preset(), Some(preset));
            }
        }
        let tvl1 = TvL1Config { tau: 0.1, ..Default::default() };
        assert_eq!(ExtractConfig { tvl1, ..Default::default() }.preset(), None);
    }

    #[test]
    fn impossible_settings_are_refused() {
        let base = ExtractConfig::default();
        base.check().unwrap();
        for (config, name) in [
            (ExtractConfig { range: Range::Bound(0.), ..base }, "bound"),
            (ExtractConfig { range: Range::Bound(f32::NAN), ..base }, "bound"),
            (ExtractConfig { quality: 0, ..base }, "quality"),
            (ExtractConfig { quality: 101, ..base }, "quality"),
            (ExtractConfig { every: 0, ..base }, "every"),
            (ExtractConfig { size: Size::Exact(5, 0), ..base }, "5x0"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(name), "{error} does not name {name}");
        }
    }
}
