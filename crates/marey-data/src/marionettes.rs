//! Marionettes: generated videos of figures that do something, which only time tells apart.
//!
//! There are six motions. Each is one action when it is played forwards and another when it is
//! played backwards: who raises an arm lowers it. A video of the second action *is* a video of
//! the motion with its frames in reverse order, the camera, the background and the moments of
//! rest included. So the frames of two partners are the same in distribution, and whoever looks
//! at frames without their order can tell the motion (one of 6) but not the action (one of 12).
//!
//! The test set makes that exact. Videos `2 i` and `2 i + 1` are one another's reversal, under the labels
//! of the two partners: a score that does not depend on the order of the frames is right on at
//! most one of them, hence on at most half of the test set. (It has to see the same frames of both:
//! all of them, or an even number spread evenly, for the middle one of an odd number may lie half
//! a frame to one side.)
//!
//! Mirroring a video left to right leaves its action.

mod action;
mod background;
mod camera;
mod draw;
mod figure;
mod pose;

use candle::{Device, Tensor};
use marey_clip::Clip;
use marey_layers::rng::{ChaCha8Rng, stream};
use rand::Rng;

use self::action::{ACTIONS, Motion, Timing};
use self::background::Background;
use self::draw::Canvas;
use self::figure::Figure;
use self::pose::Manner;
use crate::dataset::{Dataset, Subset};
use crate::error::{Error, Result};

/// The size of a [`Marionettes`] and how hard it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MarionettesConfig {
    /// Width of a frame in pixels.
    pub width: usize,
    /// Height of a frame in pixels.
    pub height: usize,
    /// Fewest and most frames of a video; each length between them is as likely.
    pub frames: [usize; 2],
    /// Videos to learn from; their actions take turns.
    pub train: usize,
    /// Videos to be judged by, an even number; twelve in a row hold every action.
    pub test: usize,
    /// From which all else follows.
    pub seed: u64,
    /// How much figures differ in size, place and thickness, from 0 to 1.
    pub variation: f32,
    /// Contrast of the background's texture, from 0 (none) to 1.
    pub background: f32,
    /// The most shapes that move in the background.
    pub distractors: usize,
    /// How much the camera pans, zooms and shakes, from 0 (not at all) to 1.
    pub camera: f32,
    /// The longest rest before and after a motion, of the video, from 0 to 0.4.
    pub rest: f32,
}

impl Default for MarionettesConfig {
    fn default() -> Self {
        Self {
            width: 64,
            height: 64,
            frames: [40, 120],
            train: 2400,
            test: 600,
            seed: 0,
            variation: 1.,
            background: 1.,
            distractors: 3,
            camera: 1.,
            rest: 0.12,
        }
    }
}

/// The generated benchmark; a frame is drawn when it is asked for.
#[derive(Debug, Clone)]
pub struct Marionettes {
    config: MarionettesConfig,
    subset: Subset,
    classes: Vec<String>,
}

impl Marionettes {
    /// The videos of `subset`; the two share none.
    ///
    /// # Errors
    ///
    /// If a number of `config` is out of its range.
    pub fn new(config: MarionettesConfig, subset: Subset) -> Result<Self> {
        let refuse = |what: String| Err(Error::Config(format!("marionettes: {what}")));
        let MarionettesConfig { width, height, frames: [fewest, most], .. } = config;
        if !(8..=4096).contains(&width) || !(8..=4096).contains(&height) {
            return refuse(format!(
                "frames of 8 to 4096 pixels a side wanted, got {width} x {height}"
            ));
        }
        if fewest < 2 || most < fewest {
            return refuse(format!(
                "at least 2 frames, and most >= fewest, wanted, got {fewest}..={most}"
            ));
        }
        if config.test % 2 == 1 {
            return refuse(format!("an even number of test videos wanted, got {}", config.test));
        }
        let shares = [
            ("variation", config.variation, 1.),
            ("background", config.background, 1.),
            ("camera", config.camera, 1.),
            ("rest", config.rest, 0.4),
        ];
        if let Some((name, value, most)) =
            shares.into_iter().find(|(_, value, most)| !(0. ..=*most).contains(value))
        {
            return refuse(format!("{name} from 0 to {most} wanted, got {value}"));
        }
        Ok(Self { config, subset, classes: ACTIONS.map(String::from).to_vec() })
    }

