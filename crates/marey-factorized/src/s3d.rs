//! S3D: Inception-v1 over clips with each k x k x k kernel taken apart into 1 x k x k and k x 1 x 1.
//!
//! Reference: Xie et al., "Rethinking Spatiotemporal Feature Learning: Speed-Accuracy Trade-offs in Video
//! Classification", ECCV 2018, section 3.3, <https://arxiv.org/abs/1712.04851>. Weights are named as in torchvision's
//! `s3d`, whose stem is taken apart too and whose padding is the same at both ends.
//!
//! ```text
//!   S3D: each k x k x k            S3D-G: after each branch of a block
//!
//!   k x k x k    ->   1 x k x k     x ──┬───────────────────────────── * ── y
//!                     norm, ReLU        └ mean over t, h, w ─ W ─ sigmoid ┘
//!                     k x 1 x 1
//!                     norm, ReLU
//! ```

use candle::Result;
use candle_nn::VarBuilder;
use marey_backbone::{InceptionConfig, PARTS, UnitFn, UnitSpec};
use marey_layers::{
    BatchNormConfig, Conv3dConfig, Pool3dConfig, Units, batch_norm, conv3d_no_bias, linear,
};

/// torchvision's.
const BATCH_NORM: BatchNormConfig = BatchNormConfig { eps: 1e-3, momentum: 1e-3 };

/// S3D, for clips `[N, c_in, 64, 224, 224]`.
pub fn s3d(c_in: usize, num_classes: usize) -> InceptionConfig {
    let units = [unit as UnitFn; PARTS];
    InceptionConfig { c_in, units, gate: None, pool, names, shrink: 1, dropout: 0.2, num_classes }
}

/// S3D-G: as [`s3d`], with gates whose layers have a bias, as in code that released weights. Those themselves are of a network
/// with another first convolution.
pub fn s3d_g(c_in: usize, num_classes: usize) -> InceptionConfig {
    InceptionConfig { gate: Some(|c, vb| linear(c, c, vb)), ..s3d(c_in, num_classes) }
}

/// Space, then time, each with a batch norm and a ReLU; of a 1 x 1 x 1 kernel that alone.
fn unit(spec: UnitSpec, vb: VarBuilder) -> Result<Units> {
    let UnitSpec { c_in, c_out, kernel: k, stride: s } = spec;
    let conv = |c_in, [t, h, w]: [usize; 3], stride, vb: VarBuilder| -> Result<Units> {
        let padding = [t / 2, h / 2, w / 2].into();
        let config = Conv3dConfig { padding, stride, ..Default::default() };
        let conv = conv3d_no_bias(c_in, c_out, [t, h, w], config, vb.pp(0))?;
        Ok(Units::from(conv).norm(batch_norm(c_out, BATCH_NORM, vb.pp(1))?).relu())
    };
    if k == 1 {
        return conv(c_in, [1; 3], [s; 3], vb);
    }
    let space = conv(c_in, [1, k, k], [1, s, s], vb.pp(0))?;
    Ok(space.chain(conv(c_out, [k, 1, 1], [s, 1, 1], vb.pp(1))?))
}

/// Padded by half an odd kernel.
fn pool(kernel: [usize; 3], stride: [usize; 3]) -> Pool3dConfig {
    let padding = kernel.map(|side| (side - 1) / 2).into();
    Pool3dConfig { padding, ..Pool3dConfig::new(kernel, stride) }
}

/// torchvision numbers the parts of `features`, poolings included, and those of each branch.
fn names(part: &'static str) -> &'static str {
    match part {
        "Conv3d_1a_7x7" => "features.0",
        "Conv3d_2b_1x1" => "features.2",
        "Conv3d_2c_3x3" => "features.3",
        "Mixed_3b" => "features.5",
        "Mixed_3c" => "features.6",
        "Mixed_4b" => "features.8",
        "Mixed_4c" => "features.9",
        "Mixed_4d" => "features.10",
        "Mixed_4e" => "features.11",
        "Mixed_4f" => "features.12",
        "Mixed_5b" => "features.14",
        "Mixed_5c" => "features.15",
        "b0" => "branch0",
        "b1a" => "branch1.0",
        "b1b" => "branch1.1",
        "b2a" => "branch2.0",
        "b2b" => "branch2.1",
        "b3b" => "branch3.1",
        "logits" => "classifier.1",
        "gate" => "gating.fc",
        "gate_b0" => "gating_b0.fc",
        "gate_b1" => "gating_b1.fc",
        "gate_b2" => "gating_b2.fc",
        "gate_b3" => "gating_b3.fc",
        other => other,
    }
}
