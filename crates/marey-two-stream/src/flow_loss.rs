//! The losses that teach flow without any being given: the next frame, warped back by the flow, should look like this one,
//! and flow should be smooth.
//!
//! Reference: Zhu et al., ACCV 2018, section 3.1, with the constants and the divisors of the released definition for Caffe
//! (`multiframe_MotionNet/train.prototxt` and the layers it names).

use candle::{DType, Device, Module};
use candle::{Result, Tensor, bail};
use marey_flow::warp;
use marey_layers::LocalResponseNorm;

use crate::down_sample::down_sample;

/// Of the flow of one size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// What predicted flow is multiplied by to be in pixels of its own size.
    pub scale: f64,
    /// The weight of the structural similarity; the other losses have 1.
    pub similarity: f64,
}

/// From the smallest flow to the largest.
pub const LEVELS: [Level; 5] = [
    Level { scale: 0.625, similarity: 0.16 },
    Level { scale: 1.25, similarity: 0.08 },
    Level { scale: 2.5, similarity: 0.04 },
    Level { scale: 5., similarity: 0.02 },
    Level { scale: 10., similarity: 0.01 },
];

/// What makes images comparable: across the channels of each pixel.
const NORM: LocalResponseNorm = LocalResponseNorm { size: 9, alpha: 1., beta: 0.7, k: 1. };

/// Exponents of the penalties.
const PHOTOMETRIC: f64 = 0.4;
const SMOOTHNESS: f64 = 0.3;

/// The sum over all sizes of the photometric loss, the smoothness of x and of y, and the similarity times its weight and
/// times `similarity`.
///
/// `xs` is a clip `[N, 3, L + 1, H, W]`, `flows` what a network predicts of it, `[N, 2 L, h, w]` of five sizes from small to
/// large. There is no gradient of the clip.
pub fn flow_loss(xs: &Tensor, flows: &[Tensor], similarity: f64) -> Result<Tensor> {
    let (n, _, frames, _, _) = xs.dims5()?;
    if flows.len() != LEVELS.len() || frames < 2 {
        bail!("flow loss: expected 5 flows of 2 frames or more, got {} of {frames}", flows.len())
    }
    let images = NORM.forward(&xs.detach())?.transpose(1, 2)?.contiguous()?;
    let mut sum = Tensor::zeros((), xs.dtype(), xs.device())?;
    for (level, flow) in LEVELS.into_iter().zip(flows) {
        let (_, channels, h, w) = flow.dims4()?;
        let fields = frames - 1;
        if channels != 2 * fields {
            bail!("flow loss: expected {} channels of flow, got {:?}", 2 * fields, flow.dims())
        }
        let small = down_sample(&images, h, w)?;
        let (these, next) = (small.narrow(1, 0, fields)?, small.narrow(1, 1, fields)?);
        let pixels = (flow.contiguous()?.reshape((n * fields, 2, h, w))? * level.scale)?;
        let next = next.contiguous()?.reshape((n * fields, 3, h, w))?;
        let warped = warp(&next, &pixels)?.reshape((n, fields * 3, h, w))?;
        let these = these.contiguous()?.reshape((n, fields * 3, h, w))?;
        let mask = border_mask(h, w, flow.dtype(), flow.device())?;
        // As the released code counts: the cells of the mask of all images, and once more the batch.
        let cells = (n * n * fields * 3) as f64;
        let cells = (mask.sum_all()? * cells)?;
        let penalty = |xs: &Tensor, alpha, beta| -> Result<Tensor> {
            charbonnier(xs, alpha, beta)?.broadcast_mul(&mask)?.sum_all()?.div(&cells)
        };
        let photometric = penalty(&(&these - &warped)?, PHOTOMETRIC, 255.)?;
        let similar = (dissimilarity(&warped, &these)? * (level.similarity * similarity))?;
        sum = ((sum + photometric)? + similar)?;
        for component in 0..2 {
            let field = flow.reshape((n, fields, 2, h, w))?.narrow(2, component, 1)?.squeeze(2)?;
            sum = (sum + penalty(&steps(&field)?, SMOOTHNESS, level.scale)?)?;
        }
    }
    Ok(sum)
}

