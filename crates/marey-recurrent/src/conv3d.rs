//! The 3D ConvNet below the ConvLSTMs of Zhang et al.
//!
//! Reference: Zhang et al., "Learning Spatiotemporal Features Using 3DCNN and Convolutional LSTM for Gesture Recognition", ICCVW
//! 2017, and the authors' code (`c3d_biclstm.py`). Padding is TensorFlow's "SAME".

use candle::{Module, ModuleT, Result, Tensor};
use candle_nn::VarBuilder;
use marey_layers::{
    BatchNormConfig, Conv3dConfig, MaxPool3d, Padding, Pool3dConfig, Unit, batch_norm,
    conv3d_no_bias, trace,
};

/// Three blocks, `[N, c_in, T, H, W]` to `[N, widths[2], T / 2, H / 4, W / 4]`: halves are rounded up.
#[derive(Debug, Clone)]
pub struct Conv3dConvs {
    /// The convolutions, and the pooling after each.
    layers: [(&'static str, Unit, Option<MaxPool3d>); 4],
}

impl Conv3dConvs {
    /// Builds the blocks at `vb`: of 64, 128 and 256 channels in the paper.
    pub fn new(c_in: usize, widths: [usize; 3], vb: VarBuilder) -> Result<Self> {
        let [a, b, c] = widths;
        let last = Unit::from(conv("Conv3d_3a_3x3", b, c, [3; 3], &vb)?);
        Ok(Self {
            layers: [
                (
                    "Conv3d_1",
                    unit(["Conv3d_1", "BatchNorm_1"], c_in, a, [3; 3], &vb)?,
                    Some(halving([1, 2, 2])),
                ),
                (
                    "Conv3d_2_3x3",
                    unit(["Conv3d_2_3x3", "BatchNorm_2_3x3"], a, b, [3; 3], &vb)?,
                    Some(halving([2; 3])),
                ),
                // Neither a batch norm nor a ReLU.
                ("Conv3d_3a_3x3", last, None),
                (
                    "Conv3d_3b_3x3",
                    unit(["Conv3d_3b_3x3", "BatchNorm_3_3x3"], c, c, [3; 3], &vb)?,
                    None,
                ),
            ],
        })
    }

    /// What becomes of a clip's size `[t, h, w]`.
    pub fn size(input: [usize; 3]) -> [usize; 3] {
        let [t, h, w] = input;
        [t.div_ceil(2), h.div_ceil(4), w.div_ceil(4)]
    }
}

impl ModuleT for Conv3dConvs {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = xs.clone();
        for (name, unit, pool) in &self.layers {
            xs = unit.forward_t(&xs, train)?;
            if let Some(pool) = pool {
                xs = pool.forward(&xs)?;
            }
            trace::stage(name, &xs);
        }
        Ok(xs)
    }
}

/// A convolution without a bias that keeps the size.
fn conv(
    name: &str,
    c_in: usize,
    c_out: usize,
    kernel: [usize; 3],
    vb: &VarBuilder,
) -> Result<marey_layers::Conv3d> {
    let config = Conv3dConfig { padding: Padding::Same, ..Default::default() };
    conv3d_no_bias(c_in, c_out, kernel, config, vb.pp(name))
}

/// The same with a batch norm and a ReLU, by their names.
pub(crate) fn unit(
    [name, norm]: [&str; 2],
    c_in: usize,
    c_out: usize,
    kernel: [usize; 3],
    vb: &VarBuilder,
) -> Result<Unit> {
    let norm = batch_norm(c_out, BatchNormConfig::default(), vb.pp(norm))?;
    Ok(Unit::from(conv(name, c_in, c_out, kernel, vb)?).norm(norm).relu())
}

/// A max pooling over windows side by side, the last of which may be smaller.
pub(crate) fn halving(window: [usize; 3]) -> MaxPool3d {
    MaxPool3d(Pool3dConfig { padding: Padding::Same, ..Pool3dConfig::new(window, window) })
}
