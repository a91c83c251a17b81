//! From videos to what the network sees, in training and in tests.

use std::sync::Arc;

use candle::{DType, Device, Result as CandleResult, Tensor};
use image::RgbImage;
use marey::clip::{
    Augment, Clip, ClipSampler, ColourJitter, Crop, Crops, MultiScale, Normalize, Size, View,
    Window,
};
use marey::data::{self, Dataset, Loader, LoaderConfig, Modality, Shard, Videos};
use marey::flow::{Estimator, Flow, Preset, TvL1};
use marey::layers::rng::stream;
use marey::zoo::{Model, Views};

use super::recipe::Recipe;
use super::sections::{CropKind, FrameSize, Range};
use crate::exit::{self, failure};

/// Height and width of the black frames that settings are tried on.
const BLACK: (usize, usize) = (48, 64);

/// How clips are made.
#[derive(Clone)]
pub struct Clips {
    modality: Modality,
    flow: TvL1,
    pub preset: Preset,
    /// How flow is found, in words.
    found: String,
    pub frames: usize,
    pub augment: Augment,
    train: ClipSampler,
    test: ClipSampler,
    /// What is seen of a test video, where clips are spread evenly over it.
    pub views: Views,
    pub view: View,
    pub crops: Crops,
    seed: u64,
}

impl Clips {
    /// As `recipe` says, and the paper of `model` where it does not; of videos whose flow was `extracted` in these words, if it was.
    pub fn new(recipe: &Recipe, model: &Model, extracted: Option<String>) -> anyhow::Result<Self> {
        let (clip, test) = (&recipe.clip, &recipe.test);
        let frames = clip.frames.unwrap_or(model.recipe.frames);
        let stride = clip.stride.unwrap_or(match clip.frames {
            Some(_) => model.views.window.stride,
            None => model.recipe.stride,
        });
        let size = clip.size.map_or(model.recipe.size, Size::from);
        let side = clip.crop.unwrap_or(model.recipe.crop);
        let normalize = clip.normalize.map_or(model.recipe.normalize, Normalize::from);
        let preset: Preset = clip.flow.as_deref().unwrap_or("opencv").parse()?;
        let window = Window { length: frames, stride };
        let (train, window) = samplers(recipe, window)?;
        let views = Views { clips: test.clips.unwrap_or(model.views.clips), window };
        let augment = augment(recipe, size, side, normalize);
        augment.check()?;
        let crops = Crops::of(test.crops.unwrap_or(1))?;
        if test.at_once == Some(0) {
            return Err(failure(exit::USAGE, "[test] at_once = 0: a number from 1 is wanted"));
        }
        let view = View {
            size: test.size.map_or(size, Size::from),
            side: test.crop.unwrap_or(side),
            normalize,
            ..model.recipe.view()
        };
        Ok(Self {
            modality: model.modality,
            flow: TvL1::preset(preset),
            preset,
            found: extracted.unwrap_or_else(|| format!("TV-L1 ({})", preset.name())),
            frames,
            augment,
            train,
            test: test_sampler(recipe, views),
            views,
            view,
            crops,
            seed: recipe.seed,
        })
    }

    /// Batches of training clips of `dataset`, of which this process takes its `shard`. Videos that cannot be decoded are left out.
    pub fn training(
        &self,
        dataset: Arc<dyn Dataset>,
        batch: usize,
        shard: Shard,
    ) -> anyhow::Result<Loader> {
        let (sampler, skip_broken) = (self.train, true);
        let config = LoaderConfig { batch, sampler, shard, skip_broken, ..self.config() };
        let (modality, augment, flow) = (self.modality, self.augment.clone(), self.flow);
        let transform =
            move |clip: Clip, rng: &mut _| modality.clip(&clip, &augment.draw(rng), &flow);
        Ok(Loader::new(dataset, config, transform)?.with_modality(self.modality))
    }

    /// The videos of `dataset` from number `first` on, each in all clips and crops that are tested.
    pub fn testing(&self, dataset: Arc<dyn Dataset>, first: usize) -> anyhow::Result<Videos> {
        self.videos(dataset, first, self.test, self.view, self.crops)
    }

    /// The videos of `dataset`, each in one clip and one crop, from the middle, of the size of training clips.
    pub fn watching(&self, dataset: Arc<dyn Dataset>) -> anyhow::Result<Videos> {
        let (middle, view) = self.watched();
        self.videos(dataset, 0, middle, view, Crops::Center)
    }

    /// What is watched of a video.
    fn watched(&self) -> (ClipSampler, View) {
        let middle = match self.train {
            ClipSampler::Random(window) => ClipSampler::Center(window),
            ClipSampler::RandomStride { length, from, to } => {
                ClipSampler::Center(Window { length, stride: (from + to) / 2 })
            }
            ClipSampler::Segments { segments, length, .. } => {
                ClipSampler::Segments { segments, length, random: false }
            }
            other => other,
        };
        // Not that of the tests: what is watched decides how a run goes on, and they are no part of it.
        (middle, View { size: self.augment.size, side: self.augment.side, ..self.view })
    }

