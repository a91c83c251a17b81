//! Jitter of colours, the same in all frames of a clip.

use candle::{Result, bail};
use rand::Rng;
use rayon::prelude::*;

use crate::clip::{Channels, Clip};

/// How [`Colour`]s are drawn: torchvision's `ColorJitter`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ColourJitter {
    /// Brightness is multiplied by a number from 1 minus this, and not below 0, to 1 plus it.
    pub brightness: f32,
    /// Contrast is, too.
    pub contrast: f32,
    /// Saturation is, too.
    pub saturation: f32,
    /// Hue is turned by up to this share of the circle either way, at most 0.5.
    pub hue: f32,
}

/// What is done to the colours of one clip. Values stay in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Colour {
    /// Multiplies all values.
    pub brightness: f32,
    /// Multiplies the distance to the mean grey of the frame.
    pub contrast: f32,
    /// Multiplies the distance to the grey of the pixel.
    pub saturation: f32,
    /// Turns the hue, in shares of the circle.
    pub hue: f32,
    /// In which order: 0 is brightness, 1 contrast, 2 saturation, 3 hue.
    pub order: [u8; 4],
}

impl Default for Colour {
    /// Nothing.
    fn default() -> Self {
        Self { brightness: 1., contrast: 1., saturation: 1., hue: 0., order: [0, 1, 2, 3] }
    }
}

impl ColourJitter {
    /// Refuses settings that make no sense.
    ///
    /// # Errors
    ///
    /// If one is negative, or hue is above 0.5.
    pub fn check(&self) -> Result<()> {
        let Self { brightness, contrast, saturation, hue } = *self;
        if [brightness, contrast, saturation].iter().all(|x| x.is_finite() && *x >= 0.)
            && (0. ..=0.5).contains(&hue)
        {
            return Ok(());
        }
        bail!("colour jitter: no negative numbers and a hue up to 0.5 wanted, got {self:?}")
    }

    /// What is done to one clip.
    pub fn draw(&self, rng: &mut impl Rng) -> Colour {
        let mut order = [0, 1, 2, 3];
        for i in (1..order.len()).rev() {
            order.swap(i, rng.random_range(0..=i));
        }
        let mut factor = |jitter: f32| {
            let least = (1. - jitter).max(0.);
            least + (1. + jitter - least) * rng.random::<f32>()
        };
        let [brightness, contrast, saturation] =
            [self.brightness, self.contrast, self.saturation].map(&mut factor);
        let hue = self.hue * (2. * rng.random::<f32>() - 1.);
        Colour { brightness, contrast, saturation, hue, order }
    }
}

impl Colour {
    /// Changes the red, green and blue of `clip`, in `[0, 1]`; flow stays.
    ///
    /// # Errors
    ///
    /// If the clip has no RGB.
    pub fn apply(&self, clip: &Clip) -> Result<Clip> {
        if !matches!(clip.channels(), Channels::Rgb | Channels::RgbFlow) {
            bail!("colour: {:?} {:?} has no RGB", clip.channels(), clip.tensor().shape())
        }
        let (_, t, h, w) = clip.dims();
        let mut data = clip.read(<[f32]>::to_vec)?;
        let (red, rest) = data.split_at_mut(t * h * w);
        let (green, rest) = rest.split_at_mut(t * h * w);
        let frames = red
            .par_chunks_exact_mut(h * w)
            .zip(green.par_chunks_exact_mut(h * w))
            .zip(rest[..t * h * w].par_chunks_exact_mut(h * w));
        frames.for_each(|((red, green), blue)| self.frame([red, green, blue]));
        clip.rebuilt(data, h, w)
    }

    fn frame(&self, mut planes: [&mut [f32]; 3]) {
        for step in self.order {
            match step {
                0 if self.brightness != 1. => blend(&mut planes, self.brightness, |_| 0.),
                1 if self.contrast != 1. => {
                    let pixels = planes[0].len();
                    let sum: f64 = (0..pixels).map(|i| f64::from(grey(at(&planes, i)))).sum();
                    let mean = (sum / pixels as f64) as f32;
                    blend(&mut planes, self.contrast, |_| mean);
                }
                2 if self.saturation != 1. => blend(&mut planes, self.saturation, grey),
                3 if self.hue != 0. => each(&mut planes, |rgb| turned(rgb, self.hue)),
                _ => {}
            }
        }
    }
}

fn at(planes: &[&mut [f32]; 3], pixel: usize) -> [f32; 3] {
    [planes[0][pixel], planes[1][pixel], planes[2][pixel]]
}

fn each(planes: &mut [&mut [f32]; 3], f: impl Fn([f32; 3]) -> [f32; 3]) {
    for i in 0..planes[0].len() {
        let rgb = f(at(planes, i));
        planes.iter_mut().zip(rgb).for_each(|(plane, value)| plane[i] = value);
    }
}

/// Moves each pixel from `other`, a grey, to `factor` times as far.
fn blend(planes: &mut [&mut [f32]; 3], factor: f32, other: impl Fn([f32; 3]) -> f32) {
    each(planes, |rgb| {
        let grey = other(rgb) * (1. - factor);
        rgb.map(|value| (value * factor + grey).clamp(0., 1.))
    });
}

