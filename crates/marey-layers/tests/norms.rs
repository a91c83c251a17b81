//! Batch norms over several ranks, partial, frozen, and with the plain mean over batches.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::sync::{Arc, Barrier, Mutex};

use candle::{DType, Device, ModuleT, Result, Tensor, Var};
use candle_nn::VarMap;
use marey_layers::{
    BatchNorm, Conv3dConfig, Norms, Padding, Reduce, Statistics, Unit, backward, batch_norm,
    conv3d_no_bias, seeded, with_norms,
};

/// What each of `n` threads returns that can add up numbers over all of them.
fn ranks<T: Send>(n: usize, rank: impl Fn(usize, Reduce) -> T + Sync) -> Vec<T> {
    let slots = Arc::new(Mutex::new(vec![Vec::new(); n]));
    let barrier = Arc::new(Barrier::new(n));
    let reduce = |rank: usize| -> Reduce {
        let (slots, barrier) = (slots.clone(), barrier.clone());
        Arc::new(move |values| {
            slots.lock().unwrap()[rank] = values.to_vec();
            barrier.wait();
            let all = slots.lock().unwrap().clone();
            for (i, value) in values.iter_mut().enumerate() {
                *value = all.iter().map(|values| values[i]).sum();
            }
            barrier.wait();
            Ok(())
        })
    };
    std::thread::scope(|scope| {
        let rank = &rank;
        let all: Vec<_> = (0..n).map(|i| (i, reduce(i))).collect();
        let all: Vec<_> = all.into_iter().map(|(i, r)| scope.spawn(move || rank(i, r))).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// A unit with a residual and a ReLU, and a norm alone.
struct Net {
    unit: Unit,
    norm: BatchNorm,
    vars: VarMap,
}

impl Net {
    fn new(dtype: DType) -> Result<Self> {
        let vars = VarMap::new();
        let vb = seeded(&vars, 1, dtype, &Device::Cpu);
        let config = Conv3dConfig { padding: Padding::Same, ..Default::default() };
        let conv = conv3d_no_bias(3, 3, [3; 3], config, vb.pp("conv"))?;
        let unit = Unit::from(conv).norm(batch_norm(3, Default::default(), vb.pp("a"))?).relu();
        Ok(Self { unit, norm: batch_norm(3, Default::default(), vb.pp("b"))?, vars })
    }

    fn forward(&self, xs: &Tensor) -> Result<Tensor> {
        self.norm.forward_t(&self.unit.forward_add_t(xs, Some(xs), true)?, true)
    }

    fn var(&self, name: &str) -> Var {
        self.vars.data().lock().unwrap()[name].clone()
    }

    fn statistics(&self) -> Vec<Vec<f64>> {
        let names = ["a.running_mean", "a.running_var", "b.running_mean", "b.running_var"];
        names.iter().map(|name| numbers(self.var(name).as_tensor())).collect()
    }
}

fn numbers(xs: &Tensor) -> Vec<f64> {
    xs.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// Five clips of differing brightness.
fn clips(dtype: DType) -> Tensor {
    let cells: Vec<f64> = (0..5 * 3 * 2 * 4 * 4)
        .map(|i| f64::from(i % 17).mul_add(0.3, f64::from(i).sin()) + f64::from(i / 96))
        .collect();
    Tensor::from_vec(cells, (5, 3, 2, 4, 4), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// Output, gradient of the clips, gradients of the weights, running statistics, of clips `from..to` of five.
fn step(dtype: DType, from: usize, to: usize) -> [Vec<f64>; 4] {
    let net = Net::new(dtype).unwrap();
    let xs = Var::from_tensor(&clips(dtype).narrow(0, from, to - from).unwrap()).unwrap();
    let ys = net.forward(xs.as_tensor()).unwrap();
    // The shape of the loss differs from cell to cell, or the norm would let no gradient through.
    let weights = (clips(dtype).narrow(0, from, to - from).unwrap().cos()).unwrap();
    let loss = (ys.sqr().unwrap() * weights).unwrap().sum_all().unwrap();
    let grads = backward(&loss).unwrap();
    let names = ["conv.weight", "a.weight", "a.bias", "b.weight", "b.bias"];
    let parameters =
        names.iter().flat_map(|name| numbers(grads.get(net.var(name).as_tensor()).unwrap()));
    let parameters = parameters.collect();
    [
        numbers(&ys),
        numbers(grads.get(xs.as_tensor()).unwrap()),
        parameters,
        net.statistics().concat(),
    ]
}

#[test]
fn ranks_together_are_one_batch_of_all_their_clips() {
    // The whole batch is the second formula; the ranks have 2 clips and 3.
    for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-12)] {
        let want = step(dtype, 0, 5);
        let parts = ranks(2, |rank, reduce| {
            let norms = Norms { reduce: Some(reduce), ..Norms::default() };
            let (from, to) = [(0, 2), (2, 5)][rank];
            with_norms(norms, || step(dtype, from, to))
        });
        let [a, b] = &parts[..] else { panic!("two ranks") };
        assert_eq!(a[3], b[3], "statistics are the same bits");
        let sum = a[2].iter().zip(&b[2]).map(|(a, b)| a + b).collect();
        let got = [[&a[0][..], &b[0]].concat(), [&a[1][..], &b[1]].concat(), sum, a[3].to_vec()];
        for (what, (got, want)) in got.iter().zip(&want).enumerate() {
            assert_eq!(got.len(), want.len());
            let largest = want.iter().fold(1f64, |a, x| a.max(x.abs()));
            for (got, want) in got.iter().zip(want) {
                let off = (got - want).abs() / largest;
                assert!(off < tolerance, "{dtype:?}, {what}: {got} is not {want}, off {off:e}");
            }
        }
        let alone = step(dtype, 0, 2);
        assert!((alone[0][0] - want[0][0]).abs() > 1e-2, "each by itself would be noticed");
    }
}

#[test]
fn one_clip_of_one_cell_a_rank_can_train_where_ranks_train_together() {
    let norm = |rank: usize| {
        let norm =
            batch_norm(1, Default::default(), seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu));
        norm.unwrap().forward_t(&Tensor::new(&[[rank as f32]], &Device::Cpu).unwrap(), true)
    };
    assert!(norm(0).is_err());
    let all = ranks(2, |rank, reduce| {
        with_norms(Norms { reduce: Some(reduce), ..Norms::default() }, || {
            numbers(&norm(rank).unwrap())[0]
        })
    });
    assert!(all[1] > all[0], "{all:?}");
}

#[test]
fn frozen_norms_keep_their_statistics_and_partial_ones_all_but_the_first() {
    for dtype in [DType::F32, DType::F64] {
        let xs = clips(dtype);
        let run = |statistics| {
            let net = Net::new(dtype).unwrap();
            let before = net.statistics();
            let norms = Norms { statistics, ..Norms::default() };
            // Twice: the first norm is the first whenever it comes again.
            let ys = with_norms(norms, || {
                net.forward(&xs).unwrap();
                net.forward(&xs).unwrap()
            });
            let moved =
                net.statistics().iter().zip(&before).map(|(a, b)| a != b).collect::<Vec<_>>();
            (numbers(&ys), moved)
        };
        assert_eq!(run(Statistics::Batch).1, [true; 4]);
        assert_eq!(run(Statistics::Partial).1, [true, true, false, false]);
        let (frozen, moved) = run(Statistics::Frozen);
        assert_eq!(moved, [false; 4]);
        // Frozen norms compute what evaluation does.
        let net = Net::new(dtype).unwrap();
        let ys = net.unit.forward_add_t(&xs, Some(&xs), false).unwrap();
        let ys = numbers(&net.norm.forward_t(&ys, false).unwrap());
        assert!(ys.iter().zip(&frozen).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

#[test]
fn a_momentum_of_one_over_k_gives_the_mean_over_batches() {
    for dtype in [DType::F32, DType::F64] {
        let vars = VarMap::new();
        let norm =
            batch_norm(1, Default::default(), seeded(&vars, 1, dtype, &Device::Cpu)).unwrap();
        // Means 2, 5 and -1; unbiased variances 2, 8 and 0.5.
        for (k, pair) in [[1., 3.], [3., 7.], [-1.5, -0.5]].iter().enumerate() {
            let xs = Tensor::new(pair, &Device::Cpu).unwrap().reshape((2, 1)).unwrap();
            let momentum = Some(1. / (k + 1) as f64);
            let norms = Norms { momentum, ..Norms::default() };
            with_norms(norms, || norm.forward_t(&xs.to_dtype(dtype).unwrap(), true)).unwrap();
        }
        let vars = vars.data().lock().unwrap();
        let number = |name: &str| numbers(vars[name].as_tensor())[0];
        assert!((number("running_mean") - 2.).abs() < 1e-6);
        assert!((number("running_var") - 3.5).abs() < 1e-6);
    }
}
