//! Images warped by flow, and brought down to the size of a flow: what the losses of MotionNet look at.
//!
//! Reference: Zhu et al., "Hidden Two-Stream Convolutional Networks for Action Recognition", ACCV 2018, section 3.1,
//! <https://arxiv.org/abs/1704.00389>, and the layers `FlowTransformer` and `Downsample` of its released code.

use candle::{DType, Result, Tensor, bail};

/// `images` `[M, C, H, W]` seen through `flow` `[M, 2, H, W]` in pixels, x before y: a pixel is taken, between four, from
/// where its flow points to. Beyond the image all is 0.
///
/// There is a gradient of the flow, and of the images.
pub fn warp(images: &Tensor, flow: &Tensor) -> Result<Tensor> {
    let (m, c, h, w) = images.dims4()?;
    if flow.dims() != [m, 2, h, w] {
        bail!("warp: expected flow {:?}, got {:?}", [m, 2, h, w], flow.dims())
    }
    let dev = images.device();
    let line = |len: usize| Tensor::arange(0, len as u32, dev)?.to_dtype(flow.dtype());
    let x = flow.narrow(1, 0, 1)?.broadcast_add(&line(w)?.reshape((1, 1, 1, w))?)?;
    let y = flow.narrow(1, 1, 1)?.broadcast_add(&line(h)?.reshape((1, 1, h, 1))?)?;
    let pixels = images.contiguous()?.reshape((m, c, h * w))?;
    let (x, y) = (Between::new(&x, w)?, Between::new(&y, h)?);
    let mut sum: Option<Tensor> = None;
    for y in &y.0 {
        for x in &x.0 {
            let at = ((&y.cell * w as f64)? + &x.cell)?.to_dtype(DType::U32)?;
            let at = at.reshape((m, 1, h * w))?.broadcast_as((m, c, h * w))?.contiguous()?;
            let share = (&y.share * &x.share)?.reshape((m, 1, h * w))?;
            let part = pixels.gather(&at, 2)?.broadcast_mul(&share)?;
            sum = Some(match sum {
                None => part,
                Some(sum) => (sum + part)?,
            });
        }
    }
    let Some(sum) = sum else { bail!("warp: no pixel to take") };
    sum.reshape((m, c, h, w))
}

/// The two cells that places along an axis lie between.
struct Between([Neighbour; 2]);

struct Neighbour {
    /// Its number; of one beyond the end, that at the end.
    cell: Tensor,
    /// What it has of the value; beyond the end, nothing.
    share: Tensor,
}

impl Between {
    fn new(places: &Tensor, len: usize) -> Result<Self> {
        let low = places.detach().floor()?;
        let past = (places - &low)?;
        let neighbour = |cell: Tensor, share: Tensor| -> Result<Neighbour> {
            let last = len as f64 - 1.;
            let inside = (cell.ge(0.)? * cell.le(last)?)?.to_dtype(share.dtype())?;
            Ok(Neighbour { cell: cell.clamp(0., last)?, share: (share * inside)? })
        };
        Ok(Self([neighbour(low.clone(), (1. - &past)?)?, neighbour((low + 1.)?, past)?]))
    }
}

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
