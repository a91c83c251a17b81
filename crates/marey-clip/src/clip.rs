//! The clip itself.

use candle::{DType, Device, Result, Storage, Tensor, bail};

/// What the channels of a clip are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Red, green, blue in `[0, 1]`.
    Rgb,
    /// Optical flow in pixels, x (to the right) before y (down).
    Flow,
    /// [`Rgb`](Self::Rgb), then [`Flow`](Self::Flow).
    RgbFlow,
    /// Any number of channels none of which is a direction in the frame.
    Plain,
}

impl Channels {
    /// What `count` channels are unless said otherwise: 3 RGB, 2 flow, 5 both.
    pub fn of(count: usize) -> Self {
        match count {
            2 => Self::Flow,
            3 => Self::Rgb,
            5 => Self::RgbFlow,
            _ => Self::Plain,
        }
    }

    /// The channel of the flow's x; its y is the next.
    pub fn flow(self) -> Option<usize> {
        match self {
            Self::Flow => Some(0),
            Self::RgbFlow => Some(3),
            Self::Rgb | Self::Plain => None,
        }
    }

    fn count(self) -> Option<usize> {
        match self {
            Self::Rgb => Some(3),
            Self::Flow => Some(2),
            Self::RgbFlow => Some(5),
            Self::Plain => None,
        }
    }
}

/// Consecutive frames, `[C, T, H, W]`, `f32`, none of the sizes zero.
#[derive(Debug, Clone)]
pub struct Clip {
    frames: Tensor,
    channels: Channels,
}

impl Clip {
    /// Wraps `[C, T, H, W]`, `f32`; the channels are those [`Channels::of`] says.
    ///
    /// # Errors
    ///
    /// If the rank, the type or a size is another.
    pub fn new(frames: Tensor) -> Result<Self> {
        let (c, ..) = frames.dims4()?;
        Self::with_channels(frames, Channels::of(c))
    }

    /// Wraps `[C, T, H, W]`, `f32`, whose channels are `channels`.
    ///
    /// # Errors
    ///
    /// If the rank, the type, a size or the number of channels is another.
    pub fn with_channels(frames: Tensor, channels: Channels) -> Result<Self> {
        let (c, t, h, w) = frames.dims4()?;
        if frames.dtype() != DType::F32 {
            bail!("clip: f32 wanted, got {:?}", frames.dtype())
        }
        if [c, t, h, w].contains(&0) {
            bail!("clip: an empty clip {:?}", frames.shape())
        }
        if channels.count().is_some_and(|count| count != c) {
            bail!("clip: {channels:?} cannot be {c} channels")
        }
        Ok(Self { frames, channels })
    }

    /// From frames of `height` rows of `width` pixels of 3 bytes (red, green, blue); 255 becomes 1.
    ///
    /// # Errors
    ///
    /// If there is no frame or one has another number of bytes.
    pub fn from_rgb8(
        frames: &[impl AsRef<[u8]>],
        width: usize,
        height: usize,
        device: &Device,
    ) -> Result<Self> {
        let pixels = width * height;
        if let Some(i) = frames.iter().position(|f| f.as_ref().len() != 3 * pixels) {
            let len = frames[i].as_ref().len();
            bail!("clip: frame {i} has {len} bytes, {width} x {height} RGB has {}", 3 * pixels)
        }
        let count = frames.len();
        let mut data = vec![0f32; 3 * count * pixels];
        if pixels > 0 {
            for (c, channel) in data.chunks_exact_mut((count * pixels).max(1)).enumerate() {
                for (plane, frame) in channel.chunks_exact_mut(pixels).zip(frames) {
                    for (to, from) in plane.iter_mut().zip(frame.as_ref().chunks_exact(3)) {
                        *to = f32::from(from[c]) / 255.;
                    }
                }
            }
        }
        Self::new(Tensor::from_vec(data, (3, count, height, width), device)?)
    }

    /// `[C, T, H, W]`.
    pub fn tensor(&self) -> &Tensor {
        &self.frames
    }

    /// `[C, T, H, W]`.
    pub fn into_tensor(self) -> Tensor {
        self.frames
    }

    /// What the channels are.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// `(C, T, H, W)`.
    pub fn dims(&self) -> (usize, usize, usize, usize) {
        match *self.frames.dims() {
            [c, t, h, w] => (c, t, h, w),
            _ => unreachable!("checked when the clip was made"),
        }
    }

