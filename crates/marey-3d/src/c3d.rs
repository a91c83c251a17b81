//! C3D.
//!
//! Reference: Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", ICCV 2015, figure 3,
//! <https://arxiv.org/abs/1412.0767>, and its released definition for Caffe.
//!
//! ```text
//!  clip        conv1 pool1  conv2 pool2  conv3a conv3b pool3  conv4a conv4b pool4  conv5a conv5b pool5
//!  3x16x112²     64  1x2x2   128  2x2x2    256    256  2x2x2    512    512  2x2x2    512    512  2x2x2
//!                   16x56²       8x28²                 4x14²                 2x7²                 1x4²
//!                                                          fc6 4096 ── fc7 4096 ── fc8 ── logits
//! ```
//!
//! All kernels are 3 x 3 x 3. The first pooling keeps time, "to preserve the temporal information in the early phase".

use marey_backbone::plain::{After, PlainConfig, PlainConv, PlainFull};
use marey_layers::{BatchNormConfig, Pool3dConfig};

/// Names and filters, and whether a pooling follows.
const CONVS: [(&str, usize, bool); 8] = [
    ("conv1", 64, true),
    ("conv2", 128, true),
    ("conv3a", 256, false),
    ("conv3b", 256, true),
    ("conv4a", 512, false),
    ("conv4b", 512, true),
    ("conv5a", 512, false),
    ("conv5b", 512, true),
];

/// C3D, for clips `[N, c_in, 16, 112, 112]`. Features are those of `fc6`, `[N, 4096]` (section 3.3).
///
/// The last pooling reaches beyond the end, as in Caffe and all weights released for it: `fc6` sees 4 x 4 cells.
pub fn c3d(c_in: usize, num_classes: usize) -> PlainConfig {
    let convs = CONVS.into_iter().map(|(name, filters, pooled)| {
        let conv = conv(name, filters, 3);
        if pooled { conv.then(After::Pool(pool(name))) } else { conv }
    });
    let full = |name| PlainFull { name, units: 4096, dropout: 0.5 };
    PlainConfig {
        c_in,
        convs: convs.collect(),
        norm: None,
        full: vec![full("fc6"), full("fc7")],
        features: 0,
        classifier: "fc8",
        input: [16, 112, 112],
        num_classes,
    }
}

/// C3D whose poolings leave out what is beyond the end: `fc6` sees 3 x 3 cells.
pub fn c3d_floor(c_in: usize, num_classes: usize) -> PlainConfig {
    c3d(c_in, num_classes).map_pools(|pool| pool.ceil = false)
}

/// C3D as the authors trained it again in 2018 (VMZ, `c3d_model.py`): [`c3d_floor`] with a batch norm after every
/// convolution.
pub fn c3d_bn(c_in: usize, num_classes: usize) -> PlainConfig {
    let norm = Some(BatchNormConfig { eps: 1e-3, momentum: 0.1 });
    PlainConfig { norm, ..c3d_floor(c_in, num_classes) }
}

/// C3D as most code for PyTorch has it, mmaction2 for one: `fc6` sees 4 x 4 cells too, but those of a last pooling that begins
/// a row and a column before the first.
pub fn c3d_padded(c_in: usize, num_classes: usize) -> PlainConfig {
    c3d(c_in, num_classes).map_pools(|pool| {
        if pool.ceil {
            *pool = Pool3dConfig { ceil: false, padding: [0, 1, 1].into(), ..*pool };
        }
    })
}

/// A convolution over `depth` frames and 3 x 3 cells that keeps the size.
pub(crate) fn conv(name: &'static str, filters: usize, depth: usize) -> PlainConv {
    PlainConv {
        kernel: [depth, 3, 3],
        padding: [depth / 2, 1, 1].into(),
        ..PlainConv::over_frames(name, filters, 3, 1, 1)
    }
}

/// The pooling after it: halves time and space, but time not after the first, and reaches beyond the end after the fifth.
pub(crate) fn pool(conv: &str) -> Pool3dConfig {
    let side = if conv == "conv1" { [1, 2, 2] } else { [2; 3] };
    Pool3dConfig { ceil: conv.starts_with("conv5"), ..Pool3dConfig::new(side, side) }
}
