//! VGG-16, the deeper image network of later two-stream networks.
//!
//! Reference: Simonyan and Zisserman, ICLR 2015, table 1, configuration D. Layers are named `conv1_1` to `conv5_3`, `fc6` to
//! `fc8`, as in the authors' release.

use marey_layers::Pool3dConfig;

use crate::plain::{After, PlainConfig, PlainConv, PlainFull};

/// Names, widths, and whether a pooling follows.
const CONVS: [(&str, usize, bool); 13] = [
    ("conv1_1", 64, false),
    ("conv1_2", 64, true),
    ("conv2_1", 128, false),
    ("conv2_2", 128, true),
    ("conv3_1", 256, false),
    ("conv3_2", 256, false),
    ("conv3_3", 256, true),
    ("conv4_1", 512, false),
    ("conv4_2", 512, false),
    ("conv4_3", 512, true),
    ("conv5_1", 512, false),
    ("conv5_2", 512, false),
    ("conv5_3", 512, true),
];

/// VGG-16, for images `[N, c_in, 1, 224, 224]`.
pub fn vgg_16(c_in: usize, num_classes: usize) -> PlainConfig {
    let pool = After::Pool(Pool3dConfig::new([1, 2, 2], [1, 2, 2]));
    let conv = |(name, c_out, pooled)| {
        let conv = PlainConv::over_frames(name, c_out, 3, 1, 1);
        if pooled { conv.then(pool) } else { conv }
    };
    let full = |name| PlainFull { name, units: 4096, dropout: 0.5 };
    PlainConfig {
        c_in,
        convs: CONVS.into_iter().map(conv).collect(),
        norm: None,
        full: vec![full("fc6"), full("fc7")],
        features: 1,
        classifier: "fc8",
        input: [1, 224, 224],
        num_classes,
    }
}