    fn videos(
        &self,
        dataset: Arc<dyn Dataset>,
        first: usize,
        sampler: ClipSampler,
        view: View,
        crops: Crops,
    ) -> anyhow::Result<Videos> {
        let config = LoaderConfig { batch: 1, shuffle: false, queue: 1, ..self.config() };
        let loader = Loader::new(dataset, config, |clip, _| Ok(clip))?.with_modality(self.modality);
        let (modality, flow) = (self.modality, self.flow);
        Ok(loader.videos_from(first, sampler, move |clip| -> CandleResult<Vec<Clip>> {
            let seen = modality.seen(&clip, &view, &flow)?;
            let (h, w) = seen.size();
            crops.views(&view, h, w).iter().map(|view| seen.clip(view)).collect()
        })?)
    }

    /// Makes clips of black frames as in training, as in tests, and if `watched` as they are watched: a setting by which no clip can
    /// be made is refused here, before a run and not in the middle of it.
    pub fn check(&self, watched: bool) -> anyhow::Result<()> {
        let mut augment = self.augment.clone();
        if let Some([least, most]) = &mut augment.short_sides {
            self.check_bytes("training clips", Size::ShortSide(*most), self.augment.side)?;
            // The one that a crop is most likely too large for.
            *most = *least;
        }
        let training = augment.draw(&mut stream(self.seed, "check", 0));
        self.check_made("training clips", self.train, &training, None)?;
        self.check_made("test clips", self.test, &self.view, Some(self.crops))?;
        if watched {
            let (sampler, view) = self.watched();
            self.check_made("watched clips", sampler, &view, Some(Crops::Center))?;
        }
        Ok(())
    }

    fn check_made(
        &self,
        what: &str,
        sampler: ClipSampler,
        view: &View,
        crops: Option<Crops>,
    ) -> anyhow::Result<()> {
        self.check_bytes(what, view.size, view.side)?;
        let made = self.black(sampler).and_then(|clip| {
            let seen = self.modality.seen(&clip, view, &Still)?;
            let (h, w) = seen.size();
            let views = crops.map_or(vec![*view], |crops| crops.views(view, h, w));
            views.iter().try_for_each(|view| seen.clip(view).map(drop))
        });
        made.map_err(|error| failure(exit::USAGE, format!("{what}: {error}")))
    }

    /// Refuses frames that take more than 2 GB as they are resized, as crops of `side`, or as those of [`black`](Self::black).
    fn check_bytes(&self, what: &str, size: Size, side: usize) -> anyhow::Result<()> {
        const MOST: f64 = 2048.;
        let (h, w) = match size {
            Size::ShortSide(short) => {
                (short as f64, short as f64 * (BLACK.1 as f64 / BLACK.0 as f64))
            }
            Size::Exactly(h, w) => (h as f64, w as f64),
        };
        let pixels = (h * w).max((side as f64).powi(2)).max((BLACK.0 * BLACK.1) as f64);
        // Flow is found in two frames.
        let frames = self.frames as f64 * self.modality.frames(&[0], 2).len() as f64;
        let mb = frames * pixels * 3. * 4. / f64::from(1 << 20);
        if mb <= MOST {
            return Ok(());
        }
        let what =
            format!("{what}: the frames of one take {mb:.0} MB; at most {MOST} MB are wanted");
        Err(failure(exit::RESOURCE, what))
    }

    /// What `sampler` takes first of a black video.
    fn black(&self, sampler: ClipSampler) -> CandleResult<Clip> {
        let taken = sampler.sample(self.frames, &mut stream(self.seed, "check", 0))?;
        let frames = taken.first().map_or(0, |clip| self.modality.frames(clip, self.frames).len());
        Clip::new(Tensor::zeros((3, frames, BLACK.0, BLACK.1), DType::F32, &Device::Cpu)?)
    }

    /// The frames of one training clip `[C, T, H, W]` as pictures.
    pub fn pictures(&self, clip: &Tensor) -> anyhow::Result<Vec<RgbImage>> {
        Ok(data::pictures(clip, self.modality, &self.augment.normalize)?)
    }

    fn config(&self) -> LoaderConfig {
        LoaderConfig {
            seed: self.seed,
            threads: rayon::current_num_threads(),
            ..Default::default()
        }
    }

    /// The protocol of the tests as part of a name: `10x3-softmax`.
    pub fn slug(&self, recipe: &Recipe) -> String {
        let clips = match self.test {
            ClipSampler::Uniform(_, clips) => clips.to_string(),
            ClipSampler::Dense { step, .. } => format!("every{step}"),
            _ => "whole".into(),
        };
        let average = format!("{:?}", recipe.test.average).to_lowercase();
        format!("{clips}x{}-{average}", self.crops.count())
    }

