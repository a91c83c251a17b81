//! What the channels of a network's clips are, and how they are made of frames.

use candle::{Result, Tensor, bail};
use marey_clip::{Channels, Clip, View};
use marey_flow::Estimator;

/// What the channels of a network's clips are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Modality {
    /// Red, green, blue.
    Rgb,
    /// Flow, x before y: frame `t` holds the way from frame `t` of the video to the next.
    Flow(FlowRange),
    /// Flow as an image: x, y and their length.
    FlowImage(FlowRange),
    /// Red, green, blue, then flow.
    RgbFlow(FlowRange),
    /// Red, green, blue, then how much each of them differs from the frame so many frames later.
    RgbDifference(usize),
}

/// How flow, in pixels, becomes what a network was trained on: longer flow is cut at `bound`, which becomes `top`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowRange {
    /// In pixels.
    pub bound: f32,
    /// What the network sees of it.
    pub top: f32,
}

impl FlowRange {
    /// Pixels as they are.
    pub const PIXELS: Self = Self { bound: f32::MAX, top: f32::MAX };
    /// Up to 20 pixels in `[-1, 1]`, as I3D was trained.
    pub const SIGNED: Self = Self { bound: 20., top: 1. };
    /// Up to 20 pixels around 0 in the range of bytes, as flow kept in JPEG files minus 128.
    pub const BYTES: Self = Self { bound: 20., top: 127.5 };
}

impl Modality {
    /// Their number.
    pub fn channels(self) -> usize {
        match self {
            Self::Rgb | Self::FlowImage(_) => 3,
            Self::Flow(_) => 2,
            Self::RgbFlow(_) => 5,
            Self::RgbDifference(_) => 6,
        }
    }

    /// As in lists: `rgb`, `flow`, `flow image`, `rgb + flow`, `rgb + difference`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rgb => "rgb",
            Self::Flow(_) => "flow",
            Self::FlowImage(_) => "flow image",
            Self::RgbFlow(_) => "rgb + flow",
            Self::RgbDifference(_) => "rgb + difference",
        }
    }

    /// Whether some of them are flow.
    pub fn has_flow(self) -> bool {
        matches!(self, Self::Flow(_) | Self::FlowImage(_) | Self::RgbFlow(_))
    }

    /// Whether some of them are colours.
    pub(crate) fn has_rgb(self) -> bool {
        !matches!(self, Self::Flow(_) | Self::FlowImage(_))
    }

    /// Frames of the video that a frame of a clip is made of.
    pub(crate) fn parts(self) -> usize {
        match self {
            Self::Rgb => 1,
            Self::Flow(_) | Self::FlowImage(_) | Self::RgbDifference(_) => 2,
            Self::RgbFlow(_) => 3,
        }
    }

    /// The frames of which [`clip`](Self::clip) makes a clip of the frames `wanted`, of a video of `len`. Where flow has no next
    /// frame, it is that of the frame before; a difference has the last frame again.
    pub fn frames(self, wanted: &[usize], len: usize) -> Vec<usize> {
        let last = len.saturating_sub(1);
        let with = |f: &dyn Fn(usize) -> usize| wanted.iter().map(|i| f(*i)).collect::<Vec<_>>();
        let first = with(&|i| i.min(last.saturating_sub(1)));
        let second = with(&|i| (i + 1).min(last));
        match self {
            Self::Rgb => wanted.to_vec(),
            Self::Flow(_) | Self::FlowImage(_) => [first, second].concat(),
            Self::RgbFlow(_) => [wanted.to_vec(), first, second].concat(),
            Self::RgbDifference(later) => {
                [wanted.to_vec(), with(&|i| (i + later).min(last))].concat()
            }
        }
    }

    /// What a clip of these [`frames`](Self::frames), `[3, parts T, H, W]` in `[0, 1]`, is seen in: the frames resized as
    /// `view` says, and their flow in pixels, found by `estimator` between them, neither of them cropped.
    ///
    /// Where flow was found before, the clip has it in place of the frames that it would be found between: `[2, T, H, W]`, or
    /// behind frames `[5, T, H, W]`, in pixels.
    ///
    /// Errors if the number of frames is another, or the clip has flow and the network takes none.
    pub fn seen(self, frames: &Clip, view: &View, estimator: &dyn Estimator) -> Result<Seen> {
        if frames.channels().flow().is_some() {
            return self.seen_before(&view.resize(frames)?);
        }
        let (parts, all) = (self.parts(), frames.tensor().dim(1)?);
        if !all.is_multiple_of(parts) {
            bail!("a clip of {}: expected a multiple of {parts} frames, got {all}", self.name())
        }
        let sized = view.resize(frames)?;
        let part = |i: usize| Clip::new(sized.tensor().narrow(1, i * all / parts, all / parts)?);
        let flow = |first: usize| -> Result<Clip> {
            // As many clips of two frames as the clip has fields.
            let pairs = [part(first)?, part(first + 1)?].map(|part| part.tensor().transpose(0, 1));
            let [from, to] = pairs;
            let found = estimator.flow_of(&Tensor::stack(&[from?, to?], 2)?)?;
            Clip::new(found.tensor().squeeze(2)?.transpose(0, 1)?.contiguous()?)
        };
        let parts = match self {
            Self::Rgb => vec![part(0)?],
            Self::Flow(_) | Self::FlowImage(_) => vec![flow(0)?],
            Self::RgbFlow(_) => vec![part(0)?, flow(1)?],
            Self::RgbDifference(_) => vec![part(0)?, part(1)?],
        };
        Ok(Seen { modality: self, parts })
    }

    /// The same of a clip that has flow, resized.
    fn seen_before(self, sized: &Clip) -> Result<Seen> {
        let part = |first, count| Clip::new(sized.tensor().narrow(0, first, count)?.contiguous()?);
        let parts = match (self, sized.channels()) {
            (Self::Flow(_) | Self::FlowImage(_), Channels::Flow) => vec![part(0, 2)?],
            (Self::RgbFlow(_), Channels::RgbFlow) => vec![part(0, 3)?, part(3, 2)?],
            (_, channels) => bail!("a clip of {}: got one of {channels:?}", self.name()),
        };
        Ok(Seen { modality: self, parts })
    }

    /// The clip of these [`frames`](Self::frames) in one view: [`seen`](Self::seen), then [`Seen::clip`].
    ///
    /// Errors if the number of frames is another.
    pub fn clip(self, frames: &Clip, view: &View, estimator: &dyn Estimator) -> Result<Clip> {
        self.seen(frames, view, estimator)?.clip(view)
    }
}

