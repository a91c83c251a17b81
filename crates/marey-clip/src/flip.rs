//! Mirroring clips, in space and in time.

use candle::{Result, Tensor, bail};

use crate::clip::{Channels, Clip};

/// Left becomes right. The x of flow, where the clip has flow, changes its sign.
///
/// # Errors
///
/// Only candle's own.
pub fn flip(clip: &Clip) -> Result<Clip> {
    let (_, t, h, w) = clip.dims();
    let data = clip.read(|data| {
        let mut out = data.to_vec();
        out.chunks_exact_mut(w).for_each(<[f32]>::reverse);
        if let Some(x) = clip.channels().flow() {
            let plane = t * h * w;
            out[x * plane..][..plane].iter_mut().for_each(|v| *v = -*v);
        }
        out
    })?;
    clip.rebuilt(data, h, w)
}

/// The last frame becomes the first.
///
/// # Errors
///
/// If the clip has flow: that of a video played backwards is not this one in another order
/// and has to be computed from its frames.
pub fn reverse(clip: &Clip) -> Result<Clip> {
    if matches!(clip.channels(), Channels::Flow | Channels::RgbFlow) {
        bail!("reverse: the flow of a reversed video must be computed anew")
    }
    let (_, t, ..) = clip.dims();
    let order: Vec<u32> = (0..t as u32).rev().collect();
    let order = Tensor::from_vec(order, t, clip.tensor().device())?;
    Ok(clip.view(clip.tensor().contiguous()?.index_select(&order, 1)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{DType, Device};

    fn counting(c: usize) -> Clip {
        let values = Tensor::arange(0f32, (c * 4) as f32, &Device::Cpu).unwrap();
        Clip::new(values.reshape((c, 2, 1, 2)).unwrap()).unwrap()
    }

    fn values(clip: &Clip) -> Vec<f32> {
        clip.tensor().flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn flip_mirrors_rows_and_negates_the_x_of_flow_only() {
        assert_eq!(values(&flip(&counting(1)).unwrap()), [1., 0., 3., 2.]);
        assert_eq!(values(&flip(&counting(2)).unwrap()), [-1., -0., -3., -2., 5., 4., 7., 6.]);
        let both = values(&flip(&counting(5)).unwrap());
        assert_eq!(both[8..], [9., 8., 11., 10., -13., -12., -15., -14., 17., 16., 19., 18.]);
    }

    #[test]
    fn flip_twice_is_nothing_also_of_a_crop() {
        let clip = counting(5);
        assert_eq!(values(&flip(&flip(&clip).unwrap()).unwrap()), values(&clip));
        let part = crate::crop(&counting(3), 0, 1, 1, 1).unwrap();
        assert_eq!(values(&flip(&part).unwrap()), [1., 3., 5., 7., 9., 11.]);
    }

    #[test]
    fn reverse_turns_time_and_refuses_flow() {
        let back = values(&reverse(&counting(3)).unwrap());
        assert_eq!(back, [2., 3., 0., 1., 6., 7., 4., 5., 10., 11., 8., 9.]);
        let flow = Tensor::zeros((2, 3, 2, 2), DType::F32, &Device::Cpu).unwrap();
        assert!(reverse(&Clip::new(flow).unwrap()).is_err());
    }
}
