//! The range of values a network was trained on.

use candle::{Result, bail};
use rayon::prelude::*;

use crate::clip::{Channels, Clip};

/// Mean and deviation of red, green and blue, for frames in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalize {
    /// Subtracted.
    pub mean: [f32; 3],
    /// Divided by, positive.
    pub std: [f32; 3],
}

impl Normalize {
    /// Of Kinetics-400, as torchvision's video networks were trained.
    pub const KINETICS: Self =
        Self { mean: [0.43216, 0.394666, 0.37645], std: [0.22803, 0.22145, 0.216989] };
    /// Of ImageNet, as torchvision's image networks were trained.
    pub const IMAGENET: Self = Self { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    /// From `[0, 1]` to `[-1, 1]`, as I3D was trained.
    pub const SIGNED: Self = Self { mean: [0.5; 3], std: [0.5; 3] };
}

/// Subtracts the mean from red, green and blue and divides by the deviation; flow stays.
///
/// # Errors
///
/// If the clip has no RGB, or a deviation is not positive.
pub fn normalize(clip: &Clip, by: &Normalize) -> Result<Clip> {
    if !matches!(clip.channels(), Channels::Rgb | Channels::RgbFlow) {
        bail!("normalize: {:?} {:?} has no RGB", clip.channels(), clip.tensor().shape())
    }
    if by.std.iter().any(|std| std.is_nan() || *std <= 0.) {
        bail!("normalize: positive deviations wanted, got {:?}", by.std)
    }
    map(clip, 0, |channel, v| (v - by.mean[channel]) / by.std[channel], 3)
}

/// Truncates flow to `[-bound, bound]` pixels and divides by `bound`; RGB stays.
///
/// I3D's range is that of `bound` 20 (Carreira and Zisserman 2017).
///
/// # Errors
///
/// If the clip has no flow, or `bound` is not positive.
pub fn scale_flow(clip: &Clip, bound: f32) -> Result<Clip> {
    let Some(first) = clip.channels().flow() else {
        bail!("scale flow: {:?} {:?} has no flow", clip.channels(), clip.tensor().shape())
    };
    if bound.is_nan() || bound <= 0. {
        bail!("scale flow: a positive bound wanted, got {bound}")
    }
    map(clip, first, |_, v| v.clamp(-bound, bound) / bound, 2)
}

/// Cells of a task.
const PIECE: usize = 1 << 15;

/// Applies `f` to `count` channels from `first` on.
fn map(
    clip: &Clip,
    first: usize,
    f: impl Fn(usize, f32) -> f32 + Sync,
    count: usize,
) -> Result<Clip> {
    let (_, t, h, w) = clip.dims();
    let plane = t * h * w;
    let data = clip.read(|data| {
        let mut out = vec![0f32; data.len()];
        let channels = out.chunks_exact_mut(plane).zip(data.chunks_exact(plane));
        for (c, (to, from)) in channels.enumerate() {
            let here = c.checked_sub(first).filter(|c| *c < count);
            let pieces = to.par_chunks_mut(PIECE).zip(from.par_chunks(PIECE));
            pieces.for_each(|(to, from)| match here {
                Some(c) => to.iter_mut().zip(from).for_each(|(to, v)| *to = f(c, *v)),
                None => to.copy_from_slice(from),
            });
        }
        out
    })?;
    clip.rebuilt(data, h, w)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, Tensor};

    fn clip(values: &[f32]) -> Clip {
        let values = Tensor::new(values, &Device::Cpu).unwrap();
        Clip::new(values.reshape((values.elem_count(), 1, 1, 1)).unwrap()).unwrap()
    }

    fn values(clip: &Clip) -> Vec<f32> {
        clip.tensor().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn normalize_takes_each_channel_its_own_mean_and_deviation() {
        let by = Normalize { mean: [0.5, 0.25, 0.], std: [0.5, 0.25, 2.] };
        assert_eq!(values(&normalize(&clip(&[1., 1., 1.]), &by).unwrap()), [1., 3., 0.5]);
        assert_eq!(
            values(&normalize(&clip(&[0., 0.5, 1., 7., -8.]), &Normalize::SIGNED).unwrap()),
            [-1., 0., 1., 7., -8.]
        );
        assert!(normalize(&clip(&[1., 2.]), &by).is_err());
        let zero = Normalize { std: [1., 0., 1.], ..by };
        assert!(normalize(&clip(&[1., 1., 1.]), &zero).is_err());
    }

    #[test]
    fn scale_flow_truncates_flow_and_leaves_rgb() {
        assert_eq!(values(&scale_flow(&clip(&[10., -50.]), 20.).unwrap()), [0.5, -1.]);
        let both = scale_flow(&clip(&[0.1, 0.2, 0.3, 40., 5.]), 20.).unwrap();
        assert_eq!(values(&both), [0.1, 0.2, 0.3, 1., 0.25]);
        assert!(scale_flow(&clip(&[0.1, 0.2, 0.3]), 20.).is_err());
        assert!(scale_flow(&clip(&[0.1, 0.2]), 0.).is_err());
    }
}