/// What a clip is seen in, of which any number of views can be taken.
#[derive(Debug, Clone)]
pub struct Seen {
    modality: Modality,
    /// Frames, flow or both.
    parts: Vec<Clip>,
}

impl Seen {
    /// Height and width, before a crop.
    pub fn size(&self) -> (usize, usize) {
        let (_, _, h, w) = self.parts[0].dims();
        (h, w)
    }

    /// The part that `view` says, in the range that the network was trained on: `[C, T, side, side]`.
    ///
    /// Errors if the frames have no such part.
    pub fn clip(&self, view: &View) -> Result<Clip> {
        let crop = |i: usize| view.crop(&self.parts[i]);
        let rgb = |i: usize| -> Result<Tensor> { Ok(view.tone(&crop(i)?)?.into_tensor()) };
        let tensor = match self.modality {
            Modality::Rgb => rgb(0)?,
            Modality::Flow(range) => range.of(crop(0)?.tensor())?,
            Modality::FlowImage(range) => {
                let fields = crop(0)?.into_tensor();
                let length = fields.sqr()?.sum_keepdim(0)?.sqrt()?;
                range.of(&Tensor::cat(&[fields, length], 0)?)?
            }
            Modality::RgbFlow(range) => Tensor::cat(&[rgb(0)?, range.of(crop(1)?.tensor())?], 0)?,
            Modality::RgbDifference(_) => {
                let now = rgb(0)?;
                Tensor::cat(&[&now, &(rgb(1)? - &now)?], 0)?
            }
        };
        match self.modality {
            Modality::FlowImage(_) => Clip::with_channels(tensor, Channels::Plain),
            _ => Clip::new(tensor),
        }
    }
}

