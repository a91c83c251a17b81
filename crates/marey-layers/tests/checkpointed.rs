//! Segments that are computed again have the gradients, draws and statistics of those that are kept.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::sync::Arc;

use candle::{CpuStorage, CustomOp1, DType, Device, Layout, ModuleT, Result, Shape, Tensor, Var};
use candle_nn::VarMap;
use marey_layers::rng::train_step;
use marey_layers::{
    Conv3dConfig, Dropout, Linear, Norms, Padding, Precision, Statistics, Unit, Units, add,
    backward, batch_norm, checkpointed, conv3d, dropout, global_avg_pool, linear, seeded,
    with_norms, with_precision,
};

/// Two blocks with shortcuts that share a weight, dropout and norms, and a classifier.
#[derive(Clone)]
struct Net {
    blocks: [(Units, Dropout); 2],
    shared: Unit,
    fc: Linear,
}

impl Net {
    fn new(vars: &VarMap, dtype: DType) -> Result<Self> {
        let vb = seeded(vars, 1, dtype, &Device::Cpu);
        let unit = |name: &str| -> Result<Unit> {
            let vb = vb.pp(name);
            let config = Conv3dConfig { padding: Padding::Same, ..Default::default() };
            let conv = conv3d(4, 4, [3; 3], config, vb.pp("conv"))?;
            Ok(Unit::from(conv).norm(batch_norm(4, Default::default(), vb.pp("bn"))?).relu())
        };
        let block = |name: &str| -> Result<_> {
            Ok((Units::from(unit(name)?), dropout(0.3, &vb.pp(name).pp("drop"))?))
        };
        let fc = linear(4, 3, vb.pp("fc"))?;
        Ok(Self { blocks: [block("a")?, block("b")?], shared: unit("shared")?, fc })
    }

    fn block(&self, i: usize, xs: &Tensor) -> Result<Tensor> {
        let (units, dropout) = &self.blocks[i];
        let ys = units.forward_add_t(&self.shared.forward_t(xs, true)?, Some(xs), true)?;
        dropout.forward_t(&ys, true)
    }

    /// The loss, with the blocks that are listed computed again when gradients come back.
    fn loss(&self, xs: &Tensor, again: &[usize]) -> Result<Tensor> {
        let mut ys = xs.clone();
        for i in 0..2 {
            let net = self.clone();
            ys = match again.contains(&i) {
                true => checkpointed(move |xs| net.block(i, xs), &ys, true)?,
                false => self.block(i, &ys)?,
            };
        }
        global_avg_pool(&ys)?.apply(&self.fc)?.sqr()?.sum_all()
    }
}

