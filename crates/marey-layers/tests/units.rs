//! Units against the layers they are made of: their one pass in evaluation, and the graph between layers in training.

use std::collections::HashMap;

use candle::{DType, Device, Module, ModuleT, Result, Tensor, Var};
use candle_nn::{VarBuilder, VarMap};
use marey_layers::{
    BatchNorm, BatchNormConfig, Conv3d, Conv3dConfig, MaxPool3d, Pool3dConfig, Precision, Unit,
    Units, add, backward, batch_norm, classifier, concat, conv3d, conv3d_no_bias, forward_concat_t,
    global_avg_pool, relu, seeded, with_precision,
};

/// Values that are a formula of their number.
fn wave(dims: &[usize], phase: f64, dtype: DType) -> Result<Tensor> {
    let values: Vec<f64> =
        (0..dims.iter().product()).map(|i: usize| (phase + 0.7 * i as f64).sin()).collect();
    Tensor::from_vec(values, dims, &Device::Cpu)?.to_dtype(dtype)
}

/// The largest difference, as a share of the largest value.
fn difference(got: &Tensor, want: &Tensor) -> Result<f64> {
    assert_eq!(got.dims(), want.dims());
    let (got, want) = (got.to_dtype(DType::F64)?, want.to_dtype(DType::F64)?);
    let largest = want.abs()?.max_all()?.to_scalar::<f64>()?.max(1e-6);
    Ok((got - &want)?.abs()?.max_all()?.to_scalar::<f64>()? / largest)
}

fn padded(stride: usize) -> Conv3dConfig {
    Conv3dConfig { stride: [1, stride, stride], padding: [1; 3].into(), ..Default::default() }
}

fn norm(c: usize, phase: f64, dtype: DType) -> Result<BatchNorm> {
    let [weight, bias, mean] =
        [0., 1., 2.].map(|i| wave(&[c], phase + i, dtype).and_then(|values| values + 0.5));
    let variance = (wave(&[c], phase + 3., dtype)? + 1.5)?;
    BatchNorm::new(weight?, bias?, &mean?, &variance, BatchNormConfig::default())
}

fn conv(c_in: usize, c_out: usize, dtype: DType) -> Result<(Tensor, Tensor)> {
    Ok((wave(&[c_out, c_in, 3, 3, 3], 0.3, dtype)?, wave(&[c_out], 0.4, dtype)?))
}

#[test]
fn one_pass_in_evaluation_is_what_its_layers_do() -> Result<()> {
    let (c_in, c_out) = (5, 19);
    for (relued, added, normed) in (0..8).map(|i| (i & 1 == 1, i & 2 == 2, i & 4 == 4)) {
        // The layers one by one, composed in f64.
        let (weight, bias) = conv(c_in, c_out, DType::F64)?;
        let xs = wave(&[2, c_in, 3, 9, 10], 0.1, DType::F64)?;
        let residual = wave(&[2, c_out, 3, 9, 10], 0.2, DType::F64)?;
        let mut want = Conv3d::new(weight, Some(bias), padded(1)).forward(&xs)?;
        if normed {
            want = norm(c_out, 0.5, DType::F64)?.forward_t(&want, false)?;
        }
        if added {
            want = add(&want, &residual)?;
        }
        if relued {
            want = relu(&want)?;
        }
        let (weight, bias) = conv(c_in, c_out, DType::F32)?;
        let mut unit = Unit::from(Conv3d::new(weight, Some(bias), padded(1)));
        if normed {
            unit = unit.norm(norm(c_out, 0.5, DType::F32)?);
        }
        if relued {
            unit = unit.relu();
        }
        let residual = residual.to_dtype(DType::F32)?;
        let xs = xs.to_dtype(DType::F32)?;
        for precision in [Precision::F32, Precision::F32Exact] {
            let got = with_precision(precision, || {
                unit.forward_add_t(&xs, added.then_some(&residual), false)
            })?;
            let worst = difference(&got, &want)?;
            assert!(worst < 5e-6, "{relued} {added} {normed} {precision:?}: {worst:e}");
        }
    }
    Ok(())
}

