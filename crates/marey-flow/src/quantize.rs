//! Displacements in 8 bits: the rules by which published systems store flow as images.

use crate::{Error, Result};

/// What a byte of a flow image means. A rule is for one plane, x or y.
///
/// Not here, for they do not round to 8 bits: I3D, which truncates at 20 pixels and scales to `[-1, 1]`, and hidden two-stream
/// networks, which scale `[-20, 20]` to `[0, 255]` inside the network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Quantization {
    /// `255 (v + bound) / (2 bound)`, for displacements within `bound` pixels, others clipped: temporal segment networks (the
    /// code `yjxiong/dense_flow`). Rest is 127.5, so it is stored as 128.
    Bound(f32),
    /// `255 (v - min) / (max - min)`, others clipped. With the plane's own range ([`range_of`](Self::range_of)) that is what
    /// two-stream networks do, which store the range beside the image (Simonyan and Zisserman, NIPS 2014, implementation
    /// details).
    Range {
        /// The displacement stored as 0, in pixels.
        min: f32,
        /// The displacement stored as 255, in pixels. If it is `min`, all is stored as 0.
        max: f32,
    },
    /// `16 v + 128`, clipped, so -8 to 7.94 pixels: LRCN (`create_flow_images_LRCN.m` of its code).
    Lrcn,
}

impl Quantization {
    /// The bound in the scripts of temporal segment networks, 20 pixels.
    pub const TSN: Self = Self::Bound(20.);

    /// The bound that `dense_flow` has if it is told none, 15 pixels.
    pub const DENSE_FLOW: Self = Self::Bound(15.);

    /// The range of a plane. It has to be kept: without it the bytes do not tell the displacements.
    ///
    /// # Errors
    ///
    /// If the plane is empty, or a displacement is not a finite number.
    pub fn range_of(plane: &[f32]) -> Result<Self> {
        check_finite(plane)?;
        let (Some(min), Some(max)) =
            (plane.iter().copied().reduce(f32::min), plane.iter().copied().reduce(f32::max))
        else {
            return Err(Error::Input("an empty plane has no range of displacements".into()));
        };
        Ok(Self::Range { min, max })
    }

    /// The bytes of a plane, each the nearest.
    ///
    /// # Errors
    ///
    /// If a displacement is not a finite number, for no byte means unknown; or if the rule's own numbers make no sense.
    pub fn quantize(self, plane: &[f32]) -> Result<Vec<u8>> {
        self.check()?;
        check_finite(plane)?;
        // What is less than 0 or more than 255 becomes 0 or 255 by `as`.
        Ok(plane.iter().map(|v| self.level(f64::from(*v)) as u8).collect())
    }

    /// The displacements that the bytes of a plane mean. They are within half a step of those that were stored, if these were not
    /// clipped: a step is `bound / 127.5`, `(max - min) / 255` or `1 / 16` pixel.
    ///
    /// # Errors
    ///
    /// If the rule's own numbers make no sense.
    pub fn dequantize(self, bytes: &[u8]) -> Result<Vec<f32>> {
        self.check()?;
        Ok(bytes.iter().map(|byte| self.displacement(f64::from(*byte)) as f32).collect())
    }

    fn level(self, v: f64) -> f64 {
        match self {
            // To even, as `cvRound`.
            Self::Bound(b) => (255. * (v + f64::from(b)) / (2. * f64::from(b))).round_ties_even(),
            Self::Range { min, max } if min == max => 0.,
            Self::Range { min, max } => {
                let (min, max) = (f64::from(min), f64::from(max));
                (255. * (v - min) / (max - min)).round()
            }
            Self::Lrcn => (16. * v + 128.).round(),
        }
    }

    fn displacement(self, byte: f64) -> f64 {
        match self {
            Self::Bound(b) => byte * 2. * f64::from(b) / 255. - f64::from(b),
            Self::Range { min, max } => {
                let (min, max) = (f64::from(min), f64::from(max));
                byte * (max - min) / 255. + min
            }
            Self::Lrcn => (byte - 128.) / 16.,
        }
    }

