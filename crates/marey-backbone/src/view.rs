//! What networks of images see of a clip.

use candle::{Result, Tensor, bail};

/// Frame `T / 2` of `[N, C, T, H, W]`: `[N, C, 1, H, W]`.
pub fn middle_frame(xs: &Tensor) -> Result<Tensor> {
    xs.narrow(2, xs.dim(2)? / 2, 1)
}

/// All frames as one with more channels: `[N, C, T, H, W]` to `[N, T C, 1, H, W]`, the channels of a frame side by side. Of flow these
/// are x and y of the first field, x and y of the second, and so on.
pub fn time_into_channels(xs: &Tensor) -> Result<Tensor> {
    let (n, c, t, h, w) = xs.dims5()?;
    xs.transpose(1, 2)?.contiguous()?.reshape((n, t * c, 1, h, w))
}

/// Frames as clips of one frame each: `[N, C, T, H, W]` to `[N T, C, 1, H, W]`, those of a clip side by side.
pub fn time_into_batch(xs: &Tensor) -> Result<Tensor> {
    let (n, c, t, h, w) = xs.dims5()?;
    xs.transpose(1, 2)?.contiguous()?.reshape((n * t, c, 1, h, w))
}

/// Channels `first..first + count` of clips `[N, C, T, H, W]`, or an error that says whose they should have been.
pub fn channels(network: &str, xs: &Tensor, first: usize, count: usize) -> Result<Tensor> {
    let (_, c, _, _, _) = xs.dims5()?;
    if c < first + count {
        bail!("{network}: expected {} channels, got {:?}", first + count, xs.dims())
    }
    xs.narrow(1, first, count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Device;

    #[test]
    fn frames_become_channels_x_before_y() -> Result<()> {
        // Two fields of two components and one cell: (1, 2), then (3, 4), kept component by component.
        let flow = Tensor::new(&[1f32, 3., 2., 4.], &Device::Cpu)?.reshape((1, 2, 2, 1, 1))?;
        let stacked = time_into_channels(&flow)?;
        assert_eq!(stacked.dims(), [1, 4, 1, 1, 1]);
        assert_eq!(stacked.flatten_all()?.to_vec1::<f32>()?, [1., 2., 3., 4.]);
        assert_eq!(
            time_into_batch(&flow)?.squeeze(4)?.squeeze(3)?.squeeze(2)?.to_vec2::<f32>()?,
            [[1., 2.], [3., 4.]]
        );
        assert_eq!(middle_frame(&flow)?.flatten_all()?.to_vec1::<f32>()?, [3., 4.]);
        Ok(())
    }
}