#[test]
fn no_stale_weights_after_a_step_a_load_or_a_moved_statistic() -> Result<()> {
    let vars = VarMap::new();
    let build = |vb: VarBuilder| -> Result<Unit> {
        let conv = conv3d(3, 8, [3; 3], padded(1), vb.pp("conv"))?;
        Ok(Unit::from(conv).norm(batch_norm(8, BatchNormConfig::default(), vb.pp("bn"))?).relu())
    };
    let unit = build(seeded(&vars, 1, DType::F32, &Device::Cpu))?;
    let xs = wave(&[1, 3, 4, 8, 8], 0.1, DType::F32)?;
    let eval = || -> Result<Vec<f32>> { unit.forward_t(&xs, false)?.flatten_all()?.to_vec1() };
    let mut seen = vec![eval()?, eval()?];
    assert_eq!(seen[0], seen[1]);
    // A step.
    let grads = backward(&unit.forward_t(&xs, true)?.sqr()?.sum_all()?)?;
    let var = |name: &str| vars.data().lock().expect("the variables")[name].clone();
    seen.push(eval()?);
    assert_ne!(seen[1], seen[2], "the running statistics moved");
    let weight = var("conv.weight");
    let Some(slope) = grads.get(&weight) else { panic!("no gradient") };
    weight.set(&(weight.as_tensor() - (slope * 0.1)?)?)?;
    seen.push(eval()?);
    assert_ne!(seen[2], seen[3], "the weights moved");
    // A load, of a single weight that differs in its last bit.
    let mut values = weight.flatten_all()?.to_vec1::<f32>()?;
    values[100] = f32::from_bits(values[100].to_bits() ^ 1 << 20);
    weight.set(&Tensor::from_vec(values, weight.shape(), &Device::Cpu)?)?;
    var("conv.bias").set(&wave(&[8], 0.2, DType::F32)?)?;
    seen.push(eval()?);
    assert_ne!(seen[3], seen[4], "weights were loaded");
    Ok(())
}

/// Two convolutions with a shortcut, an overlapping pooling, branches side by side, and candle's own operations between.
struct Net {
    stem: Units,
    body: Units,
    branches: [Units; 2],
    fc: marey_layers::Linear,
}

impl Net {
    fn new(vb: VarBuilder) -> Result<Self> {
        let bn = |c, vb: VarBuilder| batch_norm(c, BatchNormConfig::default(), vb);
        let conv = |c_in, c_out, stride, vb: VarBuilder| {
            conv3d_no_bias(c_in, c_out, [3; 3], padded(stride), vb)
        };
        let unit = |c_in, c_out, vb: VarBuilder| -> Result<Units> {
            Ok(Units::from(conv(c_in, c_out, 1, vb.pp(0))?).norm(bn(c_out, vb.pp(1))?).relu())
        };
        let stem = Unit::from(conv3d(3, 8, [3; 3], padded(2), vb.pp("stem"))?).relu();
        let body = unit(8, 8, vb.pp("a"))?.chain(unit(8, 8, vb.pp("b"))?);
        let branches = [unit(8, 4, vb.pp("c"))?, unit(8, 6, vb.pp("d"))?];
        Ok(Self { stem: stem.into(), body, branches, fc: classifier(10, 3, vb.pp("fc"))? })
    }

    fn forward(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        let xs = self.stem.forward_t(xs, train)?;
        let xs = self.body.forward_add_t(&xs, Some(&xs), train)?;
        let pool = Pool3dConfig { padding: [1; 3].into(), ..Pool3dConfig::new([3; 3], [1, 2, 2]) };
        let pooled = MaxPool3d(pool).forward(&xs)?;
        // Out of this crate's graph and back into it.
        let pooled = ((&pooled * 0.5)? + pooled.tanh()?)?;
        let [c, d] = &self.branches;
        let xs = forward_concat_t(&[(c, &pooled), (d, &pooled)], train)?;
        global_avg_pool(&xs)?.apply(&self.fc)
    }
}

/// Loss and gradients, by [`backward`] or by candle alone.
fn gradients(dtype: DType, ours: bool, train: bool) -> Result<(f64, HashMap<String, Tensor>)> {
    let vars = VarMap::new();
    let net = Net::new(seeded(&vars, 7, dtype, &Device::Cpu))?;
    let xs = Var::from_tensor(&wave(&[2, 3, 4, 12, 10], 0.1, dtype)?)?;
    let ys = net.forward(&xs, train)?;
    let loss = (&ys * wave(ys.dims(), 0.9, dtype)?)?.sum_all()?;
    let grads = if ours { backward(&loss)? } else { loss.backward()? };
    let mut named = HashMap::from([("xs".to_string(), grads.get(&xs).cloned())]);
    for (name, var) in vars.data().lock().expect("the variables").iter() {
        named.insert(name.clone(), grads.get(var).cloned());
    }
    let there = named.into_iter().filter_map(|(name, gradient)| Some((name, gradient?)));
    Ok((loss.to_dtype(DType::F64)?.to_scalar()?, there.collect()))
}

