//! CNN-M-2048, the image network of both streams of the two-stream network.
//!
//! Reference: Simonyan and Zisserman, NIPS 2014, figure 1; Chatfield et al., BMVC 2014, table 1. Layers are named
//! `conv1` to `conv5`, `fc6` to `fc8`.

use marey_layers::{LocalResponseNorm, Pool3dConfig};

use crate::plain::{After, PlainConfig, PlainConv, PlainFull};

/// AlexNet's constants. The paper's sum is not divided by its size, [`LocalResponseNorm`]'s is: hence 5 times its 1e-4.
const NORM: LocalResponseNorm = LocalResponseNorm { size: 5, alpha: 5e-4, beta: 0.75, k: 2. };

/// CNN-M-2048, for images `[N, c_in, 1, 224, 224]`.
pub fn cnn_m(c_in: usize, num_classes: usize) -> PlainConfig {
    // The last window reaches beyond the end, as in Caffe.
    let pool = Pool3dConfig { ceil: true, ..Pool3dConfig::new([1, 3, 3], [1, 2, 2]) };
    let (norm, pool) = (After::Norm(NORM), After::Pool(pool));
    let full = |name, units| PlainFull { name, units, dropout: 0.5 };
    PlainConfig {
        c_in,
        convs: vec![
            PlainConv::over_frames("conv1", 96, 7, 2, 0).then(norm).then(pool),
            PlainConv::over_frames("conv2", 256, 5, 2, 1).then(norm).then(pool),
            PlainConv::over_frames("conv3", 512, 3, 1, 1),
            PlainConv::over_frames("conv4", 512, 3, 1, 1),
            PlainConv::over_frames("conv5", 512, 3, 1, 1).then(pool),
        ],
        norm: None,
        full: vec![full("fc6", 4096), full("fc7", 2048)],
        features: 1,
        classifier: "fc8",
        input: [1, 224, 224],
        num_classes,
    }
}
