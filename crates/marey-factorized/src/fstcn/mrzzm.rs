//! F_ST-CN as a later re-implementation for PyTorch has it, which is not the paper's.
//!
//! Reference: MRzzm, action-recognition-models-pytorch, `3DCNN/FstCN/FstCN.py`. There is no normalisation and no T-P
//! operator: kernels run along time at each place, and time is halved. The middle frame is seen while training too. Of the full
//! layers none has a ReLU. Weights are named as there.
//!
//! ```text
//!   clip         ── middle ─┐ SCL1 .. SCL4 ┌ conv 128 ── pool ──────────────────────────────────────── 4096 ── 2048 ┐
//!   difference   ── all ────┘  no norm     └ conv 128 ── pool ─┬ 3 x 1 x 1, 32 ── pool 2 ┬──────────── 4096 ── 2048 ┴ fc ── out
//!   3 x 16 x 204²                                              └ 5 x 1 x 1, 32 ── pool 2 ┘                            2048
//! ```

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_backbone::PlainConfig;
use marey_backbone::plain::Convs;
use marey_backbone::view::{channels, middle_frame};
use marey_layers::{
    Conv3dConfig, Dropout, Linear, MaxPool3d, Network, Pool3dConfig, Unit, classifier, concat,
    conv3d, dropout, linear, trace,
};

use super::path::{POOL, places};
use super::{FstCnConfig, fstcn, lower};

/// The re-implementation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MrzzmConfig {
    /// Filters, full layers and sizes, as of the paper's network. Both paths are always there, and its full layers drop out.
    pub sizes: FstCnConfig,
}

/// The re-implementation, for clips and their differences `[N, 6, frames, 204, 204]`, of 16 frames there.
pub fn fstcn_mrzzm(frames: usize, num_classes: usize) -> MrzzmConfig {
    MrzzmConfig { sizes: fstcn(frames, num_classes) }
}

/// The re-implementation, `[N, 6, T, H, W]` to logits `[N, K]`.
pub struct Mrzzm {
    c_in: usize,
    shared: Convs,
    spatial: (Unit, Full),
    temporal: (Unit, Vec<Unit>, Full),
    fc: Linear,
    out: Linear,
}

impl Mrzzm {
    /// Builds the network at `vb`. Errors if a clip is too small for it.
    pub fn new(config: &MrzzmConfig, vb: VarBuilder) -> Result<Self> {
        let FstCnConfig { c_in, upper, kernels, filters, units, input, num_classes, .. } =
            config.sizes;
        let names = ["SCL1.0", "SCL2.0", "SCL3.0", "SCL4.0"];
        let convs = lower(names, config.sizes.lower, None);
        let shared = PlainConfig { convs, ..config.sizes.shared() };
        let maps = shared.maps(0..4, input)?;
        let conv = |c_in, c_out, kernel: [usize; 3], name: &str| {
            let padding = kernel.map(|side| side / 2).into();
            let config = Conv3dConfig { padding, ..Default::default() };
            Result::Ok(Unit::from(conv3d(c_in, c_out, kernel, config, vb.pp(name))?))
        };
        let tcl = |(i, side): (usize, &usize)| {
            let name = format!("Parallel_temporal.2.branch{}.0", i + 1);
            conv(upper, filters, [*side, 1, 1], &name).map(Unit::relu)
        };
        let full = |d_in, name: &str| Full::new(&config.sizes, d_in, vb.pp(name));
        let places = places(maps)?;
        Ok(Self {
            c_in,
            spatial: (
                conv(maps[0], upper, [1, 3, 3], "Parallel_spatial.0")?,
                full(upper * places, "spa_fc")?,
            ),
            temporal: (
                conv(maps[0], upper, [1, 3, 3], "Parallel_temporal.0")?,
                kernels.iter().enumerate().map(tcl).collect::<Result<_>>()?,
                full(kernels.len() * filters * (maps[1] / 2) * places, "tem_fc")?,
            ),
            fc: linear(2 * units[1], units[1], vb.pp("fc"))?,
            out: classifier(units[1], num_classes, vb.pp("out"))?,
            shared: Convs::new(&shared, 0..4, vb)?,
        })
    }
}

/// Two full layers, with dropout between.
struct Full(Linear, Dropout, Linear);

impl Full {
    fn new(config: &FstCnConfig, d_in: usize, vb: VarBuilder) -> Result<Self> {
        let [first, second] = config.units;
        Ok(Self(
            linear(d_in, first, vb.pp(0))?,
            dropout(config.dropout, &vb.pp(1))?,
            linear(first, second, vb.pp(2))?,
        ))
    }

    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.0.forward(&xs.flatten_from(1)?)?;
        self.2.forward(&self.1.forward_t(&xs, train)?)
    }
}

impl Network for Mrzzm {
    /// The layer over both paths, `[N, 2048]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let frame = middle_frame(&channels("f_st-cn", xs, 0, self.c_in)?)?;
        let difference = channels("f_st-cn", xs, self.c_in, self.c_in)?;
        let maps = self.shared.forward_t(&Tensor::cat(&[frame, difference], 2)?, train)?;
        let pool = |xs: &Tensor| MaxPool3d(POOL).forward(xs);

        let (conv, full) = &self.spatial;
        let space = pool(&conv.forward_t(&maps.narrow(2, 0, 1)?, train)?)?;
        let space = full.forward_t(&space, train)?;
        trace::stage("spa_fc", &space);

        let (conv, tcl, full) = &self.temporal;
        let time = pool(&conv.forward_t(&maps.narrow(2, 1, maps.dim(2)? - 1)?, train)?)?;
        let halved = MaxPool3d(Pool3dConfig::new([2, 1, 1], [2, 1, 1]));
        let along = |conv: &Unit| halved.forward(&conv.forward_t(&time, train)?);
        let time = concat(&tcl.iter().map(along).collect::<Result<Vec<_>>>()?)?;
        trace::stage("Parallel_temporal", &time);
        let time = full.forward_t(&time, train)?;
        trace::stage("tem_fc", &time);

        let xs = self.fc.forward(&Tensor::cat(&[space, time], 1)?)?;
        trace::stage("fc", &xs);
        Ok(xs)
    }
}

impl ModuleT for Mrzzm {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.out.forward(&self.features_t(xs, train)?)?;
        trace::stage("out", &xs);
        Ok(xs)
    }
}