/// ITU-R BT.601, in the digits of torchvision.
fn grey([r, g, b]: [f32; 3]) -> f32 {
    0.2989 * r + 0.587 * g + 0.114 * b
}

/// By way of hue, saturation and value.
fn turned([r, g, b]: [f32; 3], by: f32) -> [f32; 3] {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    let range = most - least;
    if range <= 0. {
        return [r, g, b];
    }
    let sixth = match most {
        most if most == r => (g - b) / range,
        most if most == g => 2. + (b - r) / range,
        _ => 4. + (r - g) / range,
    };
    let hue = (sixth / 6. + by).rem_euclid(1.) * 6.;
    // A channel is full within a sixth of the circle of its hue, and fades over the next.
    let channel = |full: f32| {
        let far = ((hue - full).rem_euclid(6.)).min((full - hue).rem_euclid(6.));
        least + range * (2. - far).clamp(0., 1.)
    };
    [channel(0.), channel(2.), channel(4.)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::{Device, Tensor};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    const PIXELS: [f32; 12] = [0.2, 0.8, 0.5, 0.1, 0.4, 0.3, 0.9, 0., 0.6, 0.1, 0.05, 0.7];

    fn clip(pixels: &[f32]) -> Clip {
        Clip::new(Tensor::from_slice(pixels, (3, 1, 2, 2), &Device::Cpu).unwrap()).unwrap()
    }

    fn near(colour: Colour, want: [f32; 12]) {
        let got = colour.apply(&clip(&PIXELS)).unwrap();
        let got = got.tensor().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let far = got.iter().zip(want).map(|(a, b)| (a - b).abs()).fold(0., f32::max);
        assert!(far < 2e-6, "{colour:?}: {got:?} is not {want:?}");
    }

    #[test]
    fn colours_change_as_in_torchvision() {
        // torchvision.transforms.v2.functional.adjust_*, 0.29.
        let none = Colour::default();
        near(
            Colour { brightness: 1.4, ..none },
            [0.28, 1., 0.7, 0.14, 0.56, 0.42, 1., 0., 0.84, 0.14, 0.07, 0.98],
        );
        near(
            Colour { contrast: 0.6, ..none },
            [
                0.278274, 0.638274, 0.458274, 0.218274, 0.398274, 0.338274, 0.698274, 0.158274,
                0.518274, 0.218274, 0.188274, 0.578274,
            ],
        );
        near(
            Colour { saturation: 1.5, ..none },
            [
                0.11851, 0.98669, 0.408275, 0.095155, 0.41851, 0.23669, 1., 0., 0.71851, 0., 0.,
                0.995155,
            ],
        );
        near(
            Colour { hue: 0.2, ..none },
            [0.48, 0.46, 0.05, 0.7, 0.2, 0.8, 0.9, 0., 0.6, 0.1, 0.62, 0.46],
        );
        near(
            Colour { hue: -0.35, ..none },
            [0.44, 0.23, 0.9, 0., 0.6, 0.1, 0.05, 0.7, 0.2, 0.8, 0.585, 0.03],
        );
        let all = Colour {
            saturation: 0.7,
            brightness: 1.2,
            contrast: 1.3,
            hue: 0.1,
            order: [2, 0, 1, 3],
        };
        near(
            all,
            [
                0.289602, 0.930906, 0.262764, 0.422212, 0.245922, 0.843545, 1., 0., 0.682722,
                0.166506, 0.232102, 0.673382,
            ],
        );
        near(none, PIXELS);
    }

    #[test]
    fn what_is_drawn_is_in_range() {
        let jitter = ColourJitter { brightness: 0.4, contrast: 2., saturation: 0., hue: 0.1 };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        for _ in 0..100 {
            let Colour { brightness, contrast, saturation, hue, mut order } = jitter.draw(&mut rng);
            assert!((0.6..=1.4).contains(&brightness) && (0. ..=3.).contains(&contrast));
            assert!(saturation == 1. && (-0.1..=0.1).contains(&hue));
            order.sort_unstable();
            assert_eq!(order, [0, 1, 2, 3]);
        }
        assert!(ColourJitter { hue: 0.6, ..jitter }.check().is_err());
        assert!(ColourJitter { contrast: -1., ..jitter }.check().is_err());
    }

    #[test]
    fn flow_stays() {
        let both = Tensor::full(0.5f32, (5, 1, 2, 2), &Device::Cpu).unwrap();
        let colour = Colour { brightness: 0.5, ..Colour::default() };
        let got = colour.apply(&Clip::new(both).unwrap()).unwrap();
        let got = got.tensor().flatten_from(1).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!((got[0][0], got[3][0]), (0.25, 0.5));
        assert!(
            colour
                .apply(
                    &Clip::new(
                        Tensor::zeros((2, 1, 2, 2), candle::DType::F32, &Device::Cpu).unwrap()
                    )
                    .unwrap()
                )
                .is_err()
        );
    }
}
