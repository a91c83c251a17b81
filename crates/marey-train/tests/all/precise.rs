//! Statistics of batch norms over many batches.

use std::convert::Infallible;

use candle::{D, Module, Tensor};
use marey_train::{digest, precise_norms};

use crate::tiny::{Tiny, batch, batches};

#[test]
fn statistics_become_the_means_over_batches() {
    let (network, vars) = Tiny::new(4);
    let var = |name: &str| vars.data().lock().unwrap()[name].clone();
    let weights = var("conv.weight").copy().unwrap();
    precise_norms(&network, batches(0), 5).unwrap();
    let first = digest(&vars);
    precise_norms(&network, batches(0), 5).unwrap();
    assert_eq!(digest(&vars), first, "whatever the statistics were before");

    // By the definition, in f64: the convolution is all there is ahead of the norm.
    let conv = network.conv();
    let (mut means, mut variances) = ([0f64; 4], [0f64; 4]);
    for step in 0..5 {
        let ys = conv.forward(&batch(step).0).unwrap().transpose(0, 1).unwrap();
        let rows = ys.contiguous().unwrap().flatten(1, D::Minus1).unwrap();
        for (channel, row) in rows.to_vec2::<f32>().unwrap().iter().enumerate() {
            let count = row.len() as f64;
            let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / count;
            let squares: f64 = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum();
            means[channel] += mean / 5.;
            variances[channel] += squares / (count - 1.) / 5.;
        }
    }
    for (name, want) in [("bn.running_mean", means), ("bn.running_var", variances)] {
        let got: Vec<f32> = var(name).to_vec1().unwrap();
        for (got, want) in got.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() < 1e-5, "{name}: {got} is not {want}");
        }
    }
    let same = |a: &Tensor, b: &Tensor| {
        (a - b).unwrap().abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap() == 0.
    };
    assert!(same(&weights, var("conv.weight").as_tensor()));
}

#[test]
fn too_few_batches_are_an_error() {
    let (network, _) = Tiny::new(4);
    for count in [0, 4] {
        let three = (0..3).map(|step| Ok::<_, Infallible>(batch(step)));
        let error = precise_norms(&network, three, count).unwrap_err().to_string();
        assert!(error.contains("precise norms"), "{error}");
    }
    let torn = [Ok(batch(0)), Err("torn")];
    assert!(precise_norms(&network, torn, 2).unwrap_err().to_string().contains("item 1"));
}
