//! How layers compute while they train.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle::{DType, Device, Module, ModuleT, Result, Tensor};
use candle_nn::VarMap;
use marey_layers::{Linear, Network, Precision, linear, recomputed, relu, seeded};
use marey_train::{FitConfig, TrainState, digest};

use crate::tiny::{CLASSES, FINGERPRINT, config, run};

/// A block that counts its forward passes.
struct Block(Linear, AtomicUsize);

impl ModuleT for Block {
    fn forward_t(&self, xs: &Tensor, _: bool) -> Result<Tensor> {
        self.1.fetch_add(1, Ordering::Relaxed);
        relu(&self.0.forward(&xs.flatten_from(1)?)?)
    }
}

struct Net(Arc<Block>, Linear);

impl ModuleT for Net {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.1.forward(&self.features_t(xs, train)?)
    }
}

impl Network for Net {
    fn features_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        recomputed(&self.0, xs, train)
    }
}

/// A run's end: the digest of its weights, the losses of its steps, and the forward passes of its block.
fn end(config: &FitConfig) -> (String, Vec<f32>, usize) {
    let vars = VarMap::new();
    let vb = seeded(&vars, 7, DType::F32, &Device::Cpu);
    let block = Block(linear(72, 32, vb.pp("block")).unwrap(), AtomicUsize::new(0));
    let network = Net(Arc::new(block), linear(32, CLASSES, vb.pp("fc")).unwrap());
    let mut state = TrainState::new(FINGERPRINT);
    let objective = marey_train::Objective::CrossEntropy;
    let config = FitConfig { objective, ..config.clone() };
    let _ = run(&network, &vars, &config, &mut state).unwrap();
    let losses = state.curve().iter().map(|point| point.loss).collect();
    (digest(&vars), losses, network.0.1.load(Ordering::Relaxed))
}

#[test]
fn a_block_is_computed_again_where_that_is_asked_for() {
    let (kept, losses, passes) = end(&config(5));
    let again = end(&FitConfig { recompute: true, ..config(5) });
    assert_eq!((passes, again), (5, (kept, losses, 10)));
}

#[test]
fn brain_floats_go_forward_only_and_still_learn() {
    let steps = 40;
    let (weights, losses, _) = end(&config(steps));
    let (rounded, near, _) = end(&FitConfig { precision: Precision::Bf16, ..config(steps) });
    assert_ne!(rounded, weights);
    // Brain floats have 8 bits: of a sum of 72 products, a share of that is lost.
    let off = (near[0] - losses[0]).abs();
    assert!(off > 0. && off < 0.02 * losses[0], "{} is far from {}", near[0], losses[0]);
    let mean = |losses: &[f32]| losses.iter().sum::<f32>() / losses.len() as f32;
    let (first, last) = (mean(&near[..5]), mean(&near[35..]));
    assert!(last < 0.5 * first, "the loss went from {first} to {last}");
    // Out of the scope of a step precision is what it was, so the same run ends with the same bits.
    assert_eq!(end(&config(steps)).0, weights);
}
