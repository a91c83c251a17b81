//! Plain ConvNets: convolutions, normalisations and poolings one after the other, then full layers.
//!
//! The ConvNets of images before 2015 are of this kind (AlexNet, CNN-M, VGG), and so are those over clips that were made
//! after them. An image is a clip of one frame.

use std::ops::Range;
use std::sync::Arc;

use candle::{Module, ModuleT, Result, Tensor, bail};
use candle_nn::VarBuilder;
use marey_layers::{
    BatchNormConfig, Conv3dConfig, Dropout, Linear, LocalResponseNorm, MaxPool3d, Network, Padding,
    Pool3dConfig, Unit, batch_norm, classifier, conv3d, conv3d_no_bias, dropout, linear,
    recomputed, relu, trace,
};

/// A convolution, its ReLU, and what follows them.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainConv {
    /// As in the checkpoint.
    pub name: &'static str,
    /// Filters.
    pub c_out: usize,
    /// Size of the kernel, `[t, h, w]`.
    pub kernel: [usize; 3],
    /// Step along each axis.
    pub stride: [usize; 3],
    /// Zeros around the input.
    pub padding: Padding,
    /// Groups of channels.
    pub groups: usize,
    /// What comes after the ReLU, in this order.
    pub after: Vec<After>,
}

/// What follows a convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum After {
    /// A response normalisation.
    Norm(LocalResponseNorm),
    /// A max pooling.
    Pool(Pool3dConfig),
}

impl PlainConv {
    /// Over frames, each by itself: `side` x `side`.
    pub fn over_frames(
        name: &'static str,
        c_out: usize,
        side: usize,
        stride: usize,
        pad: usize,
    ) -> Self {
        Self {
            name,
            c_out,
            kernel: [1, side, side],
            stride: [1, stride, stride],
            padding: [0, pad, pad].into(),
            groups: 1,
            after: Vec::new(),
        }
    }

    /// With `after` at its end.
    pub fn then(mut self, after: After) -> Self {
        self.after.push(after);
        self
    }

    /// In `groups` groups.
    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }
}

/// A full layer, its ReLU, and the chance that a unit of it is dropped while training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlainFull {
    /// As in the checkpoint.
    pub name: &'static str,
    /// Units.
    pub units: usize,
    /// Chance that one is dropped.
    pub dropout: f32,
}

/// A plain ConvNet.
#[derive(Debug, Clone, PartialEq)]
pub struct PlainConfig {
    /// Channels of a clip.
    pub c_in: usize,
    /// The convolutions.
    pub convs: Vec<PlainConv>,
    /// The batch norm between each convolution and its ReLU, called `bn` where the other is called `conv`. A convolution
    /// with a batch norm has no bias.
    pub norm: Option<BatchNormConfig>,
    /// The full layers before the classifier.
    pub full: Vec<PlainFull>,
    /// Which of these gives the features.
    pub features: usize,
    /// The name of the classifier.
    pub classifier: &'static str,
    /// Clip `[t, h, w]`: `full` has its sizes from it.
    pub input: [usize; 3],
    /// Number of classes.
    pub num_classes: usize,
}

impl PlainConfig {
    /// With every count of filters and units divided by `shrink`.
    pub fn shrunk(mut self, shrink: usize) -> Self {
        for conv in &mut self.convs {
            conv.c_out = conv.c_out.div_ceil(shrink).next_multiple_of(conv.groups);
        }
        for full in &mut self.full {
            full.units = full.units.div_ceil(shrink);
        }
        self
    }

    /// With this chance in every full layer.
    pub fn dropout(mut self, chance: f32) -> Self {
        self.full.iter_mut().for_each(|full| full.dropout = chance);
        self
    }

    /// With the first pooling of each convolution changed by `change`.
    pub fn map_pools(mut self, mut change: impl FnMut(&mut Pool3dConfig)) -> Self {
        for after in self.convs.iter_mut().flat_map(|conv| &mut conv.after) {
            if let After::Pool(pool) = after {
                change(pool);
            }
        }
        self
    }

