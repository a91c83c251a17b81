//! What the channels of a network's clips are.

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
}