    /// The protocol of the tests in words: `10 clips of 16 frames (each 2 after the last), 3 crops ..`.
    pub fn protocol(&self) -> String {
        let clips = match self.test {
            ClipSampler::Uniform(window, 1) => format!("1 clip of {}", words(window)),
            ClipSampler::Uniform(window, clips) => format!("{clips} clips of {}", words(window)),
            ClipSampler::Dense { window, step } => {
                format!("a clip of {} every {step} frames", words(window))
            }
            ClipSampler::Segments { segments, length, .. } => {
                format!("one clip of {segments} snippets of {length}")
            }
            _ => "one clip of all frames".into(),
        };
        let side = self.view.side;
        let size = match self.view.size {
            Size::ShortSide(short) => format!("frames with a shorter side of {short}"),
            Size::Exactly(h, w) => format!("frames of {w}x{h}"),
        };
        let crops = self.crops.name();
        let flow = match self.modality.has_flow() {
            true => format!(", {}", self.found),
            false => String::new(),
        };
        format!("{clips}, {crops} of {side}x{side} of {size}{flow}")
    }
}

/// The flow where nothing moves, found in no time.
struct Still;

impl Estimator for Still {
    fn flow_of(&self, clips: &Tensor) -> CandleResult<Flow> {
        let (n, _, t, h, w) = clips.dims5()?;
        Flow::new(Tensor::zeros((n, 2, t - 1, h, w), DType::F32, &Device::Cpu)?)
    }
}

fn words(Window { length, stride }: Window) -> String {
    match (length, stride) {
        (1, _) => "1 frame".into(),
        (_, 1) => format!("{length} consecutive frames"),
        _ => format!("{length} frames (each {stride} after the last)"),
    }
}

/// That of training, and the window of a test clip.
fn samplers(recipe: &Recipe, window: Window) -> anyhow::Result<(ClipSampler, Window)> {
    let clip = &recipe.clip;
    let refused = |what: String| Err(failure(exit::USAGE, format!("[clip] {what}")));
    let Window { length, stride } = window;
    Ok(match (clip.segments, clip.strides) {
        (Some(_), Some(_)) => return refused("takes `segments` or `strides`, not both".into()),
        (Some(segments), None) if segments > 0 && length.is_multiple_of(segments) => {
            let length = length / segments;
            let sampler = ClipSampler::Segments { segments, length, random: true };
            (sampler, Window { length, stride: 1 })
        }
        (Some(segments), None) => {
            return refused(format!("{length} frames are not {segments} snippets of one length"));
        }
        (None, Some([from, to])) if 0 < from && from <= to => {
            (ClipSampler::RandomStride { length, from, to }, window)
        }
        (None, Some(strides)) => return refused(format!("strides {strides:?}: from 1, ascending")),
        (None, None) => (ClipSampler::Random(Window { length, stride }), window),
    })
}

fn test_sampler(recipe: &Recipe, views: Views) -> ClipSampler {
    let test = &recipe.test;
    match (test.whole, test.every) {
        (true, _) => ClipSampler::All,
        (_, Some(step)) => ClipSampler::Dense { window: views.window, step },
        _ => ClipSampler::Uniform(views.window, views.clips),
    }
}

fn augment(recipe: &Recipe, size: Size, side: usize, normalize: Normalize) -> Augment {
    let section = &recipe.augment;
    let crop = match section.crop {
        CropKind::Center => Crop::Center,
        CropKind::Random => Crop::Random,
        CropKind::Corners => Crop::Corners,
        CropKind::MultiScale => {
            let scales =
                section.scales.clone().map(|scales| MultiScale { scales, ..Default::default() });
            Crop::MultiScale(scales.unwrap_or_default())
        }
        CropKind::Resized => Crop::Resized { area: section.area, ratio: section.ratio },
    };
    let colour = ColourJitter {
        brightness: section.brightness,
        contrast: section.contrast,
        saturation: section.saturation,
        hue: section.hue,
    };
    Augment {
        size,
        short_sides: section.short_sides,
        crop,
        side,
        flip: section.flip,
        colour: (colour != ColourJitter::default()).then_some(colour),
        normalize,
    }
}

impl From<FrameSize> for Size {
    fn from(size: FrameSize) -> Self {
        match size {
            FrameSize::ShortSide(side) => Self::ShortSide(side),
            FrameSize::Exactly([height, width]) => Self::Exactly(height, width),
        }
    }
}

impl From<Range> for Normalize {
    fn from(range: Range) -> Self {
        match range {
            Range::Kinetics => Self::KINETICS,
            Range::Imagenet => Self::IMAGENET,
            Range::Signed => Self::SIGNED,
        }
    }
}
