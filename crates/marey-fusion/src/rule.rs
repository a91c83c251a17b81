//! Rules that make one list of scores of several.

use candle::{D, Result, Tensor, bail};

use crate::{Values, sci};

/// How the scores of streams, crops or clips become one.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// Their mean (two-stream networks, Simonyan and Zisserman 2014, section 6).
    Mean,
    /// The largest of each class. Such scores do not add up to 1.
    Max,
    /// Their mean by these weights, one each (TSN gives flow 1.5 times the weight of RGB).
    Weighted(Vec<f64>),
    /// Their product, made to add up to 1: all must agree on a class.
    Product,
    /// Their mean, each weighted by how concentrated it is ([`concentration`](crate::concentration)).
    Sci,
}

/// Combines `values`, each `[.., K]` and of one shape, into scores `[.., K]`, in f64.
///
/// ```
/// use candle::{Device, Tensor};
/// use marey_fusion::{Rule, Values, fuse};
///
/// let rgb = Tensor::new(&[[0.75f32, 0.25], [0.5, 0.5]], &Device::Cpu)?;
/// let flow = Tensor::new(&[[0.25f32, 0.75], [0., 1.]], &Device::Cpu)?;
/// let both = fuse(&[&rgb, &flow], Values::Scores, &Rule::Weighted(vec![1., 3.]))?;
/// assert_eq!(both.to_vec2::<f64>()?, [[0.375, 0.625], [0.125, 0.875]]);
/// # Ok::<(), candle::Error>(())
/// ```
///
/// Errors where there is nothing to combine, shapes or the number of weights differ, a weight is below 0 or all are 0, a
/// value is not finite or a score below 0.
pub fn fuse(values: &[&Tensor], kind: Values, rule: &Rule) -> Result<Tensor> {
    let Some(first) = values.first() else { bail!("fusion: of nothing") };
    let mut scores = Vec::with_capacity(values.len());
    for (i, values) in values.iter().enumerate() {
        if values.dims() != first.dims() {
            let (got, want) = (values.dims(), first.dims());
            bail!("fusion: part {}: expected {want:?} as the first has, got {got:?}", i + 1)
        }
        scores.push(kind.scores(values, &format!("part {}", i + 1))?);
    }
    let stacked = Tensor::stack(&scores, 0)?;
    match rule {
        Rule::Mean => stacked.mean(0),
        Rule::Max => stacked.max(0),
        Rule::Weighted(weights) => weighted(&scores, weights),
        Rule::Product => product(&stacked),
        Rule::Sci => sci::mean(&stacked),
    }
}

fn weighted(scores: &[Tensor], weights: &[f64]) -> Result<Tensor> {
    if weights.len() != scores.len() {
        bail!("fusion: expected a weight for each of {} parts, got {}", scores.len(), weights.len())
    }
    let total: f64 = weights.iter().sum();
    if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.) || total == 0. {
        bail!("fusion: expected weights from 0 on, not all 0, got {weights:?}")
    }
    let mut sum = scores[0].zeros_like()?;
    for (scores, weight) in scores.iter().zip(weights) {
        sum = (sum + (scores * (weight / total))?)?;
    }
    Ok(sum)
}

/// By logarithms: hundreds of small factors would vanish. Where every class has a part that excludes it, all are 0.
fn product(stacked: &Tensor) -> Result<Tensor> {
    let logs = stacked.log()?.sum(0)?;
    let highest = logs.max_keepdim(D::Minus1)?;
    // Nothing is left of some rows: a difference of infinities would not be a number.
    let highest = highest.maximum(f64::MIN)?;
    let scores = logs.broadcast_sub(&highest)?.exp()?;
    let sum = scores.sum_keepdim(D::Minus1)?;
    let nothing = sum.eq(0.)?.to_dtype(sum.dtype())?;
    scores.broadcast_div(&(sum + nothing)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle::Device;

    fn rows(values: &[[f64; 3]; 1]) -> Result<Tensor> {
        Tensor::new(values, &Device::Cpu)
    }

    fn close(got: &Tensor, want: &[[f64; 3]]) -> Result<()> {
        for (got, want) in got.to_vec2::<f64>()?.iter().zip(want) {
            for (got, want) in got.iter().zip(want) {
                assert!((got - want).abs() < 1e-12, "{got} for {want}");
            }
        }
        Ok(())
    }

    #[test]
    fn rules_by_hand() -> Result<()> {
        let (a, b) = (rows(&[[0.5, 0.25, 0.25]])?, rows(&[[0., 0.25, 0.75]])?);
        let fuse = |rule| fuse(&[&a, &b], Values::Scores, &rule);
        close(&fuse(Rule::Mean)?, &[[0.25, 0.25, 0.5]])?;
        close(&fuse(Rule::Max)?, &[[0.5, 0.25, 0.75]])?;
        close(&fuse(Rule::Weighted(vec![3., 1.]))?, &[[0.375, 0.25, 0.375]])?;
        // 0, 1/16 and 3/16.
        close(&fuse(Rule::Product)?, &[[0., 0.25, 0.75]])?;
        // Indices 1/4 and 5/8: weights 2/7 and 5/7.
        close(&fuse(Rule::Sci)?, &[[1. / 7., 0.25, 0.25 * 2. / 7. + 0.75 * 5. / 7.]])?;
        Ok(())
    }

    #[test]
    fn product_of_what_excludes_all_is_nothing() -> Result<()> {
        let (a, b) = (rows(&[[1., 0., 0.]])?, rows(&[[0., 0.5, 0.5]])?);
        close(&fuse(&[&a, &b], Values::Scores, &Rule::Product)?, &[[0.; 3]])?;
        // A thousand factors of a hundredth would underflow.
        let small = rows(&[[0.01, 0.01, 0.005]])?;
        let many = vec![&small; 1000];
        close(&fuse(&many, Values::Scores, &Rule::Product)?, &[[0.5, 0.5, 0.]])
    }

    #[test]
    fn logits_are_made_scores_first() -> Result<()> {
        let (a, b) = (rows(&[[0., 0., 0.]])?, rows(&[[1000., 0., 0.]])?);
        let third = 1. / 3.;
        let want = [[(third + 1.) / 2., third / 2., third / 2.]];
        close(&fuse(&[&a, &b], Values::Logits, &Rule::Mean)?, &want)
    }

    #[test]
    fn what_cannot_be_combined_is_refused() -> Result<()> {
        let (a, b) = (rows(&[[0.5, 0.25, 0.25]])?, rows(&[[0.5, 0.25, -0.25]])?);
        let refused = |values: &[&Tensor], rule| {
            fuse(values, Values::Scores, &rule).expect_err("refused").to_string()
        };
        assert!(refused(&[], Rule::Mean).contains("nothing"));
        assert!(refused(&[&a, &b], Rule::Mean).contains("part 2: a score is -0.25"));
        assert!(refused(&[&a, &a.get(0)?], Rule::Mean).contains("part 2: expected [1, 3]"));
        assert!(refused(&[&a], Rule::Weighted(vec![1., 2.])).contains("1 parts, got 2"));
        assert!(refused(&[&a], Rule::Weighted(vec![0.])).contains("not all 0"));
        let none = rows(&[[f64::NAN, 0., 0.]])?;
        assert!(refused(&[&none], Rule::Max).contains("NaN"));
        Ok(())
    }
}
