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

/// Their maps as those of clips again: `[N T, C, 1, H, W]` to `[N, C, T, H, W]`.
pub fn batch_into_time(xs: &Tensor, n: usize) -> Result<Tensor> {
    let (all, c, one, h, w) = xs.dims5()?;
    if n == 0 || !all.is_multiple_of(n) || one != 1 {
        bail!("expected frames of {n} clips, [N T, C, 1, H, W], got {:?}", xs.dims())
    }
    xs.contiguous()?.reshape((n, all / n, c, h, w))?.transpose(1, 2)
}

/// What two-stream networks see of clips `[N, C + 2, T L, H, W]` of `T` pieces of `length` frames, each with its flow in the last two
/// channels: the middle frame of each piece, `[N, C, T, H, W]`, and its fields as channels, `[N, 2 L, T, H, W]`.
///
/// Errors, in the name of `network`, if clips have not the `frame` channels of a frame and two more, or no whole pieces.
pub fn pieces(network: &str, xs: &Tensor, frame: usize, length: usize) -> Result<[Tensor; 2]> {
    let (n, _, all, h, w) = xs.dims5()?;
    if all == 0 || length == 0 || !all.is_multiple_of(length) {
        bail!("{network}: expected clips of pieces of {length} frames, got {:?}", xs.dims())
    }
    let t = all / length;
    let middles: Vec<u32> = (0..t).map(|i| (i * length + length / 2) as u32).collect();
    let frames = channels(network, xs, 0, frame)?.contiguous()?;
    let frames = frames.index_select(&Tensor::new(middles, xs.device())?, 2)?;
    let flow = channels(network, xs, frame, 2)?.contiguous()?;
    // [N, 2, T, L, ..] to [N, L, 2, T, ..]: x and y of the first field, of the second, and so on.
    let flow = flow.reshape((n, 2, t, length, h * w))?.permute((0, 3, 1, 2, 4))?;
    Ok([frames, flow.contiguous()?.reshape((n, 2 * length, t, h, w))?])
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
        let again = batch_into_time(&time_into_batch(&flow)?, 1)?;
        assert_eq!(again.flatten_all()?.to_vec1::<f32>()?, [1., 3., 2., 4.]);
        Ok(())
    }

    #[test]
    fn pieces_are_a_frame_and_its_flow() -> Result<()> {
        // Four frames of one channel, 0 to 3, with x of 10 to 13 and y of 20 to 23, in pieces of two.
        let values: Vec<f32> = (0..12).map(|i| (i / 4 * 10 + i % 4) as f32).collect();
        let clip = Tensor::from_vec(values, (1, 3, 4, 1, 1), &Device::Cpu)?;
        let [frames, flow] = pieces("test", &clip, 1, 2)?;
        assert_eq!(frames.dims(), [1, 1, 2, 1, 1]);
        assert_eq!(frames.flatten_all()?.to_vec1::<f32>()?, [1., 3.]);
        assert_eq!(flow.dims(), [1, 4, 2, 1, 1]);
        // Channel by channel over both pieces: x of the first field, y of it, x and y of the second.
        assert_eq!(flow.flatten_all()?.to_vec1::<f32>()?, [10., 12., 20., 22., 11., 13., 21., 23.]);
        assert!(pieces("test", &clip, 1, 3).is_err() && pieces("test", &clip, 2, 2).is_err());
        Ok(())
    }
}
