//! Parameters of TV-L1, and the sets of them that are in use.

use std::str::FromStr;

use crate::{Error, Result};

/// Whose images, pyramid and interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// IPOL 2013: both images are stretched to [0, 255] together and smoothed (sigma 0.8). A level is the one below, smoothed and
    /// taken at every `1 / zoom` pixels, until the diagonal is of about 16 pixels. All interpolation is Keys' cubic, a = -1/2.
    Ipol,
    /// OpenCV's `DualTVL1OpticalFlow`: images as they are. Levels are interpolated linearly, down to 16 pixels a side at least; warps
    /// cubically with a = -3/4, as in OpenCV 5 (before, it rounded places to 32nds of a pixel).
    OpenCv,
}

/// Parameters of [`TvL1`](super::TvL1), by the names of both publications.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TvL1Config {
    /// Time step of the dual scheme; it is sure to converge up to 0.25.
    pub tau: f32,
    /// Weight of the data term: the smaller, the smoother the flow.
    pub lambda: f32,
    /// How far the flow may be from what the data say.
    pub theta: f32,
    /// Weight of a third component that takes up changes of brightness; 0 for none.
    pub gamma: f32,
    /// The iterations of a warp end when the flow changes by less, in pixels, root mean square.
    pub epsilon: f32,
    /// Levels of the pyramid, at most.
    pub scales: usize,
    /// Size of a level over that of the one below, between 0 and 1.
    pub zoom: f32,
    /// Warps on each level.
    pub warps: usize,
    /// Iterations between two median filters, at most.
    pub inner: usize,
    /// Median filters in a warp, at most, each followed by `inner` iterations.
    pub outer: usize,
    /// Side of the median filter of the flow: 1 (none), 3 or 5 pixels.
    pub median: usize,
    /// Whose images, pyramid and interpolation.
    pub scheme: Scheme,
}

impl Default for TvL1Config {
    /// [`Preset::OpenCv`].
    fn default() -> Self {
        Preset::OpenCv.config()
    }
}

impl TvL1Config {
    /// Refuses what no flow can be found with.
    pub(super) fn check(&self) -> Result<()> {
        let positive = [
            ("tau", self.tau),
            ("lambda", self.lambda),
            ("theta", self.theta),
            ("epsilon", self.epsilon),
        ];
        let counts = [
            ("scales", self.scales),
            ("warps", self.warps),
            ("inner", self.inner),
            ("outer", self.outer),
        ];
        let wrong = |what: &str, is: &dyn std::fmt::Display, wanted: &str| {
            Err(Error::Input(format!("TV-L1: {what} is {is}, and {wanted} is wanted")))
        };
        for (name, value) in positive {
            if !(value > 0. && value.is_finite()) {
                return wrong(name, &value, "a number above 0");
            }
        }
        for (name, value) in counts {
            if value == 0 {
                return wrong(name, &value, "1 or more");
            }
        }
        if !(self.gamma >= 0. && self.gamma.is_finite()) {
            return wrong("gamma", &self.gamma, "0 or more");
        }
        if !(self.zoom > 0. && self.zoom < 1.) {
            return wrong("zoom", &self.zoom, "a number between 0 and 1");
        }
        if ![1, 3, 5].contains(&self.median) {
            return wrong("median", &self.median, "1, 3 or 5");
        }
        Ok(())
    }
}

/// Parameters that are in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Of Sanchez, Meinhardt-Llopis and Facciolo, IPOL 2013, as their program has them.
    Ipol,
    /// The defaults of OpenCV's `DualTVL1OpticalFlow`, with which most published flow of actions was made.
    OpenCv,
    /// Ours: OpenCV's scheme with smaller levels, fewer warps and fewer iterations.
    Fast,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Ipol, Self::OpenCv, Self::Fast];

    /// `ipol`, `opencv` or `fast`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ipol => "ipol",
            Self::OpenCv => "opencv",
            Self::Fast => "fast",
        }
    }

    /// Its parameters.
    pub fn config(self) -> TvL1Config {
        let opencv = TvL1Config {
            tau: 0.25,
            lambda: 0.15,
            theta: 0.3,
            gamma: 0.,
            epsilon: 0.01,
            scales: 5,
            zoom: 0.8,
            warps: 5,
            inner: 30,
            outer: 10,
            median: 5,
            scheme: Scheme::OpenCv,
        };
        match self {
            Self::OpenCv => opencv,
            Self::Ipol => TvL1Config {
                scales: 100,
                zoom: 0.5,
                inner: 300,
                outer: 1,
                median: 1,
                scheme: Scheme::Ipol,
                ..opencv
            },
            Self::Fast => {
                TvL1Config { epsilon: 0.03, scales: 6, zoom: 0.65, warps: 2, outer: 1, ..opencv }
            }
        }
    }
}

impl FromStr for Preset {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::Input(format!("no preset is called `{name}`; there are {names}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_found_by_name_and_can_be_run() {
        for preset in Preset::ALL {
            assert_eq!(preset.name().parse::<Preset>().unwrap(), preset);
            preset.config().check().unwrap();
        }
        assert!("brox".parse::<Preset>().unwrap_err().to_string().contains("ipol, opencv, fast"));
    }

    #[test]
    fn impossible_parameters_are_named() {
        let base = TvL1Config::default();
        for (config, name) in [
            (TvL1Config { tau: 0., ..base }, "tau"),
            (TvL1Config { lambda: f32::NAN, ..base }, "lambda"),
            (TvL1Config { gamma: -1., ..base }, "gamma"),
            (TvL1Config { zoom: 1., ..base }, "zoom"),
            (TvL1Config { warps: 0, ..base }, "warps"),
            (TvL1Config { median: 4, ..base }, "median"),
        ] {
            let error = config.check().unwrap_err().to_string();
            assert!(error.contains(name), "{error} does not name {name}");
        }
    }
}
