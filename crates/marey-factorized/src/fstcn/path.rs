//! The two paths of F_ST-CN above its shared convolutions.

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::{
    Conv3d, Conv3dConfig, Dropout, Linear, MaxPool3d, Padding, Pool3dConfig, Unit, concat, conv3d,
    conv3d_no_bias, dropout, linear, relu, trace,
};

use super::FstCnConfig;

/// The pooling after a path's convolution.
pub(super) const POOL: Pool3dConfig = Pool3dConfig {
    kernel: [1, 3, 3],
    stride: [1, 3, 3],
    padding: Padding::Both([0; 3]),
    ceil: false,
    count_padding: true,
};

/// What both paths begin with: a convolution and a pooling.
struct Maps(Unit);

impl Maps {
    fn new(config: &FstCnConfig, vb: &VarBuilder) -> Result<Self> {
        let padded = Conv3dConfig { padding: [0, 1, 1].into(), ..Default::default() };
        let conv = conv3d(config.lower[3], config.upper, [1, 3, 3], padded, vb.pp("conv"))?;
        Ok(Self(Unit::from(conv).relu()))
    }

    fn forward_t(&self, name: &str, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = MaxPool3d(POOL).forward(&self.0.forward_t(xs, train)?)?;
        trace::stage(name, &xs);
        Ok(xs)
    }
}

/// Places that the pooling leaves of maps `[C, T, H, W]`.
pub(super) fn places([_, _, h, w]: [usize; 4]) -> Result<usize> {
    match POOL.padding.window(POOL.kernel, POOL.stride, [1, h, w]).output([1, h, w]) {
        Some([_, h, w]) => Ok(h * w),
        None => candle::bail!("f_st-cn: maps of {h} x {w} are too small for its poolings"),
    }
}

/// What both paths end with: two full layers.
struct Full([Linear; 2]);

impl Full {
    fn new(d_in: usize, units: [usize; 2], vb: &VarBuilder) -> Result<Self> {
        let [first, second] = units;
        Ok(Self([linear(d_in, first, vb.pp("fc1"))?, linear(first, second, vb.pp("fc2"))?]))
    }

    fn forward(&self, name: &str, xs: &Tensor) -> Result<Tensor> {
        let mut xs = xs.flatten_from(1)?;
        for (i, fc) in self.0.iter().enumerate() {
            xs = relu(&fc.forward(&xs)?)?;
            trace::stage(&format!("{name}.fc{}", i + 1), &xs);
        }
        Ok(xs)
    }
}

/// The spatial path, `[N, C, 1, H, W]` to `[N, 2048]`.
pub(super) struct Spatial {
    maps: Maps,
    full: Full,
}

impl Spatial {
    /// For shared maps `[C, T, H, W]`.
    pub(super) fn new(config: &FstCnConfig, maps: [usize; 4], vb: VarBuilder) -> Result<Self> {
        let full = Full::new(config.upper * places(maps)?, config.units, &vb)?;
        Ok(Self { maps: Maps::new(config, &vb)?, full })
    }
}

impl ModuleT for Spatial {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.full.forward("spatial", &self.maps.forward_t("spatial.conv", xs, train)?)
    }
}

/// The temporal path, `[N, C, T, H, W]` to `[N, 2048]`.
pub(super) struct Temporal {
    maps: Maps,
    /// The matrix P of the T-P operator, as a kernel of one cell: what it does to features it does at every place and time.
    permute: Conv3d,
    tcl: Vec<(Unit, Dropout)>,
    full: Full,
}

impl Temporal {
    /// For shared maps `[C, T, H, W]`.
    pub(super) fn new(config: &FstCnConfig, maps: [usize; 4], vb: VarBuilder) -> Result<Self> {
        let FstCnConfig { upper, kernels, filters, units, dropout: p, .. } = *config;
        let places = places(maps)?;
        let tcl = |side: &usize| {
            let pad = side / 2;
            let padded = Conv3dConfig { padding: [0, pad, pad].into(), ..Default::default() };
            let vb = vb.pp(format!("tcl{side}"));
            let drop = dropout(p, &vb.pp("dropout"))?;
            let conv = conv3d(places, filters, [1, *side, *side], padded, vb)?;
            Ok((Unit::from(conv).relu(), drop))
        };
        let tcl = kernels.iter().map(tcl).collect::<Result<Vec<_>>>()?;
        let permute =
            conv3d_no_bias(upper, upper, [1; 3], Conv3dConfig::default(), vb.pp("permute"))?;
        let full = Full::new(kernels.len() * filters * maps[1] * upper, units, &vb)?;
        Ok(Self { maps: Maps::new(config, &vb)?, permute, tcl, full })
    }

    /// The T-P operator: `[N, F, T, H, W]` to `[N, H W, 1, T, F]`, the places as channels of an image of time and features.
    fn transform(&self, xs: &Tensor) -> Result<Tensor> {
        let xs = self.permute.forward(xs)?;
        let (n, f, t, h, w) = xs.dims5()?;
        xs.permute((0, 3, 4, 2, 1))?.contiguous()?.reshape((n, h * w, 1, t, f))
    }
}

impl ModuleT for Temporal {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.transform(&self.maps.forward_t("temporal.conv", xs, train)?)?;
        trace::stage("temporal.permute", &xs);
        let along =
            |(conv, drop): &(Unit, Dropout)| drop.forward_t(&conv.forward_t(&xs, train)?, train);
        let xs = concat(&self.tcl.iter().map(along).collect::<Result<Vec<_>>>()?)?;
        trace::stage("temporal.tcl", &xs);
        self.full.forward("temporal", &xs)
    }
}
