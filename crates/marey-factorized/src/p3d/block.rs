//! The residual block of P3D.

use candle::{ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::{Conv3dConfig, Unit, batch_norm, conv3d_no_bias, scale_channels};

use super::{BATCH_NORM, Join};

/// What a block is.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    pub c_in: usize,
    pub planes: usize,
    /// Of space.
    pub stride: usize,
    /// How it sees time, if it does.
    pub join: Option<Join>,
    /// What the sum of [`Join::Shortcut`] is multiplied by.
    pub share: f32,
}

impl Spec {
    /// Channels out.
    pub(super) fn c_out(&self) -> usize {
        4 * self.planes
    }
}

/// `relu(shortcut(x) + expand(middle(reduce(x))))`.
pub(super) struct Residual {
    reduce: Unit,
    middle: Middle,
    expand: Unit,
    shortcut: Option<Unit>,
}

/// What stands in the place of the 3 x 3 kernel.
enum Middle {
    Space(Unit),
    Serial { space: Unit, time: Unit },
    Parallel { space: Unit, time: Unit },
    Shortcut { space: Unit, time: Unit, share: f32 },
}

impl Residual {
    pub(super) fn new(spec: Spec, vb: VarBuilder) -> Result<Self> {
        let Spec { c_in, planes, stride, join, share } = spec;
        let conv = |c_in, c_out, kernel: [usize; 3], stride, name: &str, norm: &str| {
            let padding = kernel.map(|side| side / 2).into();
            let config =
                Conv3dConfig { padding, stride: [1, stride, stride], ..Default::default() };
            let conv = conv3d_no_bias(c_in, c_out, kernel, config, vb.pp(name))?;
            Result::Ok(Unit::from(conv).norm(batch_norm(c_out, BATCH_NORM, vb.pp(norm))?))
        };
        let unit = |c_in, c_out, kernel, stride, name: &str, norm: &str| {
            conv(c_in, c_out, kernel, stride, name, norm).map(Unit::relu)
        };
        let flat = |name, norm| unit(planes, planes, [1, 3, 3], 1, name, norm);
        let middle = match join {
            None => Middle::Space(flat("conv_normal", "bn_normal")?),
            Some(join) => {
                let space = flat("conv2", "bn2")?;
                let time = unit(planes, planes, [3, 1, 1], 1, "conv3", "bn3")?;
                match join {
                    Join::Serial => Middle::Serial { space, time },
                    Join::Parallel => Middle::Parallel { space, time },
                    Join::Shortcut => Middle::Shortcut { space, time, share },
                }
            }
        };
        let project = stride != 1 || c_in != spec.c_out();
        let projection =
            || conv(c_in, spec.c_out(), [1; 3], stride, "downsample.0", "downsample.1");
        Ok(Self {
            reduce: unit(c_in, planes, [1; 3], stride, "conv1", "bn1")?,
            middle,
            expand: unit(planes, spec.c_out(), [1; 3], 1, "conv4", "bn4")?,
            shortcut: project.then(projection).transpose()?,
        })
    }
}

impl ModuleT for Residual {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let ys = self.middle.forward_t(&self.reduce.forward_t(xs, train)?, train)?;
        let shortcut = match &self.shortcut {
            None => xs.clone(),
            Some(shortcut) => shortcut.forward_t(xs, train)?,
        };
        self.expand.forward_add_t(&ys, Some(&shortcut), train)
    }
}

impl ModuleT for Middle {
    /// Of both paths the ReLU comes after the sum: that of a positive share of it is the share of its ReLU.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        match self {
            Self::Space(space) => space.forward_t(xs, train),
            Self::Serial { space, time } => time.forward_t(&space.forward_t(xs, train)?, train),
            Self::Parallel { space, time } => {
                time.forward_add_t(xs, Some(&space.forward_t(xs, train)?), train)
            }
            Self::Shortcut { space, time, share } => {
                let xs = space.forward_t(xs, train)?;
                let sum = time.forward_add_t(&xs, Some(&xs), train)?;
                if *share == 1. {
                    return Ok(sum);
                }
                let factors = Tensor::full(*share, &sum.dims()[..2], sum.device())?;
                let factors = factors.to_dtype(sum.dtype())?;
                scale_channels(&sum, &factors)
            }
        }
    }
}
