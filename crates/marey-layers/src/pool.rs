//! Pooling over `[N, C, T, H, W]` and `[N, C, H, W]`.

use candle::{Module, Result, Tensor, bail};
use marey_kernels::{PoolShape, norm, pool};

use crate::tape::{self, Input, with_cells};
use crate::{Padding, ops, trace};

mod composed;

/// Window of a pooling layer, in the order `[t, h, w]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool3dConfig {
    /// Size of the window.
    pub kernel: [usize; 3],
    /// Step of the window.
    pub stride: [usize; 3],
    /// Cells added around the input. They never win a maximum.
    pub padding: Padding,
    /// Whether the last window may reach beyond the end (Caffe's way) or is left out.
    pub ceil: bool,
    /// Whether padding counts in an average, as zeros (PyTorch's default), or not (TensorFlow's way).
    pub count_padding: bool,
}

impl Pool3dConfig {
    /// A window of `kernel` that moves by `stride`, with no padding.
    pub fn new(kernel: [usize; 3], stride: [usize; 3]) -> Self {
        Self { kernel, stride, padding: Padding::default(), ceil: false, count_padding: true }
    }

    fn shape(&self, layer: &str, xs: &Tensor) -> Result<PoolShape> {
        let [n, c, t, h, w] = *xs.dims() else {
            bail!("{layer}: expected clips [N, C, T, H, W], got {:?}", xs.dims())
        };
        let window = self.padding.window(self.kernel, self.stride, [t, h, w]);
        let shape = PoolShape { n, channels: c, input: [t, h, w], window, ceil: self.ceil };
        if shape.output().is_none() {
            bail!("{layer}: {self:?} does not fit {t}x{h}x{w}, or would see padding alone")
        }
        Ok(shape)
    }

    fn forward(&self, layer: &str, xs: &Tensor, reduction: Reduction) -> Result<Tensor> {
        let shape = self.shape(layer, xs)?;
        if trace::recording() {
            let [t, h, w] = shape.output().unwrap_or_default();
            return trace::zeros((shape.n, shape.channels, t, h, w), xs.device());
        }
        if ops::takes(xs) {
            return recorded(shape, reduction, xs);
        }
        match reduction {
            Reduction::Max => composed::max(&shape, xs),
            Reduction::Average { count_padding } => composed::average(&shape, count_padding, xs),
        }
    }
}

/// What is made of the cells under a window.
#[derive(Clone, Copy)]
enum Reduction {
    Max,
    /// The mean, padding counted or not.
    Average {
        count_padding: bool,
    },
}

/// By the kernels, on the graph where there is one.
fn recorded(shape: PoolShape, reduction: Reduction, xs: &Tensor) -> Result<Tensor> {
    let xs = Input::of(xs)?;
    let [t, h, w] = shape.output().unwrap_or_default();
    let dims = (shape.n, t, h, w, shape.channels);
    let ys = xs.with(|xs| match reduction {
        Reduction::Max => pool::max(&shape, xs),
        Reduction::Average { count_padding } => pool::average(&shape, count_padding, xs),
    })?;
    let input = xs.clone();
    let backward = move |ys: &Tensor, dys: Vec<f32>| {
        let Some(mut dxs) = input.gradient() else { return Ok([None, None]) };
        match reduction {
            Reduction::Max => input.with(|xs| {
                with_cells(ys, |ys| pool::max_gradient(&shape, xs, ys, &dys, &mut dxs))
            })??,
            Reduction::Average { count_padding } => {
                pool::average_gradient(&shape, count_padding, &dys, &mut dxs);
            }
        }
        Ok([None, None])
    };
    tape::output(ys, dims, &[&xs], &[], Box::new(backward))
}

/// Max pooling.
///
/// Where several cells of a window are equal the gradient goes to the first on the CPU, as in PyTorch, and is shared
/// between them on other devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPool3d(pub Pool3dConfig);

impl Module for MaxPool3d {
    /// `[N, C, T, H, W]` to `[N, C, T', H', W']`.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        self.0.forward("max_pool3d", xs, Reduction::Max)
    }
}

/// Average pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvgPool3d(pub Pool3dConfig);

impl Module for AvgPool3d {
    /// `[N, C, T, H, W]` to `[N, C, T', H', W']`.
    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        self.0.forward("avg_pool3d", xs, Reduction::Average { count_padding: self.0.count_padding })
    }
}

/// Max pooling of images: `[N, C, H, W]` to `[N, C, H', W']`. The window's time must be one frame, unpadded.
pub fn max_pool2d(xs: &Tensor, config: Pool3dConfig) -> Result<Tensor> {
    in_one_frame(xs, &MaxPool3d(config))
}

/// Average pooling of images: `[N, C, H, W]` to `[N, C, H', W']`. The window's time must be one frame, unpadded.
pub fn avg_pool2d(xs: &Tensor, config: Pool3dConfig) -> Result<Tensor> {
    in_one_frame(xs, &AvgPool3d(config))
}

fn in_one_frame(xs: &Tensor, pool: &impl Module) -> Result<Tensor> {
    let [_, _, _, _] = *xs.dims() else {
        bail!("pool2d: expected images [N, C, H, W], got {:?}", xs.dims())
    };
    pool.forward(&xs.unsqueeze(2)?)?.squeeze(2)
}

/// The mean over all but the first two axes: `[N, C, ..]` to `[N, C]`.
pub fn global_avg_pool(xs: &Tensor) -> Result<Tensor> {
    if trace::recording() || !ops::takes(xs) || xs.rank() < 3 || xs.elem_count() == 0 {
        let flat = flat(xs)?;
        return flat.sum(2)? / flat.dim(2)? as f64;
    }
    let (n, c) = (xs.dim(0)?, xs.dim(1)?);
    let xs = Input::of(xs)?;
    let len = xs.dims().iter().product::<usize>() / n;
    let places = (len / c) as f64;
    let mut ys = Vec::with_capacity(n * c);
    xs.with(|xs| {
        for clip in xs.chunks(len) {
            ys.extend(norm::sums(clip, c).into_iter().map(|sum| (sum / places) as f32));
        }
    })?;
    let input = xs.clone();
    let backward = move |_: &Tensor, dys: Vec<f32>| {
        if let Some(mut sum) = input.gradient() {
            let shares: Vec<f32> = dys.iter().map(|dy| dy / places as f32).collect();
            let clips = shares.chunks(c).flat_map(|clip| std::iter::repeat_n(clip, len / c));
            sum.add(&clips.flatten().copied().collect::<Vec<f32>>());
        }
        Ok([None, None])
    };
    tape::output(ys, (n, c), &[&xs], &[], Box::new(backward))
}

/// The maximum over all but the first two axes: `[N, C, ..]` to `[N, C]`.
pub fn global_max_pool(xs: &Tensor) -> Result<Tensor> {
    flat(xs)?.max(2)
}

/// `[N, C, places]`; of one place where only shapes count.
fn flat(xs: &Tensor) -> Result<Tensor> {
    match xs.dims() {
        &[n, c, ..] if trace::recording() => trace::zeros((n, c, 1), xs.device()),
        _ => xs.flatten_from(2),
    }
}
