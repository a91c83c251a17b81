//! The networks by which C3D's kernels were chosen.
//!
//! Reference: Tran et al., ICCV 2015, section 3.1 and figure 2, and the supplement for other sizes of input; layers as in the
//! authors' `train_simple.prototxt`.
//!
//! ```text
//!  clip        conv1 pool1  conv2 pool2  conv3 pool3  conv4 pool4  conv5 pool5
//!  3x16x112²     64  1x2x2   128  2x2x2   256  2x2x2   256  2x2x2   256  2x2x2
//!                   16x56²       8x28²        4x14²        2x7²         1x4²
//!                                              fc6 2048 ── fc7 2048 ── fc8 ── logits
//! ```
//!
//! Poolings reach beyond the end, as in Caffe, which counts at a side of 56. A kernel sees 3 x 3 cells, and as many frames as [`Depths`] says. The paper tells of steps of 17 thousand parameters
//! between the depths, 0.3 % of 17.5 million: that number forgets that a kernel sees all channels of its input (960 filters
//! times 9 cells times 2 frames are 17,280). The true step is 3,100,032.

use marey_backbone::plain::{After, PlainConfig, PlainFull};

use crate::c3d::{c3d, conv, pool};

/// Frames that the kernels of the five convolutions see.
pub type Depths = [usize; 5];

/// The paper's "increasing" network.
pub const INCREASING: Depths = [3, 3, 5, 5, 7];
/// Its "decreasing" one.
pub const DECREASING: Depths = [7, 5, 5, 3, 3];

/// A network of five convolutions, for clips `[N, c_in, 16, side, side]`: the paper's depth-1 to depth-7 are those of `[1; 5]` to
/// `[7; 5]` at a side of 112; its net-64, net-128 and net-256 are those of `[3; 5]` at 56, 112 and 224.
pub fn exploratory(depths: Depths, side: usize, c_in: usize, num_classes: usize) -> PlainConfig {
    let layers =
        ["conv1", "conv2", "conv3", "conv4", "conv5"].into_iter().zip([64, 128, 256, 256, 256]);
    let convs = layers
        .zip(depths)
        .map(|((name, filters), depth)| conv(name, filters, depth).then(After::Pool(pool(name))));
    let full = |name| PlainFull { name, units: 2048, dropout: 0.5 };
    PlainConfig {
        convs: convs.collect(),
        full: vec![full("fc6"), full("fc7")],
        input: [16, side, side],
        ..c3d(c_in, num_classes)
    }
    .map_pools(|pool| pool.ceil = true)
}
