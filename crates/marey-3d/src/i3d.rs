//! I3D: Inception-v1 with its kernels inflated to 3D.
//!
//! Reference: Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017,
//! figure 3, <https://arxiv.org/abs/1705.07750>. Weights are named as in pytorch-i3d; padding is TensorFlow's.
//!
//! ```text
//!   clip       7x7x7/2  pool     1x1x1  3x3x3  pool     Mixed  pool     Mixed    pool   Mixed   average  1x1x1
//!   64x224²    64       1x3x3/   64     192    1x3x3/   3b 3c  3x3x3/2  4b .. 4f 2x2x2/2 5b 5c  2x7x7    logits
//!              32x112²  1,2,2                  1,2,2    480    16x14²   832      8x7²    1024   7x1²     mean
//!
//!   Mixed:  x ──┬─ 1x1x1 ──────────────┐
//!               ├─ 1x1x1 ── 3x3x3 ─────┤
//!               ├─ 1x1x1 ── 3x3x3 ─────┼─ concatenated
//!               └─ pool 3x3x3 ─ 1x1x1 ─┘
//! ```
//!
//! The receptive fields that the paper prints after the last pooling but one and after the average, 59 x 219 x 219 and 99 x 539 x 539,
//! are those of four blocks in the fourth stage. Of the five there are they are 67 x 251 x 251 and 107 x 571 x 571.

use marey_backbone::inflated::{inflated, unit_3d};
use marey_backbone::{InceptionConfig, PARTS};

/// I3D, for clips `[N, c_in, 64, 224, 224]` in `[-1, 1]`.
pub fn i3d(c_in: usize, num_classes: usize) -> InceptionConfig {
    inflated([unit_3d; PARTS], c_in, num_classes)
}
