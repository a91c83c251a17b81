//! First weights from those of another network: 2D kernels inflated into 3D (Carreira and Zisserman 2017, section 2.2), and
//! kernels of RGB taken over by other channels (Wang et al. 2016, section 3.2).

use candle::{Result, Tensor, bail};

/// Repeats `[O, I, H, W]` over `taps` frames and divides by `taps`: `[O, I, taps, H, W]`.
///
/// On a clip that repeats one image, away from its first and last frames, a convolution then answers as on the image.
pub fn inflate(kernel: &Tensor, taps: usize) -> Result<Tensor> {
    if taps == 0 {
        bail!("inflate: a kernel over no frame")
    }
    let (o, i, h, w) = kernel.dims4()?;
    kernel.unsqueeze(2)?.broadcast_as((o, i, taps, h, w))?.contiguous()? / taps as f64
}

/// The kernel of a first convolution for `channels` channels of another kind, say of flow, from that for RGB `[O, I, ..]`: its
/// mean over channels, for each of the new ones. "Cross modality pre-training" in the words of the paper.
pub fn cross_modality(kernel: &Tensor, channels: usize) -> Result<Tensor> {
    if channels == 0 || kernel.rank() < 2 {
        bail!(
            "cross modality: expected a kernel [O, I, ..] for channels, got {:?} for {channels}",
            kernel.dims()
        )
    }
    let mut dims = kernel.dims().to_vec();
    dims[1] = channels;
    kernel.mean_keepdim(1)?.broadcast_as(dims)?.contiguous()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{DType, Device, Module};
    use marey_layers::{Conv3d, Conv3dConfig};

    #[test]
    fn inflated_kernel_answers_to_a_boring_video_as_to_its_image() -> Result<()> {
        let values = |n: usize| (0..n).map(|i| (0.7 * i as f32).sin()).collect::<Vec<_>>();
        let dev = &Device::Cpu;
        let kernel = Tensor::from_vec(values(4 * 3 * 9), (4, 3, 3, 3), dev)?;
        let image = Tensor::from_vec(values(3 * 64), (1, 3, 8, 8), dev)?;
        let want = image.conv2d(&kernel, 1, 1, 1, 1)?;
        for taps in [1, 3, 5] {
            let clip = image.unsqueeze(2)?.broadcast_as((1, 3, 9, 8, 8))?.contiguous()?;
            let config = Conv3dConfig { padding: [taps / 2, 1, 1].into(), ..Default::default() };
            let got = Conv3d::new(inflate(&kernel, taps)?, None, config).forward(&clip)?;
            for t in taps / 2..9 - taps / 2 {
                let worst = (got.narrow(2, t, 1)?.squeeze(2)? - &want)?.abs()?.max_all()?;
                let worst = worst.to_dtype(DType::F64)?.to_scalar::<f64>()?;
                assert!(worst < 1e-5, "{taps} taps, frame {t}: differs by {worst}");
            }
        }
        Ok(())
    }

    #[test]
    fn kernels_of_another_modality_are_means() -> Result<()> {
        let kernel = Tensor::new(&[1f32, 10., 2., 20., 6., 60.], &Device::Cpu)?;
        let kernel = kernel.reshape((1, 3, 1, 1, 2))?;
        let got = cross_modality(&kernel, 2)?;
        assert_eq!(got.dims(), [1, 2, 1, 1, 2]);
        assert_eq!(got.flatten_all()?.to_vec1::<f32>()?, [3., 30., 3., 30.]);
        assert!(cross_modality(&kernel, 0).is_err());
        Ok(())
    }
}
