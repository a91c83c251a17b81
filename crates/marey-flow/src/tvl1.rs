//! TV-L1 optical flow.
//!
//! References: Zach, Pock and Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", DAGM 2007; Sanchez,
//! Meinhardt-Llopis and Facciolo, "TV-L1 Optical Flow Estimation", IPOL 2013, <https://doi.org/10.5201/ipol.2013.26>; OpenCV's
//! `DualTVL1OpticalFlow` (`opencv_contrib`, `modules/optflow/src/tvl1flow.cpp`).

mod config;
mod device;
mod lanes;
mod level;
mod median;
mod plane;
mod pyramid;
mod resample;
mod rows;
mod sweep;
mod tensors;
mod warp;

pub use config::{Preset, Scheme, TvL1Config};
pub use level::Effort;

use rayon::prelude::*;

use crate::error::same_size;
use crate::{Error, Field, Grey, Result};
use lanes::Isa;
use level::Work;
use plane::Plane;

/// Squares of larger pixels are no numbers, and their flow would be 0.
const LARGEST: f32 = 1e18;

/// Finds flow by TV-L1.
///
/// On the CPU the numbers are the same whatever the machine's vectors and however many threads there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TvL1(TvL1Config);

impl TvL1 {
    /// By these parameters; errors name one that cannot be.
    pub fn new(config: TvL1Config) -> Result<Self> {
        config.check()?;
        Ok(Self(config))
    }

    /// By the parameters of `preset`.
    pub fn preset(preset: Preset) -> Self {
        Self(preset.config())
    }

    /// Its parameters.
    pub fn config(&self) -> &TvL1Config {
        &self.0
    }

    /// Where the pixels of `from` are in `to`, on all threads of rayon's current pool.
    ///
    /// Images of one brightness have no motion. Errors: images of two sizes; numbers so large that the flow is none.
    pub fn field(&self, from: &Grey, to: &Grey) -> Result<Field> {
        Ok(self.measured(from, to)?.0)
    }

    /// [`field`](Self::field), and what it took.
    pub fn measured(&self, from: &Grey, to: &Grey) -> Result<(Field, Effort)> {
        self.solve(from, to, None, rayon::current_num_threads())
    }

    /// [`field`](Self::field), from a flow that is near it.
    pub fn field_from(&self, start: &Field, from: &Grey, to: &Grey) -> Result<Field> {
        Ok(self.solve(from, to, Some(start), rayon::current_num_threads())?.0)
    }

    /// The fields of many pairs, in their order; pairs are computed at once, if there are as many as threads.
    pub fn fields<'a>(&self, pairs: &[(&'a Grey, &'a Grey)]) -> Result<Vec<Field>> {
        let threads = rayon::current_num_threads();
        if pairs.len() < threads {
            return pairs.iter().map(|(from, to)| self.field(from, to)).collect();
        }
        pairs.par_iter().map(|(from, to)| Ok(self.solve(from, to, None, 1)?.0)).collect()
    }

    fn solve(
        &self,
        from: &Grey,
        to: &Grey,
        start: Option<&Field>,
        bands: usize,
    ) -> Result<(Field, Effort)> {
        let [width, height] = from.size();
        same_size("flow is between images", from.size(), to.size())?;
        if let Some(start) = start {
            same_size("flow begins with a field and images", start.size(), from.size())?;
        }
        let mut pixels = from.pixels().iter().chain(to.pixels());
        if let Some(pixel) = pixels.find(|pixel| pixel.abs() > LARGEST) {
            return Err(Error::Input(format!(
                "TV-L1: a pixel is {pixel}, and pixels are expected in [0, 255]"
            )));
        }
        let images = [from, to].map(|image| Plane::of(width, height, image.pixels()));
        let start = start.map(|field| {
            vec![Plane::of(width, height, field.x()), Plane::of(width, height, field.y())]
        });
        let work = Work { isa: Isa::best(), bands };
        let ([x, y], effort) = level::all(&self.0, work, images, start);
        if !x.iter().chain(&y).all(|value| value.is_finite()) {
            return Err(Error::Input(
                "the flow is not finite: pixels are expected in [0, 255], or the parameters let it grow".into(),
            ));
        }
        Ok((Field::new(width, height, x, y)?, effort))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_do_not_depend_on_vectors_and_bands() {
        let value = |x: usize, y: usize, t: f32| {
            let (x, y) = (x as f32 + t, y as f32 - 0.5 * t);
            128. + 60. * (0.31 * x + 0.17 * y).sin() + 50. * (0.23 * y - 0.11 * x).cos()
        };
        let (width, height) = (61, 70);
        let frame = |t: f32| {
            let pixels = (0..width * height).map(|at| value(at % width, at / width, t));
            Plane::of(width, height, &Vec::from_iter(pixels))
        };
        for (preset, gamma) in [(Preset::OpenCv, 0.), (Preset::OpenCv, 0.1), (Preset::Ipol, 0.)] {
            let config = TvL1Config { gamma, ..preset.config() };
            let solve =
                |isa, bands| level::all(&config, Work { isa, bands }, [frame(0.), frame(1.)], None);
            let want = solve(Isa::Plain, 1);
            for isa in Isa::all() {
                for bands in [1, 2, 3] {
                    assert!(solve(isa, bands).0 == want.0, "{preset:?} {gamma} {isa:?} {bands}");
                }
            }
        }
    }
}