impl FlowRange {
    fn of(self, pixels: &Tensor) -> Result<Tensor> {
        let Self { bound, top } = self;
        pixels.clamp(-bound, bound)?.affine(f64::from(top) / f64::from(bound), 0.)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Device;
    use marey_clip::{Normalize, Recipe, Size};
    use marey_flow::Flow;

    /// As many pixels to the right as the second frame is brighter, in hundredths; down, half as many.
    struct Brightness;

    impl Estimator for Brightness {
        fn flow_of(&self, clips: &Tensor) -> Result<Flow> {
            let red = clips.narrow(1, 0, 1)?;
            let more = (red.narrow(2, 1, 1)? - red.narrow(2, 0, 1)?)?;
            Flow::new(Tensor::cat(&[(&more * 100.)?, (more * 50.)?], 1)?)
        }
    }

    /// Frames of one brightness each, 6 x 8 pixels.
    fn frames(brightness: &[f32]) -> Result<Clip> {
        let frames = Tensor::from_slice(brightness, (1, brightness.len(), 1, 1), &Device::Cpu)?;
        Clip::new(frames.broadcast_as((3, brightness.len(), 6, 8))?.contiguous()?)
    }

    fn corner(clip: &Clip) -> Result<Vec<Vec<f32>>> {
        clip.tensor().narrow(2, 0, 1)?.narrow(3, 0, 1)?.flatten_from(1)?.to_vec2()
    }

    const RECIPE: Recipe = Recipe {
        frames: 2,
        stride: 1,
        size: Size::ShortSide(6),
        crop: 4,
        normalize: Normalize { mean: [0.5; 3], std: [0.1; 3] },
    };

    #[test]
    fn frames_are_those_of_the_pairs() {
        let flow = Modality::Flow(FlowRange::PIXELS);
        assert_eq!(Modality::Rgb.frames(&[3, 5], 6), [3, 5]);
        assert_eq!(flow.frames(&[3, 5], 6), [3, 4, 4, 5]);
        assert_eq!(flow.frames(&[0], 1), [0, 0]);
        assert_eq!(Modality::RgbFlow(FlowRange::SIGNED).frames(&[5], 6), [5, 4, 5]);
        assert_eq!(Modality::RgbDifference(2).frames(&[1, 5], 6), [1, 5, 3, 5]);
    }

    #[test]
    fn clips_have_the_range_of_their_network() -> Result<()> {
        // From 0.5 to 0.6 and from 0.8 to 0.5: 10 and -30 pixels, beyond the bound.
        let pairs = frames(&[0.5, 0.8, 0.6, 0.5])?;
        let clip = |modality: Modality, frames: &Clip| -> Result<Vec<Vec<f32>>> {
            let clip = modality.clip(frames, &RECIPE.view(), &Brightness)?;
            assert_eq!(clip.tensor().dims(), [modality.channels(), 2, 4, 4]);
            corner(&clip)
        };
        let near = |got: &[Vec<f32>], want: &[[f32; 2]]| {
            let got = got.concat();
            let same = got.iter().zip(want.concat()).all(|(got, want)| (got - want).abs() < 1e-4);
            assert!(got.len() == 2 * want.len() && same, "{got:?} is not {want:?}");
        };
        near(&clip(Modality::Flow(FlowRange::PIXELS), &pairs)?, &[[10., -30.], [5., -15.]]);
        near(&clip(Modality::Flow(FlowRange::SIGNED), &pairs)?, &[[0.5, -1.], [0.25, -0.75]]);
        // Lengths of (10, 5) and (30, 15), cut at 20.
        let lengths = [127.5 * 125f32.sqrt() / 20., 127.5];
        let want = [[63.75, -127.5], [31.875, -95.625], lengths];
        near(&clip(Modality::FlowImage(FlowRange::BYTES), &pairs)?, &want);
        near(
            &clip(Modality::RgbDifference(1), &pairs)?,
            &[[0., 3.], [0., 3.], [0., 3.], [1., -3.], [1., -3.], [1., -3.]],
        );
        let both = frames(&[0.4, 0.7, 0.5, 0.8, 0.6, 0.5])?;
        let want = [[-1., 2.], [-1., 2.], [-1., 2.], [0.5, -1.], [0.25, -0.75]];
        near(&clip(Modality::RgbFlow(FlowRange::SIGNED), &both)?, &want);
        near(&clip(Modality::Rgb, &frames(&[0.4, 0.7])?)?, &[[-1., 2.]; 3]);
        assert!(
            Modality::RgbFlow(FlowRange::SIGNED).clip(&pairs, &RECIPE.view(), &Brightness).is_err()
        );
        let mirrored = View { mirrored: true, ..RECIPE.view() };
        let seen = Modality::Flow(FlowRange::PIXELS).seen(&pairs, &mirrored, &Brightness)?;
        assert_eq!(seen.size(), (6, 8));
        near(&corner(&seen.clip(&mirrored)?)?, &[[-10., 30.], [5., -15.]]);
        Ok(())
    }
}
