//! I2D, bottom-heavy and top-heavy I3D: I3D with kernels of space alone in all parts, in the upper, or in the lower.
//!
//! Reference: Xie et al., "Rethinking Spatiotemporal Feature Learning", ECCV 2018, sections 3.1 and 3.2,
//! <https://arxiv.org/abs/1712.04851>. Frames are left out and pooled where I3D does. Weights are named as in pytorch-i3d.
//!
//! ```text
//!                    input ── 1a ─ 2b ─ 2c ─ 3b ─ 3c ─ 4b ─ ... ─ 5c ── logits
//!   I3D                       3D   3D   3D   3D   3D   3D   ...   3D
//!   bottom-heavy              3D   3D   3D   3D   3D   2D   ...   2D
//!   top-heavy                 2D   2D   2D   2D   2D   3D   ...   3D
//!   I2D                       2D   2D   2D   2D   2D   2D   ...   2D
//! ```

use marey_backbone::inflated::{inflated, unit_2d, unit_3d};
use marey_backbone::{InceptionConfig, PARTS, UnitFn};

/// The parts before `Mixed_4b`, in the middle: three convolutions and two blocks.
pub const LOWER: usize = 5;

/// I2D, for clips `[N, c_in, 64, 224, 224]` in `[-1, 1]`.
pub fn i2d(c_in: usize, num_classes: usize) -> InceptionConfig {
    inflated([unit_2d; PARTS], c_in, num_classes)
}

/// Bottom-heavy I3D: the first `lower` parts see time, at most all 12. For clips `[N, c_in, 64, 224, 224]` in `[-1, 1]`.
pub fn bottom_heavy(lower: usize, c_in: usize, num_classes: usize) -> InceptionConfig {
    inflated(cut(lower, unit_3d, unit_2d), c_in, num_classes)
}

/// Top-heavy I3D: all but the first `lower` parts see time. For clips `[N, c_in, 64, 224, 224]` in `[-1, 1]`.
pub fn top_heavy(lower: usize, c_in: usize, num_classes: usize) -> InceptionConfig {
    inflated(cut(lower, unit_2d, unit_3d), c_in, num_classes)
}

fn cut(lower: usize, below: UnitFn, above: UnitFn) -> [UnitFn; PARTS] {
    std::array::from_fn(|part| if part < lower { below } else { above })
}