/// The generalised Charbonnier penalty `((beta x)^2 + 0.001^2)^alpha` of each cell.
pub fn charbonnier(xs: &Tensor, alpha: f64, beta: f64) -> Result<Tensor> {
    ((xs * beta)?.sqr()? + 1e-6)?.powf(alpha)
}

/// `[h, w]`: 0 along the border, a tenth of the shorter side wide, and 1 inside.
pub fn border_mask(h: usize, w: usize, dtype: DType, device: &Device) -> Result<Tensor> {
    let border = (h.min(w) as f64 * 0.1).round() as usize;
    let inside = |i: usize, len: usize| f32::from(i >= border && i + border < len);
    let cells = (0..h * w).map(|i| inside(i / w, h) * inside(i % w, w));
    Tensor::from_vec(cells.collect(), (h, w), device)?.to_dtype(dtype)
}

/// What each cell of `[N, L, H, W]` has more than its right neighbour, and than the one below: `[N, 2 L, H, W]`. Where there
/// is no neighbour, 0.
pub fn steps(xs: &Tensor) -> Result<Tensor> {
    let along = |axis| -> Result<Tensor> {
        let len = xs.dim(axis)?;
        if len == 1 {
            return xs.zeros_like();
        }
        let (here, there) = (xs.narrow(axis, 0, len - 1)?, xs.narrow(axis, 1, len - 1)?);
        (here - there)?.pad_with_zeros(axis, 0, 1)
    };
    Tensor::cat(&[along(3)?, along(2)?], 1)
}

/// Side and step of the windows that images are compared in.
const WINDOW: usize = 8;

/// One minus the structural similarity of `xs` and `ys`, both `[N, C, H, W]`, summed over windows of 8 x 8 side by side and
/// over channels, and divided by `N`. Windows that reach beyond the end see zeros there.
pub fn dissimilarity(xs: &Tensor, ys: &Tensor) -> Result<Tensor> {
    const C1: f64 = 1e-4;
    const C2: f64 = 1e-3;
    let (n, c, h, w) = xs.dims4()?;
    let (rows, columns) = (h.div_ceil(WINDOW), w.div_ceil(WINDOW));
    let weights = window(xs.dtype(), xs.device())?;
    let means = |xs: &Tensor| -> Result<Tensor> {
        let xs = xs.pad_with_zeros(2, 0, rows * WINDOW - h)?;
        let xs = xs.pad_with_zeros(3, 0, columns * WINDOW - w)?;
        let windows = xs.contiguous()?.reshape((n * c, rows, WINDOW, columns, WINDOW))?;
        windows.broadcast_mul(&weights)?.sum((2, 4))
    };
    let (x, y) = (means(xs)?, means(ys)?);
    let (xx, yy, xy) = (x.sqr()?, y.sqr()?, (&x * &y)?);
    let spread = ((means(&xs.sqr()?)? - &xx)? + (means(&ys.sqr()?)? - &yy)?)?;
    let common = (means(&(xs * ys)?)? - &xy)?;
    let light = (((xy * 2.)? + C1)? / ((xx + yy)? + C1)?)?;
    let structure = (((common * 2.)? + C2)? / (spread + C2)?)?;
    let count = (n * c * rows * columns) as f64;
    (count - (light * structure)?.sum_all()?)? / n as f64
}

/// Gaussian weights `[1, 1, 8, 1, 8]` around cell 4, which is half a cell off the middle, of a deviation of 16 / 12.
fn window(dtype: DType, device: &Device) -> Result<Tensor> {
    let deviation = 2. * WINDOW as f64 / 12.;
    let bell = |i: usize| {
        let off = i as f64 - WINDOW as f64 / 2.;
        (-off * off / (2. * deviation * deviation)).exp()
    };
    let sum: f64 = (0..WINDOW).map(bell).sum();
    let cell = |i: usize| bell(i / WINDOW) * bell(i % WINDOW) / (sum * sum);
    let cells: Vec<f64> = (0..WINDOW * WINDOW).map(cell).collect();
    Tensor::from_vec(cells, (1, 1, WINDOW, 1, WINDOW), device)?.to_dtype(dtype)
}