    /// The motion of video `index`, whether it is reversed, and the number of its base video.
    fn plan(&self, index: usize) -> (usize, bool, u64) {
        match self.subset {
            Subset::Train => (index / 2 % Motion::ALL.len(), index % 2 == 1, index as u64),
            Subset::Test => (index / 2 % Motion::ALL.len(), index % 2 == 1, index as u64 / 2),
        }
    }

    /// The generator of video `index` once its length is drawn, and the length.
    fn begin(&self, index: usize) -> (ChaCha8Rng, usize) {
        let (_, _, base) = self.plan(index);
        let mut rng = stream(self.config.seed, &format!("marionettes/{}", self.subset), base);
        let [fewest, most] = self.config.frames;
        let frames = rng.random_range(fewest..=most);
        (rng, frames)
    }
}

impl Dataset for Marionettes {
    fn len(&self) -> usize {
        match self.subset {
            Subset::Train => self.config.train,
            Subset::Test => self.config.test,
        }
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn label(&self, index: usize) -> u32 {
        let (motion, reversed, _) = self.plan(index);
        2 * motion as u32 + u32::from(reversed)
    }

    fn name(&self, index: usize) -> String {
        format!("marionettes/{}/{index} ({})", self.subset, ACTIONS[self.label(index) as usize])
    }

    fn num_frames(&self, index: usize) -> Result<usize> {
        Ok(self.begin(index).1)
    }

    fn frames(&self, index: usize, which: &[usize]) -> Result<Clip> {
        let (motion, reversed, _) = self.plan(index);
        let (mut rng, frames) = self.begin(index);
        if let Some(&frame) = which.iter().find(|t| **t >= frames) {
            return Err(Error::NoSuchFrame { video: self.name(index), frame, frames });
        }
        let scene = Scene::draw(&self.config, Motion::ALL[motion], &mut rng);
        let MarionettesConfig { width, height, .. } = self.config;
        let (pixels, count) = (width * height, which.len());
        let mut data = vec![0f32; 3 * count * pixels];
        let mut canvas = Canvas::new(width, height);
        for (i, &t) in which.iter().enumerate() {
            let t = if reversed { frames - 1 - t } else { t };
            scene.render(t as f32 / (frames - 1) as f32, &mut canvas);
            for c in 0..3 {
                let plane = &mut data[(c * count + i) * pixels..][..pixels];
                plane.iter_mut().zip(&canvas.pixels).for_each(|(to, from)| *to = from[c]);
            }
        }
        Ok(Clip::new(Tensor::from_vec(data, (3, count, height, width), &Device::Cpu)?)?)
    }
}

/// All that one base video is.
struct Scene {
    motion: Motion,
    timing: Timing,
    manner: Manner,
    figure: Figure,
    background: Background,
    camera: camera::Path,
}

impl Scene {
    fn draw(config: &MarionettesConfig, motion: Motion, rng: &mut ChaCha8Rng) -> Self {
        let size = [config.width, config.height];
        let background = Background::draw(config.background, config.distractors, size, rng);
        Self {
            motion,
            timing: Timing::draw(config.rest, rng),
            manner: Manner::draw(rng),
            figure: Figure::draw(background.brightness, config.variation, rng),
            background,
            camera: camera::Path::draw(config.camera, rng),
        }
    }

    /// Draws what is seen at `time`, from 0 to 1.
    fn render(&self, time: f32, canvas: &mut Canvas) {
        let camera = self.camera.at(time, canvas.width, canvas.height);
        self.background.render(&camera, time, canvas);
        let pose = self.manner.pose(self.motion, self.timing.phase(time));
        for shape in self.figure.shapes(&pose) {
            canvas.draw(&camera.see(shape));
        }
    }
}