    fn check(self) -> Result<()> {
        let is_good = match self {
            Self::Bound(bound) => bound.is_finite() && bound > 0.,
            Self::Range { min, max } => min.is_finite() && max.is_finite() && min <= max,
            Self::Lrcn => true,
        };
        if is_good {
            Ok(())
        } else {
            Err(Error::Input(format!("{self:?} is no rule for flow in 8 bits")))
        }
    }
}

fn check_finite(plane: &[f32]) -> Result<()> {
    match plane.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let v = plane[at];
            Err(Error::Input(format!(
                "no byte can stand for a displacement of {v}, as number {at} of the plane is"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Quantization::{Bound, Lrcn, Range};

    #[test]
    fn bytes_are_those_of_the_formulas() {
        // By hand. Rest is 127.5 under a bound, and 8 of 20 is 178.5: both to even.
        let tsn = Quantization::TSN.quantize(&[-30., -20., -19.9, 0., 1., 8., 20., 99.]).unwrap();
        assert_eq!(tsn, [0, 0, 1, 128, 134, 178, 255, 255]);
        assert_eq!(Quantization::DENSE_FLOW.quantize(&[-15., 5., 7.4]).unwrap(), [0, 170, 190]);
        assert_eq!(
            Lrcn.quantize(&[-9., -8., 0., 1. / 32., 1., 7.9375, 8.]).unwrap(),
            [0, 0, 128, 129, 144, 255, 255]
        );
        let own = Quantization::range_of(&[-1., 4., 0.]).unwrap();
        assert_eq!(own, Range { min: -1., max: 4. });
        assert_eq!(own.quantize(&[-1., 4., 0.]).unwrap(), [0, 255, 51]);
    }

    #[test]
    fn every_byte_comes_back() {
        let bytes: Vec<u8> = (0..=255).collect();
        for rule in
            [Quantization::TSN, Quantization::DENSE_FLOW, Lrcn, Range { min: -3.3, max: 0.7 }]
        {
            let back = rule.quantize(&rule.dequantize(&bytes).unwrap()).unwrap();
            assert_eq!(back, bytes, "{rule:?}");
        }
    }

    #[test]
    fn displacements_come_back_within_half_a_step() {
        let rules = [
            (Quantization::TSN, 20., 20. / 255.),
            (Bound(3.), 3., 3. / 255.),
            (Range { min: -7., max: 7. }, 7., 7. / 255.),
            (Lrcn, 7.9375, 1. / 32.),
        ];
        for (rule, most, half) in rules {
            let plane: Vec<f32> = (-1000..=1000).map(|i| most * i as f32 / 1000.).collect();
            let back = rule.dequantize(&rule.quantize(&plane).unwrap()).unwrap();
            let worst = plane.iter().zip(&back).map(|(a, b)| (a - b).abs()).fold(0., f32::max);
            assert!(worst <= half + 1e-5 && worst > 0.9 * half, "{rule:?}: {worst} of {half}");
        }
    }

    #[test]
    fn a_plane_at_one_displacement_comes_back() {
        let own = Quantization::range_of(&[2.5; 3]).unwrap();
        assert_eq!(own.dequantize(&own.quantize(&[2.5; 3]).unwrap()).unwrap(), [2.5; 3]);
    }

    #[test]
    fn what_is_not_known_and_what_is_no_rule_is_refused() {
        for bad in [f32::NAN, f32::INFINITY] {
            let error = Lrcn.quantize(&[0., bad]).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad}, as number 1")), "{error}");
            assert!(Quantization::range_of(&[bad]).is_err());
        }
        assert!(Quantization::range_of(&[]).is_err());
        for rule in [Bound(0.), Bound(-1.), Bound(f32::NAN), Range { min: 1., max: 0. }] {
            assert!(rule.quantize(&[0.]).is_err() && rule.dequantize(&[0]).is_err(), "{rule:?}");
        }
    }
}
