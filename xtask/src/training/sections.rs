//! The sections of a recipe.
//!
//! What is left out of `[clip]` and `[test]` is as the network's paper has it. Numbers of epochs may be fractions.

use serde::{Deserialize, Serialize};

use crate::cli::Precision;
use crate::source::Scale;

/// `[data]`: which videos; and `[also]`: those of another dataset that is learnt at once.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// A layout that `data check` knows, or `marionettes`.
    pub name: String,
    /// Where it lies, from the folder of the recipe on.
    pub root: Option<std::path::PathBuf>,
    /// Flow images of its videos, as `flow --out` makes them, from the folder of the recipe on: flow is then not found on the fly.
    pub flow: Option<std::path::PathBuf>,
    /// Which of its splits; its first where there is none.
    pub split: Option<usize>,
    /// The share of the training videos of each class that is held out, to be watched in place of the test videos.
    pub validation: f64,
    /// Whether a class without a video to learn from is no error.
    pub empty_classes: bool,
    /// How the generated benchmark is drawn.
    pub marionettes: Scale,
}

/// `[clip]`: what the network sees.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClipSection {
    /// Frames of a clip.
    pub frames: Option<usize>,
    /// Frames of the video from one of the clip to the next.
    pub stride: Option<usize>,
    /// The stride of a training clip is drawn from this range.
    pub strides: Option<[usize; 2]>,
    /// A clip is a snippet from each of so many equal parts of the video (Temporal Segment Networks).
    pub segments: Option<usize>,
    /// The size of frames before the crop: their shorter side, or height and width.
    pub size: Option<FrameSize>,
    /// The side of the square that the network sees.
    pub crop: Option<usize>,
    /// The range of values: `kinetics`, `imagenet` or `signed`.
    pub normalize: Option<Range>,
    /// TV-L1 of networks that see flow: `ipol`, `opencv` or `fast`.
    pub flow: Option<String>,
}

/// The size of frames before the crop.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum FrameSize {
    ShortSide(usize),
    Exactly([usize; 2]),
}

/// The range of values.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Range {
    Kinetics,
    Imagenet,
    Signed,
}

/// `[augment]`: what is done to training clips.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Augment {
    /// Which part of the frames.
    pub crop: CropKind,
    /// Of `multi-scale`: sides of the part, in shorter sides of the frame.
    pub scales: Option<Vec<f32>>,
    /// Of `resized`: from and to which share of the frame's area.
    pub area: [f32; 2],
    /// Of `resized`: from and to which width over height.
    pub ratio: [f32; 2],
    /// The shorter side of the frames is drawn from this range.
    pub short_sides: Option<[usize; 2]>,
    /// The chance of a flip.
    pub flip: f32,
    pub brightness: f32,
    pub contrast: f32,
    pub saturation: f32,
    /// In shares of the circle.
    pub hue: f32,
    /// Both parameters of the Beta distribution that shares are drawn from.
    pub mixup: Option<f64>,
    /// The share of each label that is spread over all classes.
    pub label_smoothing: f64,
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            crop: CropKind::Random,
            scales: None,
            area: [0.08, 1.],
            ratio: [0.75, 4. / 3.],
            short_sides: None,
            flip: 0.5,
            brightness: 0.,
            contrast: 0.,
            saturation: 0.,
            hue: 0.,
            mixup: None,
            label_smoothing: 0.,
        }
    }
}

/// Which part of a training clip's frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CropKind {
    Center,
    Random,
    Corners,
    MultiScale,
    Resized,
}

/// `[train]`: how the network learns.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Train {
    /// Passes over the training videos.
    pub epochs: f64,
    /// Clips of a step.
    pub batch: usize,
    /// At most so many of them run through the network at once; their gradients are added up.
    pub at_once: Option<usize>,
    pub optimizer: OptimizerKind,
    /// The full learning rate.
    pub rate: f64,
    /// Of `sgd`.
    pub momentum: f64,
    /// Of `sgd`.
    pub nesterov: bool,
    /// Of `adamw`.
    pub betas: [f64; 2],
    /// Of `adamw`.
    pub eps: f64,
    pub weight_decay: f64,
    /// Whether biases and the scales and shifts of norms decay too.
    pub decay_vectors: bool,
    /// Gradients whose norm, all together, is above this are scaled down to it.
    pub clip_norm: Option<f64>,
    /// Each number of a gradient is brought into plus and minus this.
    pub clip_value: Option<f64>,
    /// The decay of running averages of the weights, which are tested and written in their place.
    pub ema: Option<f64>,
    /// The network's own sum of losses, or the cross-entropy of its logits.
    pub loss: Loss,
    /// Whose statistics batch norms take.
    pub norms: NormKind,
    /// Of several processes: whether batch norms take the clips of all of them together as their batch.
    pub sync_norms: bool,
    /// How exactly to compute while it learns.
    pub precision: Precision,
    /// Whether activations within a block are computed again for the gradients instead of being kept: less memory for one more
    /// forward pass, and the same weights.
    pub recompute: bool,
    /// At the end the running statistics become the means over so many batches.
    pub precise_norms: u64,
}

