//! Images brought down to the size of a flow, as the losses of MotionNet see them.
//!
//! Reference: the layer `Downsample` of the released code of Zhu et al., ACCV 2018, <https://arxiv.org/abs/1704.00389>.

use candle::{Result, Tensor, bail};

/// Images `[.., H, W]` at `h` x `w` pixels, as FlowNet brings them down: corners stay corners, and a pixel is the mean of
/// those around its place, which count less the further off they are, down to nothing at one pixel of the new size.
///
/// Sides must be of two pixels at least.
pub fn down_sample(images: &Tensor, h: usize, w: usize) -> Result<Tensor> {
    let [lead @ .., from_h, from_w] = images.dims() else {
        bail!("down-sample: expected images [.., H, W], got {:?}", images.dims())
    };
    if h < 2 || w < 2 || *from_h < h || *from_w < w {
        bail!(
            "down-sample: expected at most {from_h}x{from_w} pixels, and 2x2 or more, got {h}x{w}"
        )
    }
    let means = |from: usize, to: usize| -> Result<Tensor> {
        let step = (from - 1) as f64 / (to - 1) as f64;
        let mut rows = Vec::with_capacity(from * to);
        for i in 0..to {
            let weight = |j: usize| (1. - (j as f64 - i as f64 * step).abs() / step).max(0.);
            let sum: f64 = (0..from).map(weight).sum();
            rows.extend((0..from).map(|j| weight(j) / sum));
        }
        Tensor::from_vec(rows, (to, from), images.device())?.to_dtype(images.dtype())
    };
    let rows = images.contiguous()?.reshape(((), *from_w))?;
    let thin = rows.matmul(&means(*from_w, w)?.t()?.contiguous()?)?;
    let thin = thin.reshape(((), *from_h, w))?;
    let small = means(*from_h, h)?.unsqueeze(0)?.broadcast_matmul(&thin)?;
    small.reshape([lead, &[h, w]].concat())
}