    /// What the convolutions `convs` make of a clip of this size: `[C, T, H, W]`, or an error if it is too small.
    pub fn maps(&self, convs: Range<usize>, mut size: [usize; 3]) -> Result<[usize; 4]> {
        let before = convs.start.checked_sub(1).map_or(self.c_in, |i| self.convs[i].c_out);
        let mut channels = before;
        for conv in &self.convs[convs] {
            let window = conv.padding.window(conv.kernel, conv.stride, size);
            let Some(output) = window.output(size).and_then(|size| pooled(&conv.after, size))
            else {
                bail!("{}: a clip of {:?} is too small for this network", conv.name, self.input)
            };
            (size, channels) = (output, conv.c_out);
        }
        let [t, h, w] = size;
        Ok([channels, t, h, w])
    }

    /// Values that the first full layer sees.
    pub fn flat(&self) -> Result<usize> {
        Ok(self.maps(0..self.convs.len(), self.input)?.iter().product())
    }
}

/// What poolings leave of maps `[t, h, w]`.
pub fn pooled(after: &[After], size: [usize; 3]) -> Option<[usize; 3]> {
    after.iter().try_fold(size, |size, after| {
        let After::Pool(pool) = after else { return Some(size) };
        let window = pool.padding.window(pool.kernel, pool.stride, size);
        if pool.ceil { window.output_ceil(size) } else { window.output(size) }
    })
}

/// The convolutions of a plain ConvNet.
#[derive(Debug, Clone)]
pub struct Convs(Vec<Arc<Group>>);

/// Convolutions up to a pooling.
#[derive(Debug, Clone)]
struct Group(Vec<Layer>);

#[derive(Debug, Clone)]
struct Layer {
    name: &'static str,
    unit: Unit,
    after: Vec<After>,
}

impl Convs {
    /// Builds the convolutions `range` of a network at `vb`.
    pub fn new(config: &PlainConfig, range: Range<usize>, vb: VarBuilder) -> Result<Self> {
        let mut c_in = range.start.checked_sub(1).map_or(config.c_in, |i| config.convs[i].c_out);
        let mut layers = Vec::with_capacity(range.len());
        for conv in &config.convs[range] {
            let PlainConv { name, c_out, kernel, stride, padding, groups, .. } = *conv;
            let sizes = Conv3dConfig { stride, padding, groups };
            let unit = match config.norm {
                None => Unit::from(conv3d(c_in, c_out, kernel, sizes, vb.pp(name))?),
                Some(bn) => {
                    let norm = batch_norm(c_out, bn, vb.pp(name.replace("conv", "bn")))?;
                    Unit::from(conv3d_no_bias(c_in, c_out, kernel, sizes, vb.pp(name))?).norm(norm)
                }
            };
            layers.push(Layer { name, unit: unit.relu(), after: conv.after.clone() });
            c_in = c_out;
        }
        let groups = layers.chunk_by(|before, _| !before.pools());
        Ok(Self(groups.map(|layers| Arc::new(Group(layers.to_vec()))).collect()))
    }
}

impl Layer {
    fn pools(&self) -> bool {
        self.after.iter().any(|after| matches!(after, After::Pool(_)))
    }
}

impl ModuleT for Convs {
    /// `[N, C, T, H, W]` to the maps after the last convolution and its poolings.
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.0.iter().try_fold(xs.clone(), |xs, group| recomputed(group, &xs, train))
    }
}

impl ModuleT for Group {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = xs.clone();
        for Layer { name, unit, after } in &self.0 {
            xs = unit.forward_t(&xs, train)?;
            trace::stage(name, &xs);
            xs = follow(name, after, xs)?;
        }
        Ok(xs)
    }
}

/// `xs` through what follows the convolution `name`.
pub fn follow(name: &str, after: &[After], mut xs: Tensor) -> Result<Tensor> {
    for after in after {
        match after {
            After::Norm(norm) => xs = norm.forward(&xs)?,
            After::Pool(pool) => {
                xs = MaxPool3d(*pool).forward(&xs)?;
                trace::stage(&pool_name(name), &xs);
            }
        }
    }
    Ok(xs)
}

/// What papers call the pooling after `conv1`, `conv3b` or `conv2_2`: `pool` and the number.
fn pool_name(conv: &str) -> String {
    let number: String = conv
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(|c| c.is_ascii_digit())
        .collect();
    format!("pool{number}")
}

