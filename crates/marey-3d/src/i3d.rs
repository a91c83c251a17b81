//! I3D: Inception-v1 with its kernels inflated to 3D.
//!
//! Reference: Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017,
//! figure 3, <https://arxiv.org/abs/1705.07750>. Weights are named as in pytorch-i3d; padding is TensorFlow's.

use marey_backbone::inflated::{inflated, unit_3d};
use marey_backbone::{InceptionConfig, PARTS};

/// I3D, for clips `[N, c_in, 64, 224, 224]` in `[-1, 1]`.
pub fn i3d(c_in: usize, num_classes: usize) -> InceptionConfig {
    inflated([unit_3d; PARTS], c_in, num_classes)
}