impl Default for Train {
    fn default() -> Self {
        Self {
            epochs: 10.,
            batch: 8,
            at_once: None,
            optimizer: OptimizerKind::Sgd,
            rate: 0.01,
            momentum: 0.9,
            nesterov: false,
            betas: [0.9, 0.999],
            eps: 1e-8,
            weight_decay: 0.,
            decay_vectors: true,
            clip_norm: None,
            clip_value: None,
            ema: None,
            loss: Loss::CrossEntropy,
            norms: NormKind::Batch,
            sync_norms: false,
            precision: Precision::F32,
            recompute: false,
            precise_norms: 0,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    Sgd,
    Adamw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    CrossEntropy,
    Network,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NormKind {
    /// Those of the batch.
    Batch,
    /// The running ones, left as they are, in all but the first.
    Partial,
    /// The running ones, left as they are.
    Frozen,
}

/// `[schedule]`: the learning rate over time.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    pub decay: DecayKind,
    /// Of `step` and `plateau`: what the rate is multiplied by. Of `exponential`: after each epoch.
    pub factor: f64,
    /// Of `step`: the epochs after which it falls.
    pub at: Vec<f64>,
    /// Of `polynomial`.
    pub power: f64,
    /// Of `plateau`: how many watched values in a row may be no better.
    pub patience: u64,
    /// Epochs over which the rate rises to the full one.
    pub warmup: f64,
    /// The share of the full rate that it begins with.
    pub warmup_start: f64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            decay: DecayKind::Constant,
            factor: 0.1,
            at: Vec::new(),
            power: 1.,
            patience: 10,
            warmup: 0.,
            warmup_start: 0.1,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DecayKind {
    Constant,
    Step,
    Cosine,
    Polynomial,
    Exponential,
    Plateau,
}

/// `[[group]]`: parameters that learn in another way; the first group that matches a name counts.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Names, with at most one `*` for any text.
    pub name: String,
    /// Multiplies the learning rate; 0 freezes.
    #[serde(default = "one")]
    pub rate: f64,
    /// Multiplies the weight decay.
    #[serde(default = "one")]
    pub decay: f64,
}

fn one() -> f64 {
    1.
}

/// `[watch]`: a value that is measured while the network trains.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Watch {
    /// Epochs between two values; no value is watched at 0.
    pub every: f64,
    /// What is watched.
    pub value: Watched,
    /// The run ends after so many values, none of which was better than the best before.
    pub patience: Option<u64>,
    /// Whether the best weights are kept, and tested in place of the last.
    pub keep_best: bool,
}

impl Default for Watch {
    fn default() -> Self {
        Self { every: 0., value: Watched::Top1, patience: None, keep_best: false }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Watched {
    /// The accuracy on held out videos, one clip each.
    Top1,
    /// The mean loss of the steps since the last value.
    Loss,
}

/// `[save]`: checkpoints.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Save {
    /// Epochs between two.
    pub every: f64,
    /// How many of the last stay.
    pub keep: usize,
}

impl Default for Save {
    fn default() -> Self {
        Self { every: 1., keep: 2 }
    }
}

/// `[init]`: the first weights.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Init {
    /// A checkpoint in any format that `import-weights` takes, from the folder of the recipe on.
    pub weights: Option<std::path::PathBuf>,
    /// Whose names its tensors have.
    pub dialect: Option<String>,
    /// Names, with at most one `*`, of tensors that begin anew though the checkpoint has them.
    pub new: Vec<String>,
    /// Whether tensors that the checkpoint does not have begin anew; those of another number of classes always do.
    pub partial: bool,
}

/// `[test]`: what is seen of a test video.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Test {
    /// Clips, evenly spread.
    pub clips: Option<usize>,
    /// A clip every so many frames, in place of `clips`.
    pub every: Option<usize>,
    /// All frames as one clip, in place of `clips`.
    pub whole: bool,
    /// Crops of a clip: 1, 3, 5, 9, 10 or 18.
    pub crops: Option<usize>,
    /// The size of frames before the crops, where it is another than in training.
    pub size: Option<FrameSize>,
    /// The side of a crop, where it is another than in training.
    pub crop: Option<usize>,
    /// What is averaged over the clips and crops of a video.
    pub average: Averaged,
    /// At most so many of them run through the network at once.
    pub at_once: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Averaged {
    #[default]
    Softmax,
    Logits,
}