#[test]
fn gradients_between_layers_are_those_of_the_composed_network() -> Result<()> {
    for train in [true, false] {
        let (want_loss, want) = gradients(DType::F64, false, train)?;
        assert_eq!(want.len(), 1 + 2 + 4 * 3 + 2, "a gradient for everything but statistics");
        for ours in [true, false] {
            let (loss, got) = gradients(DType::F32, ours, train)?;
            assert!((loss - want_loss).abs() < 1e-4 * want_loss.abs(), "{loss} and {want_loss}");
            for (name, want) in &want {
                let Some(got) = got.get(name) else { panic!("{name} has no gradient") };
                let worst = difference(got, want)?;
                assert!(worst < 2e-4, "{name}, train {train}, ours {ours}: {worst:e}");
            }
            assert_eq!(got.len(), want.len());
        }
    }
    Ok(())
}

#[test]
fn a_second_backward_pass_gives_the_same() -> Result<()> {
    let weight = Var::from_tensor(&conv(2, 4, DType::F32)?.0)?;
    let layer = Conv3d::new(weight.as_tensor().clone(), None, padded(1));
    let xs = wave(&[1, 2, 3, 6, 6], 0.1, DType::F32)?;
    let ys = relu(&layer.forward(&xs)?)?;
    let gradient = |loss: &Tensor| -> Result<Vec<f32>> {
        let grads = backward(loss)?;
        let Some(gradient) = grads.get(&weight) else { panic!("no gradient") };
        gradient.flatten_all()?.to_vec1()
    };
    let (sum, twice) = (ys.sum_all()?, (ys.sum_all()? * 2.)?);
    let first = gradient(&sum)?;
    assert_eq!(first, gradient(&sum)?);
    assert_eq!(first.iter().map(|x| 2. * x).collect::<Vec<_>>(), gradient(&twice)?);
    Ok(())
}

#[test]
fn branches_side_by_side_are_their_concatenation() -> Result<()> {
    let vars = VarMap::new();
    let net = Net::new(seeded(&vars, 3, DType::F32, &Device::Cpu))?;
    let xs = wave(&[2, 8, 3, 7, 7], 0.1, DType::F32)?;
    let [c, d] = &net.branches;
    let want = concat(&[c.forward_t(&xs, false)?, d.forward_t(&xs, false)?])?;
    let got = forward_concat_t(&[(c, &xs), (d, &xs)], false)?;
    assert_eq!(difference(&got, &want)?, 0.);
    Ok(())
}

#[test]
fn a_residual_of_another_shape_is_an_error() -> Result<()> {
    let (weight, bias) = conv(3, 4, DType::F32)?;
    let unit = Unit::from(Conv3d::new(weight, Some(bias), padded(1)));
    let unit = unit.norm(norm(4, 0.5, DType::F32)?);
    let xs = wave(&[1, 3, 2, 5, 5], 0.1, DType::F32)?;
    for train in [false, true] {
        for other in [[1, 4, 2, 5, 6], [1, 3, 2, 5, 5]] {
            let residual = wave(&other, 0.2, DType::F32)?;
            let error = unit.forward_add_t(&xs, Some(&residual), train).unwrap_err();
            assert!(error.to_string().contains("residual"), "{error}");
        }
    }
    Ok(())
}

#[test]
fn a_fixed_norm_trains_by_the_statistics_it_has() -> Result<()> {
    for dtype in [DType::F32, DType::F64] {
        let weight = Var::from_tensor(&wave(&[4], 0.5, dtype)?)?;
        let (mean, variance) = (wave(&[4], 0.2, dtype)?, (wave(&[4], 0.3, dtype)? + 2.)?);
        let bias = wave(&[4], 0.4, dtype)?;
        let config = BatchNormConfig::default();
        let norm =
            BatchNorm::new(weight.as_tensor().clone(), bias, &mean, &variance, config)?.fixed();
        let xs = wave(&[2, 4, 2, 3, 3], 0.1, dtype)?;
        let ys = norm.forward_t(&xs, true)?;
        assert_eq!(difference(&ys, &norm.forward_t(&xs, false)?)?, 0.);
        // The gradient of the scale is the sum of the normalised values.
        let over = |t: &Tensor| t.reshape((1, 4, 1, 1, 1));
        let normal = xs.broadcast_sub(&over(&mean)?)?;
        let normal = normal.broadcast_div(&over(&(variance + config.eps)?.sqrt()?)?)?;
        let want = normal.transpose(0, 1)?.contiguous()?.flatten_from(1)?.sum(1)?;
        let grads = backward(&ys.sum_all()?)?;
        assert!(difference(grads.get(&weight).expect("a gradient"), &want)? < 1e-5);
    }
    Ok(())
}