    /// Each frame as rows of pixels of 3 bytes, for looking at; values are rounded and clamped.
    ///
    /// # Errors
    ///
    /// If the clip has no RGB.
    pub fn to_rgb8(&self) -> Result<Vec<Vec<u8>>> {
        if !matches!(self.channels, Channels::Rgb | Channels::RgbFlow) {
            bail!("clip: {:?} {:?} has no RGB", self.channels, self.frames.shape())
        }
        let (_, t, h, w) = self.dims();
        let pixels = h * w;
        self.read(|data| {
            let byte = |c: usize, t0: usize, i: usize| {
                (data[(c * t + t0) * pixels + i] * 255.).round().clamp(0., 255.) as u8
            };
            let pixel = |t0: usize, i: usize| [0, 1, 2].map(|c| byte(c, t0, i));
            (0..t).map(|t0| (0..pixels).flat_map(|i| pixel(t0, i)).collect()).collect()
        })
    }

    /// Hands the values, plane after plane, to `f`.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&[f32]) -> T) -> Result<T> {
        let frames = self.frames.to_device(&Device::Cpu)?.contiguous()?;
        let (storage, layout) = frames.storage_and_layout();
        match &*storage {
            Storage::Cpu(data) => {
                let data = data.as_slice::<f32>()?;
                Ok(f(&data[layout.start_offset()..][..layout.shape().elem_count()]))
            }
            _ => bail!("clip: not on the CPU after it was copied there"),
        }
    }

    /// The clip of other values and perhaps another size, of the same channels on the same device.
    pub(crate) fn rebuilt(&self, data: Vec<f32>, h: usize, w: usize) -> Result<Self> {
        let (c, t, ..) = self.dims();
        let frames = Tensor::from_vec(data, (c, t, h, w), self.frames.device())?;
        Ok(Self { frames, channels: self.channels })
    }

    /// The clip of a view of its tensor.
    pub(crate) fn view(&self, frames: Tensor) -> Self {
        Self { frames, channels: self.channels }
    }
}

/// A batch `[N, C, T, H, W]` of clips of one size.
///
/// # Errors
///
/// If there is none, or their sizes differ.
pub fn stack(clips: &[Clip]) -> Result<Tensor> {
    let Some(first) = clips.first() else { bail!("clip: no clip to stack") };
    if let Some((i, other)) =
        clips.iter().enumerate().find(|(_, c)| c.frames.dims() != first.frames.dims())
    {
        let (met, wanted) = (other.frames.shape(), first.frames.shape());
        bail!("clip: clip {i} of a batch is {met:?}, the first is {wanted:?}")
    }
    let clips: Vec<_> = clips.iter().map(Clip::tensor).collect();
    Tensor::stack(&clips, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_rgb8_separates_the_channels_and_to_rgb8_joins_them() {
        let frames = [vec![0u8, 51, 255, 1, 2, 3], vec![10, 20, 30, 40, 50, 60]];
        let clip = Clip::from_rgb8(&frames, 2, 1, &Device::Cpu).unwrap();
        assert_eq!(clip.tensor().dims(), [3, 2, 1, 2]);
        let green = clip.tensor().get(1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(green, [51. / 255., 2. / 255., 20. / 255., 50. / 255.]);
        assert_eq!(clip.to_rgb8().unwrap(), frames);
    }

    #[test]
    fn from_rgb8_refuses_a_frame_of_another_size_and_no_frames() {
        let odd = Clip::from_rgb8(&[vec![0u8; 12], vec![0; 9]], 2, 2, &Device::Cpu);
        assert!(odd.unwrap_err().to_string().contains("frame 1 has 9 bytes"));
        assert!(Clip::from_rgb8(&[] as &[Vec<u8>], 2, 2, &Device::Cpu).is_err());
        assert!(Clip::from_rgb8(&[vec![]], 0, 2, &Device::Cpu).is_err());
    }

    #[test]
    fn new_names_the_channels_and_refuses_other_types() {
        let zeros = |c| Tensor::zeros((c, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
        assert_eq!(Clip::new(zeros(5)).unwrap().channels(), Channels::RgbFlow);
        assert_eq!(Clip::new(zeros(6)).unwrap().channels(), Channels::Plain);
        assert!(Clip::with_channels(zeros(3), Channels::Flow).is_err());
        assert!(Clip::new(zeros(3).to_dtype(DType::F64).unwrap()).is_err());
        assert!(Clip::new(zeros(3).squeeze(1).unwrap()).is_err());
        assert!(Clip::new(zeros(2)).unwrap().to_rgb8().is_err());
    }

    #[test]
    fn stack_says_which_clip_differs() {
        let clip = |w| Clip::from_rgb8(&[vec![0u8; 3 * w]], w, 1, &Device::Cpu).unwrap();
        assert_eq!(stack(&[clip(2), clip(2)]).unwrap().dims(), [2, 3, 1, 1, 2]);
        assert!(stack(&[clip(2), clip(3)]).unwrap_err().to_string().contains("clip 1"));
        assert!(stack(&[]).is_err());
    }
}