/// The full layers of a plain ConvNet, without its classifier.
#[derive(Debug, Clone)]
pub struct FullLayers(Vec<(PlainFull, Linear, Dropout)>);

impl FullLayers {
    /// Builds those of `config` at `vb`, the first for `d_in` values.
    pub fn new(config: &PlainConfig, mut d_in: usize, vb: VarBuilder) -> Result<Self> {
        let mut layers = Vec::with_capacity(config.full.len());
        for full in &config.full {
            let layer = linear(d_in, full.units, vb.pp(full.name))?;
            let drop = dropout(full.dropout, &vb.pp(full.name.replace("fc", "drop")))?;
            layers.push((*full, layer, drop));
            d_in = full.units;
        }
        Ok(Self(layers))
    }

    /// The layers of `which`, from values `[N, D]`; the last of them without its dropout.
    fn through(&self, which: Range<usize>, xs: &Tensor, train: bool) -> Result<Tensor> {
        let mut xs = xs.clone();
        for i in which {
            let (PlainFull { name, .. }, layer, _) = &self.0[i];
            if i > 0 {
                xs = self.0[i - 1].2.forward_t(&xs, train)?;
            }
            xs = relu(&layer.forward(&xs)?)?;
            trace::stage(name, &xs);
        }
        Ok(xs)
    }

    /// The layers from the `first` on, and the dropout of the last.
    fn rest_t(&self, first: usize, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.through(first..self.0.len(), xs, train)?;
        match self.0.last() {
            Some((_, _, drop)) => drop.forward_t(&xs, train),
            None => Ok(xs),
        }
    }
}

impl ModuleT for FullLayers {
    /// Maps `[N, C, T, H, W]` to the values of the last layer `[N, D]`, dropped while training.
    fn forward_t(&self, maps: &Tensor, train: bool) -> Result<Tensor> {
        self.rest_t(0, &maps.flatten_from(1)?, train)
    }
}

/// The full layers of a plain ConvNet, and its classifier.
#[derive(Debug, Clone)]
pub struct Full {
    layers: FullLayers,
    features: usize,
    classifier: (&'static str, Linear),
}

impl Full {
    /// Builds those of `config` at `vb`, the first for `d_in` values.
    pub fn new(config: &PlainConfig, d_in: usize, vb: VarBuilder) -> Result<Self> {
        let layers = FullLayers::new(config, d_in, vb.clone())?;
        let d_in = config.full.last().map_or(d_in, |full| full.units);
        let last = classifier(d_in, config.num_classes, vb.pp(config.classifier))?;
        Ok(Self { layers, features: config.features, classifier: (config.classifier, last) })
    }

    /// The features of maps `[N, C, T, H, W]`: the layer that gives them, after its ReLU.
    pub fn features_t(&self, maps: &Tensor, train: bool) -> Result<Tensor> {
        self.layers.through(0..self.features + 1, &maps.flatten_from(1)?, train)
    }

    /// From features to logits.
    pub fn logits_t(&self, features: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.layers.rest_t(self.features + 1, features, train)?;
        let (name, classifier) = &self.classifier;
        let xs = classifier.forward(&xs)?;
        trace::stage(name, &xs);
        Ok(xs)
    }
}

/// A plain ConvNet, `[N, C, T, H, W]` to logits `[N, K]`.
#[derive(Debug, Clone)]
pub struct Plain {
    convs: Convs,
    full: Full,
}

impl Plain {
    /// Builds the network at `vb`. Errors if a clip is too small for it.
    pub fn new(config: &PlainConfig, vb: VarBuilder) -> Result<Self> {
        Ok(Self {
            convs: Convs::new(config, 0..config.convs.len(), vb.clone())?,
            full: Full::new(config, config.flat()?, vb)?,
        })
    }
}

impl Network for Plain {
    /// The full layer that the paper takes features of, after its ReLU.
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.full.features_t(&self.convs.forward_t(xs, train)?, train)
    }
}

impl ModuleT for Plain {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.full.logits_t(&self.features_t(xs, train)?, train)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poolings_are_called_as_papers_do() {
        for (conv, pool) in [("conv1", "pool1"), ("conv3b", "pool3"), ("conv2_2", "pool2")] {
            assert_eq!(pool_name(conv), pool);
        }
    }
}
