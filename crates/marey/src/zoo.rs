//! Models by name: how each is built, what clips it takes, where its weights' names come from.

mod build;
mod channel_separated;
mod dialects;
mod factorized;
mod hidden;
mod init;
mod load;
mod recurrent;
mod table;
mod three_d;
mod two_stream;

use candle::{Result, bail};
use candle_nn::VarBuilder;
use marey_clip::{ClipSampler, Recipe, Window};
use marey_inspect::{Summary, summary};
use marey_layers::Network;
use marey_layers::rng::stream;
use marey_weights::Dialect;

pub use init::{Begun, InitRules, NewBecause};
pub use load::{Imported, LoadError, Source};
pub use marey_data::{FlowRange, Modality};
pub use table::MODELS;

/// What a model is built for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sizes {
    /// Channels of a frame: 3 for RGB.
    pub c_in: usize,
    /// Number of classes.
    pub classes: usize,
    /// Clip `[t, h, w]`. Networks with full layers have their sizes from it; others take any clip.
    pub input: [usize; 3],
    /// Every channel count of the paper is divided by this.
    pub shrink: usize,
    /// Chance that a unit is dropped, where the network drops any; the paper's if there is none.
    pub dropout: Option<f32>,
}

/// What a network sees of a video when it is tested: clips spread evenly over it, whose scores are averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Views {
    /// Number of clips.
    pub clips: usize,
    /// Their length, and the distance of their frames.
    pub window: Window,
}

impl Views {
    /// The clips to take of a video of `frames` frames: fewer where it is so short that clips would be the same.
    pub fn sampler(&self, frames: usize) -> ClipSampler {
        let Window { length, stride } = self.window;
        let starts = frames.saturating_sub(length.saturating_sub(1) * stride).max(1);
        ClipSampler::Uniform(self.window, self.clips.clamp(1, starts))
    }

    /// The frames of these clips, numbered from 0.
    pub fn clips(&self, frames: usize) -> Result<Vec<Vec<usize>>> {
        // Nothing is drawn for clips that are spread evenly.
        self.sampler(frames).sample(frames, &mut stream(0, "views", 0))
    }
}

/// A model of the zoo.
#[derive(Clone, Copy)]
pub struct Model {
    /// As on the command line.
    pub name: &'static str,
    /// The crate it lives in.
    pub family: &'static str,
    /// Its paper.
    pub paper: &'static str,
    /// The year of that.
    pub year: u16,
    /// Classes of the paper's main dataset, and of the weights that were released.
    pub classes: usize,
    /// What the channels of its clips are.
    pub modality: Modality,
    /// Clips that are made of videos for it.
    pub recipe: Recipe,
    /// What it sees of a video when it is tested.
    pub views: Views,
    /// Releases whose weights it loads, besides those that have its own names.
    pub dialects: &'static [Dialect],
    /// 2D networks of images that it may begin from, but whose weights are not its own.
    pub images: &'static [Dialect],
    build: fn(&Sizes, VarBuilder) -> Result<Box<dyn Network>>,
}

/// The model called `name`, or an error that lists all there are.
pub fn find(name: &str) -> Result<&'static Model> {
    match MODELS.iter().find(|model| model.name == name) {
        Some(model) => Ok(model),
        None => {
            let names: Vec<&str> = MODELS.iter().map(|model| model.name).collect();
            bail!("no model is called `{name}`; there are {}", names.join(", "))
        }
    }
}

impl Model {
    /// The sizes of its paper, for `classes` classes.
    pub fn sizes(&self, classes: usize) -> Sizes {
        let Recipe { frames, crop, .. } = self.recipe;
        Sizes {
            c_in: self.modality.channels(),
            classes,
            input: [frames, crop, crop],
            shrink: 1,
            dropout: None,
        }
    }

    /// Builds the network at `vb`.
    pub fn build(&self, sizes: &Sizes, vb: VarBuilder) -> Result<Box<dyn Network>> {
        if sizes.classes == 0 || sizes.shrink == 0 {
            bail!(
                "{}: expected at least one class, and a shrink of at least 1, got {sizes:?}",
                self.name
            )
        }
        (self.build)(sizes, vb)
    }

    /// What the network costs on one clip.
    pub fn summary(&self, sizes: &Sizes) -> Result<Summary> {
        let [t, h, w] = sizes.input;
        summary([1, sizes.c_in, t, h, w], |vb| self.build(sizes, vb))
    }
}
