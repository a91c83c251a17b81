//! What numbers are: logits or scores.

use candle::{D, DType, Result, Tensor, bail};
use candle_nn::ops::softmax;

/// What the numbers of a network, or of a file, are. There is no guessing it: rules that take scores would take logits too,
/// and give something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Any numbers; their softmax over the last axis is the scores.
    Logits,
    /// Shares of the classes, none below 0: taken as they are, whether or not they add up to 1.
    Scores,
}

impl Values {
    /// The scores that `values` `[.., K]` stand for, in f64. `what` names them in errors.
    ///
    /// Errors where a number is not finite, or a score below 0.
    pub fn scores(self, values: &Tensor, what: &str) -> Result<Tensor> {
        let values = values.to_dtype(DType::F64)?;
        if values.rank() == 0 || values.elem_count() == 0 {
            bail!("fusion: {what}: expected numbers [.., K], got {:?}", values.dims())
        }
        let numbers = values.flatten_all()?.to_vec1::<f64>()?;
        if let Some(number) = numbers.iter().find(|number| !number.is_finite()) {
            bail!("fusion: {what}: a value is {number}")
        }
        match self {
            Self::Logits => softmax(&values, D::Minus1),
            Self::Scores => match numbers.iter().find(|score| **score < 0.) {
                Some(score) => bail!("fusion: {what}: a score is {score}; are these logits?"),
                None => Ok(values),
            },
        }
    }
}
