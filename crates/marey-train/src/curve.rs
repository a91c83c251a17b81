//! What is recorded of each step.

use std::ops::Deref;

use candle::{Device, Result, Tensor, bail};
use serde::Serialize;

/// What is recorded of one step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// The loss before the step.
    pub loss: f32,
    /// The share of the batch whose label has the highest logit, where it was measured.
    pub accuracy: Option<f32>,
    /// The learning rate.
    pub rate: f64,
    /// The norm of all gradients, before clipping.
    pub gradient_norm: f64,
    /// Seconds of computing.
    pub seconds: f64,
    /// Seconds of waiting for the batch.
    pub wait: f64,
}

/// The points of all steps of a run, from step 0, resumed or not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve(Vec<Point>);

const COLUMNS: usize = 6;

impl Curve {
    pub(crate) fn push(&mut self, point: Point) {
        self.0.push(point);
    }

    /// As `[steps, 6]` of f64: loss, accuracy (NaN where there is none), rate, gradient norm,
    /// seconds, wait.
    pub(crate) fn to_tensor(&self) -> Result<Tensor> {
        let row = |p: &Point| {
            let accuracy = p.accuracy.map_or(f64::NAN, f64::from);
            [f64::from(p.loss), accuracy, p.rate, p.gradient_norm, p.seconds, p.wait]
        };
        let rows: Vec<f64> = self.0.iter().flat_map(row).collect();
        Tensor::from_vec(rows, (self.0.len(), COLUMNS), &Device::Cpu)
    }

    pub(crate) fn from_tensor(tensor: &Tensor) -> Result<Self> {
        let (_, COLUMNS) = tensor.dims2()? else {
            bail!("a curve of shape {:?}, wanted [steps, {COLUMNS}]", tensor.dims());
        };
        let point = |row: &[f64]| Point {
            loss: row[0] as f32,
            accuracy: (!row[1].is_nan()).then_some(row[1] as f32),
            rate: row[2],
            gradient_norm: row[3],
            seconds: row[4],
            wait: row[5],
        };
        let rows = tensor.flatten_all()?.to_vec1::<f64>()?;
        Ok(Self(rows.chunks_exact(COLUMNS).map(point).collect()))
    }
}

impl Deref for Curve {
    type Target = [Point];

    fn deref(&self) -> &[Point] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_survives_being_a_tensor() {
        let point = Point {
            loss: 0.1,
            accuracy: Some(0.3),
            rate: 0.1,
            gradient_norm: 7.,
            seconds: 0.5,
            wait: 0.,
        };
        let mut curve = Curve::default();
        assert_eq!(Curve::from_tensor(&curve.to_tensor().unwrap()).unwrap(), curve);
        curve.push(point);
        curve.push(Point { accuracy: None, ..point });
        assert_eq!(Curve::from_tensor(&curve.to_tensor().unwrap()).unwrap(), curve);
        let narrow = Tensor::zeros((2, 5), candle::DType::F64, &Device::Cpu).unwrap();
        assert!(Curve::from_tensor(&narrow).is_err());
    }
}
