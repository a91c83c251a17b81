//! C3D.
//!
//! Reference: Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", ICCV 2015, figure 3,
//! <https://arxiv.org/abs/1412.0767>, and its released definition for Caffe.

use candle::{Module, ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;
use marey_layers::{
    Conv3dConfig, Dropout, Linear, MaxPool3d, Network, Pool3dConfig, Unit, classifier, conv3d,
    dropout, linear, relu, trace,
};

/// A C3D.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct C3dConfig {
    /// Channels of a frame.
    pub c_in: usize,
    /// Filters of the first convolution; the others have 2, 4 and 8 times as many. 64 in the paper.
    pub width: usize,
    /// Units of `fc6` and `fc7`. 4096 in the paper.
    pub units: usize,
    /// Clip `[t, h, w]`. 16 x 112 x 112 in the paper.
    pub input: [usize; 3],
    /// Whether the last pooling reaches beyond the end, as in Caffe and all weights released for it (`fc6` sees 4 x 4
    /// cells), or not (3 x 3).
    pub ceil: bool,
    /// Chance that a unit of the full layers is dropped.
    pub dropout: f32,
    /// Number of classes.
    pub num_classes: usize,
}

impl C3dConfig {
    /// The paper's.
    pub fn new(num_classes: usize) -> Self {
        Self {
            c_in: 3,
            width: 64,
            units: 4096,
            input: [16, 112, 112],
            ceil: true,
            dropout: 0.5,
            num_classes,
        }
    }
}

/// Names and widths, as multiples of the first; a `true` is followed by a pooling.
const CONVS: [(&str, usize, bool); 8] = [
    ("conv1", 1, true),
    ("conv2", 2, true),
    ("conv3a", 4, false),
    ("conv3b", 4, true),
    ("conv4a", 8, false),
    ("conv4b", 8, true),
    ("conv5a", 8, false),
    ("conv5b", 8, true),
];

/// C3D, `[N, 3, 16, 112, 112]` to logits `[N, K]`.
pub struct C3d {
    convs: Vec<(&'static str, Unit, Option<MaxPool3d>)>,
    fc: [Linear; 3],
    dropouts: [Dropout; 2],
}

impl C3d {
    /// Builds the network at `vb`.
    pub fn new(config: &C3dConfig, vb: VarBuilder) -> Result<Self> {
        let C3dConfig { mut c_in, width, units, input, ceil, dropout: p, num_classes } = *config;
        let padded = Conv3dConfig { padding: [1; 3].into(), ..Default::default() };
        let (mut convs, mut size) = (Vec::new(), input);
        for (name, times, pooled) in CONVS {
            let conv = conv3d(c_in, width * times, [3; 3], padded, vb.pp(name))?;
            // The first pooling keeps time, "to preserve the temporal information in the early phase".
            let side = if name == "conv1" { [1, 2, 2] } else { [2; 3] };
            let pool =
                Pool3dConfig { ceil: ceil && name == "conv5b", ..Pool3dConfig::new(side, side) };
            if pooled {
                let window = pool.padding.window(pool.kernel, pool.stride, size);
                let output = if pool.ceil { window.output_ceil(size) } else { window.output(size) };
                let Some(output) = output else {
                    bail!("c3d: a clip of {input:?} is too small for its poolings")
                };
                size = output;
            }
            convs.push((name, Unit::from(conv).relu(), pooled.then_some(MaxPool3d(pool))));
            c_in = width * times;
        }
        let fc = [
            linear(c_in * size.iter().product::<usize>(), units, vb.pp("fc6"))?,
            linear(units, units, vb.pp("fc7"))?,
            classifier(units, num_classes, vb.pp("fc8"))?,
        ];
        let dropouts = [dropout(p, &vb.pp("drop6"))?, dropout(p, &vb.pp("drop7"))?];
        Ok(Self { convs, fc, dropouts })
    }

    /// `fc6` after its ReLU.
    fn fc6(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = xs.clone();
        for (name, conv, pool) in &self.convs {
            xs = conv.forward_t(&xs, train)?;
            trace::stage(name, &xs);
            if let Some(pool) = pool {
                xs = pool.forward(&xs)?;
                trace::stage(&name.replace("conv", "pool").replace('b', ""), &xs);
            }
        }
        let xs = relu(&self.fc[0].forward(&xs.flatten_from(1)?)?)?;
        trace::stage("fc6", &xs);
        Ok(xs)
    }
}

impl Network for C3d {
    /// `fc6` after its ReLU, `[N, 4096]`: what the paper takes for "C3D features" (section 3.3).
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.fc6(xs, train)
    }
}

impl ModuleT for C3d {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.dropouts[0].forward_t(&self.fc6(xs, train)?, train)?;
        let xs = self.dropouts[1].forward_t(&relu(&self.fc[1].forward(&xs)?)?, train)?;
        trace::stage("fc7", &xs);
        let xs = self.fc[2].forward(&xs)?;
        trace::stage("fc8", &xs);
        Ok(xs)
    }
}