fn clips(dtype: DType) -> Tensor {
    let cells: Vec<f32> = (0..2 * 4 * 3 * 5 * 5).map(|i| (i as f32 * 0.37).sin()).collect();
    Tensor::from_vec(cells, (2, 4, 3, 5, 5), &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

fn numbers(xs: &Tensor) -> Vec<f64> {
    xs.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

/// The loss, all gradients, and all variables after the step, which norms have moved.
fn step(dtype: DType, again: &[usize], norms: &Norms, of_clips: bool) -> Vec<Vec<f64>> {
    let vars = VarMap::new();
    let net = Net::new(&vars, dtype).unwrap();
    let clips = Var::from_tensor(&clips(dtype)).unwrap();
    let xs = if of_clips { clips.as_tensor().clone() } else { clips.as_detached_tensor() };
    let loss = with_precision(Precision::F32Exact, || {
        with_norms(norms.clone(), || train_step(7, 3, || net.loss(&xs, again))).unwrap()
    });
    // Out of all scopes: what is computed again is as it was in them.
    let grads = backward(&loss).unwrap();
    let vars = vars.data().lock().unwrap();
    let mut names: Vec<_> = vars.keys().collect();
    names.sort();
    let own = names.iter().map(|name| vars[*name].as_tensor());
    let all = [numbers(&loss)].into_iter();
    let gradients =
        own.clone().chain([clips.as_tensor()]).map(|x| grads.get(x).map_or(vec![], numbers));
    all.chain(gradients).chain(own.map(numbers)).collect()
}

#[test]
fn what_is_computed_again_is_what_was_computed() {
    // The same network without checkpoints is the second formula, to the last bit.
    for dtype in [DType::F32, DType::F64] {
        for statistics in [Statistics::Batch, Statistics::Partial, Statistics::Frozen] {
            let norms = Norms { statistics, ..Norms::default() };
            for of_clips in [false, true] {
                let want = step(dtype, &[], &norms, of_clips);
                for again in [&[0][..], &[1], &[0, 1]] {
                    let got = step(dtype, again, &norms, of_clips);
                    assert_eq!(got, want, "{dtype:?} {statistics:?} {of_clips} {again:?}");
                }
            }
        }
    }
}

#[test]
fn ranks_add_up_again_what_they_added_up() {
    // A reduction of one rank that counts: two sums a norm forward, and one backward.
    let count = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = count.clone();
    let reduce = move |_: &mut [f64]| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    };
    let norms = Norms { reduce: Some(Arc::new(reduce)), ..Norms::default() };
    let want = step(DType::F32, &[], &norms, true);
    assert_eq!(count.swap(0, std::sync::atomic::Ordering::Relaxed), 4 * 3);
    assert_eq!(step(DType::F32, &[0, 1], &norms, true), want);
    assert_eq!(count.load(std::sync::atomic::Ordering::Relaxed), 4 * 5);
}

/// Does nothing, and knows whether the graph still has it.
struct Watched(#[allow(dead_code, reason = "counted")] Arc<()>);

impl CustomOp1 for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        Ok((storage.clone(), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, gradient: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(gradient.clone()))
    }
}

#[test]
fn the_graph_of_a_segment_is_not_kept() {
    let (xs, guard) = (Var::new(&[[1f32, 2.]], &Device::Cpu).unwrap(), Arc::new(()));
    let mut held = Vec::new();
    for again in [false, true] {
        let watched = guard.clone();
        let segment = move |xs: &Tensor| (xs * 2.)?.apply_op1(Watched(watched.clone()))?.sqr();
        let ys = match again {
            true => checkpointed(segment, xs.as_tensor(), true).unwrap(),
            false => segment(xs.as_tensor()).unwrap(),
        };
        // The test has one, the segment another.
        held.push(Arc::strong_count(&guard));
        let grads = backward(&ys.sum_all().unwrap()).unwrap();
        assert_eq!(numbers(grads.get(&xs).unwrap()), [8., 16.]);
    }
    assert_eq!(held, [3, 2]);
}

#[test]
fn candles_own_backward_is_refused_where_it_would_lose_gradients() {
    let net = Net::new(&VarMap::new(), DType::F32).unwrap();
    let loss = train_step(1, 1, || net.loss(&clips(DType::F32), &[1])).unwrap();
    let error = loss.backward().unwrap_err().to_string();
    assert!(error.contains("marey_layers::backward"), "{error}");
}

#[test]
fn evaluation_is_the_segment_itself() {
    let xs = clips(DType::F32);
    let ys = checkpointed(|xs| xs * 2., &xs, false).unwrap();
    assert_eq!(numbers(&ys), numbers(&(&xs * 2.).unwrap()));
}

#[test]
fn what_several_layers_of_a_segment_see_has_one_gradient() {
    // So many channels are summed part by part, each on top of the gradient that is there.
    const WIDE: usize = 256;
    let vb = seeded(&VarMap::new(), 1, DType::F32, &Device::Cpu);
    let conv = |name: &str| {
        let config = Conv3dConfig { padding: Padding::Same, ..Default::default() };
        conv3d(WIDE, WIDE, [3; 3], config, vb.pp(name)).unwrap()
    };
    let (before, inside) = (conv("before"), conv("inside"));
    let segment = move |xs: &Tensor| add(xs, &xs.apply(&inside)?);
    let cells: Vec<f32> = (0..WIDE * 2 * 2).map(|i| (i as f32 * 0.37).sin()).collect();
    let clips = Tensor::from_vec(cells, (1, WIDE, 1, 2, 2), &Device::Cpu).unwrap();
    let gradient = |again: bool| {
        let xs = clips.apply(&before).unwrap();
        let ys = if again { checkpointed(segment.clone(), &xs, true) } else { segment(&xs) };
        let grads = backward(&ys.unwrap().sqr().unwrap().sum_all().unwrap()).unwrap();
        numbers(grads.get(before.bias().unwrap()).unwrap())
    };
    assert_eq!(gradient(true), gradient(false));
}
