//! CNN-M-2048, the image network of both streams of the two-stream network.
//!
//! Reference: Simonyan and Zisserman, NIPS 2014, figure 1; Chatfield et al., BMVC 2014, table 1. Layers are named
//! `conv1` to `conv5`, `fc6` to `fc8`.

use candle::{Module, ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;
use marey_layers::{
    Conv3dConfig, Dropout, Linear, LocalResponseNorm, MaxPool3d, Network, Pool3dConfig, Unit,
    classifier, conv3d, dropout, linear, relu, trace,
};

/// A CNN-M.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CnnMConfig {
    /// Channels of an image.
    pub c_in: usize,
    /// Filters of the five convolutions.
    pub widths: [usize; 5],
    /// Units of the two full layers.
    pub units: [usize; 2],
    /// Side of an image.
    pub size: usize,
    /// Whether `conv2` is followed by a response normalisation, as `conv1` is. The temporal stream leaves it out.
    pub second_norm: bool,
    /// Chance that a unit of the full layers is dropped.
    pub dropout: f32,
    /// Number of classes.
    pub num_classes: usize,
}

impl CnnMConfig {
    /// The paper's, for images of `c_in` channels and 224 x 224 cells.
    pub fn new(c_in: usize, num_classes: usize) -> Self {
        Self {
            c_in,
            widths: [96, 256, 512, 512, 512],
            units: [4096, 2048],
            size: 224,
            second_norm: true,
            dropout: 0.5,
            num_classes,
        }
    }
}

/// AlexNet's constants. The paper's sum is not divided by its size, [`LocalResponseNorm`]'s is: hence 5 times its 1e-4.
const NORM: LocalResponseNorm = LocalResponseNorm { size: 5, alpha: 5e-4, beta: 0.75, k: 2. };

/// CNN-M, images `[N, C, H, W]` to logits `[N, K]`.
pub struct CnnM {
    convs: [Unit; 5],
    second_norm: bool,
    fc: [Linear; 3],
    dropouts: [Dropout; 2],
}

impl CnnM {
    /// Builds the network at `vb`.
    pub fn new(config: &CnnMConfig, vb: VarBuilder) -> Result<Self> {
        let CnnMConfig { c_in, widths: w, units, size, second_norm, dropout: p, num_classes } =
            *config;
        let conv = |name: &str, c_in, c_out, side, stride, pad| {
            let config = Conv3dConfig {
                stride: [1, stride, stride],
                padding: [0, pad, pad].into(),
                ..Default::default()
            };
            conv3d(c_in, c_out, [1, side, side], config, vb.pp(name))
                .map(|conv| Unit::from(conv).relu())
        };
        let convs = [
            conv("conv1", c_in, w[0], 7, 2, 0)?,
            conv("conv2", w[0], w[1], 5, 2, 1)?,
            conv("conv3", w[1], w[2], 3, 1, 1)?,
            conv("conv4", w[2], w[3], 3, 1, 1)?,
            conv("conv5", w[3], w[4], 3, 1, 1)?,
        ];
        let Some(side) = side_of_pool5(size) else {
            bail!("cnn-m: an image of {size} x {size} is too small for its layers")
        };
        let fc = [
            linear(w[4] * side * side, units[0], vb.pp("fc6"))?,
            linear(units[0], units[1], vb.pp("fc7"))?,
            classifier(units[1], num_classes, vb.pp("fc8"))?,
        ];
        let dropouts = [dropout(p, &vb.pp("drop6"))?, dropout(p, &vb.pp("drop7"))?];
        Ok(Self { convs, second_norm, fc, dropouts })
    }
}

/// Max pooling over 3 x 3 cells, every second, the last window reaching beyond the end as in Caffe.
fn pool() -> MaxPool3d {
    MaxPool3d(Pool3dConfig { ceil: true, ..Pool3dConfig::new([1, 3, 3], [1, 2, 2]) })
}

/// The side of the map that `fc6` sees.
fn side_of_pool5(size: usize) -> Option<usize> {
    let conv = |size: usize, kernel: usize, pad: usize| {
        Some((size + 2 * pad).checked_sub(kernel)? / 2 + 1)
    };
    let pool = |size: usize| Some((size + 1).checked_sub(3)? / 2 + 1);
    pool(pool(conv(pool(conv(size, 7, 0)?)?, 5, 1)?)?)
}

impl Network for CnnM {
    /// `fc7` after its ReLU, `[N, 2048]`.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = xs.unsqueeze(2)?;
        for (i, conv) in self.convs.iter().enumerate() {
            xs = conv.forward_t(&xs, train)?;
            if i == 0 || i == 1 && self.second_norm {
                xs = NORM.forward(&xs)?;
            }
            if i != 2 && i != 3 {
                xs = pool().forward(&xs)?;
            }
            trace::stage(&format!("conv{}", i + 1), &xs.squeeze(2)?);
        }
        let mut xs = xs.flatten_from(1)?;
        for (i, (fc, drop)) in self.fc.iter().zip(&self.dropouts).enumerate() {
            xs = drop.forward_t(&relu(&fc.forward(&xs)?)?, train)?;
            trace::stage(&format!("fc{}", i + 6), &xs);
        }
        Ok(xs)
    }
}

impl ModuleT for CnnM {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.fc[2].forward(&self.features_t(xs, train)?)?;
        trace::stage("fc8", &xs);
        Ok(xs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_of_pool5_of_the_paper() {
        // 109, 54, 26, 13, 13, 6.
        assert_eq!(side_of_pool5(224), Some(6));
        assert_eq!(side_of_pool5(8), None);
    }
}
