//! Every network of the zoo learns, and the same seed gives the same bits on any number of threads.

use std::collections::HashMap;
use std::convert::Infallible;
use std::ops::ControlFlow;

use candle::{DType, Device, Result, Tensor};
use candle_nn::VarMap;
use marey::inspect::formula::clip;
use marey::layers::rng::train_step;
use marey::layers::{Network, backward, seeded, with_recomputation};
use marey::train::{FitConfig, Outcome, SgdConfig, TrainState, digest, fit};
use marey::zoo::{self, MODELS, Sizes};

use crate::support::{rerun, thin};

/// The child's: the model to train, and the file its digest goes to.
const MODEL: &str = "MAREY_TESTS_LEARN";
const ANSWER: &str = "MAREY_TESTS_ANSWER";

/// Deeper twins of others: the same blocks, more of them. Every weight of theirs has a gradient, but to know the clips by
/// heart they would take minutes.
const TWINS: [&str; 9] = [
    "ir-csn-101",
    "ir-csn-152",
    "ip-csn-101",
    "ip-csn-152",
    "resnet3d-101",
    "resnet3d-152",
    "r2plus1d-34",
    "r2plus1d-152",
    "p3d-199",
];

/// Whether training leaves the tensor `key` of `name` as it is by design: MotionNet of `hidden-temporal-a`, whose VGG-16 alone
/// is trained, and all but the first running statistics where batch norm is partial.
fn stays(name: &str, key: &str) -> bool {
    let statistics = key.contains("running_") && !key.contains("conv1_7x7_s2_bn");
    name == "hidden-temporal-a" && !key.contains("_vgg16.") || name.starts_with("tsn") && statistics
}

/// Enough for each network to know four clips by heart. Those without shortcuts, or with many, are slow to begin.
fn steps(name: &str) -> u64 {
    let slow =
        ["s3d", "ir-", "ip-", "bottleneck-50-dg", "resnet3d", "p3d", "fstcn", "fused-bilinear"];
    match name {
        // Their LSTMs begin with small weights.
        name if name.starts_with("lrcn-fc") => 160,
        name if slow.iter().any(|kind| name.starts_with(kind)) => 120,
        _ => 60,
    }
}

/// Networks that see flow in bytes begin with ten times the loss of a guess, and large steps would only teach them to guess.
fn rate(name: &str) -> f64 {
    if name.starts_with("hidden") { 0.002 } else { 0.02 }
}

/// Four clips `[4, C, T, H, W]` with a class each, and the network thin enough for them.
struct Small {
    network: Box<dyn Network>,
    vars: VarMap,
    xs: Tensor,
    labels: Tensor,
    rate: f64,
}

/// `dropout` as in `Sizes`.
fn small(name: &str, dropout: Option<f32>) -> Result<Small> {
    let (shrink, input) = thin(name);
    let vars = VarMap::new();
    let model = zoo::find(name)?;
    let sizes = Sizes { input, shrink, dropout, ..model.sizes(4) };
    let network = model.build(&sizes, seeded(&vars, 1, DType::F32, &Device::Cpu))?;
    let [t, h, w] = input;
    let labels = Tensor::new(&[0u32, 1, 2, 3], &Device::Cpu)?;
    Ok(Small { network, vars, xs: clip(&[4, sizes.c_in, t, h, w], 1.)?, labels, rate: rate(name) })
}

impl Small {
    /// `steps` steps on the same clips.
    fn train(&self, steps: u64) -> marey::train::Result<()> {
        self.fit(&self.config(steps))
    }

    fn config(&self, steps: u64) -> FitConfig {
        FitConfig {
            optimizer: SgdConfig { rate: self.rate, ..Default::default() }.into(),
            steps,
            seed: 3,
            clip_grad_norm: Some(5.),
            ..Default::default()
        }
    }

    fn fit(&self, config: &FitConfig) -> marey::train::Result<()> {
        let batches =
            std::iter::repeat_with(|| Ok::<_, Infallible>((self.xs.clone(), self.labels.clone())));
        let mut state = TrainState::new("learn");
        let outcome = fit(&*self.network, &self.vars, batches, config, &mut state, &mut |_| {
            ControlFlow::Continue(())
        })?;
        assert_eq!((outcome, state.step()), (Outcome::Finished, config.steps));
        Ok(())
    }

    fn loss(&self) -> Result<Tensor> {
        train_step(3, 0, || self.network.loss(&self.xs, &self.labels, true))
    }

    fn tensors(&self) -> Result<HashMap<String, Vec<f32>>> {
        let vars = self.vars.data().lock().unwrap();
        vars.iter().map(|(name, var)| Ok((name.clone(), var.flatten_all()?.to_vec1()?))).collect()
    }
}

fn check(name: &str) -> Result<()> {
    // Without dropout, which would take many more steps.
    let small = small(name, Some(0.))?;
    let first = small.loss()?;
    let gradients = backward(&first)?;
    for (key, var) in small.vars.data().lock().unwrap().iter() {
        match gradients.get(var) {
            None => {
                let left = key.contains("running_") || stays(name, key);
                assert!(left, "{name}: {key} has no gradient");
            }
            Some(gradient) => {
                assert!(!key.contains("running_"), "{name}: {key} has a gradient");
                assert!(!stays(name, key), "{name}: {key} has a gradient");
                let largest = gradient.abs()?.max_all()?.to_scalar::<f32>()?;
                assert!(
                    largest.is_finite() && largest > 0.,
                    "{name}: the gradient of {key} is at most {largest}"
                );
            }
        }
    }
    if TWINS.contains(&name) {
        return Ok(());
    }
    let before = small.tensors()?;
    small.train(steps(name)).map_err(candle::Error::wrap)?;
    for (key, after) in small.tensors()? {
        let stayed = before[&key] == after;
        assert_eq!(stayed, stays(name, &key), "{name}: whether {key} stayed as it was");
    }
    let (first, last) = (first.to_scalar::<f32>()?, small.loss()?.to_scalar::<f32>()?);
    println!("{name}: loss {first} to {last}");
    assert!(last < 0.5 * first, "{name}: the loss went from {first} to {last}");
    Ok(())
}

fn check_family(family: &str) -> Result<()> {
    for model in MODELS.iter().filter(|model| model.family == family) {
        let start = std::time::Instant::now();
        check(model.name)?;
        println!("{} in {:.1?}", model.name, start.elapsed());
    }
    Ok(())
}

/// Makes a test of each family, and the list of all.
macro_rules! families {
    ($($test:ident: $family:literal,)*) => {
        $(#[test]
        fn $test() -> Result<()> {
            check_family($family)
        })*

        const LEARNT: &[&str] = &[$($family),*];
    };
}

families! {
    two_stream_networks_fit_four_clips: "marey-two-stream",
    networks_of_3d_kernels_fit_four_clips: "marey-3d",
    factorized_networks_fit_four_clips: "marey-factorized",
    channel_separated_networks_fit_four_clips: "marey-channel-separated",
    recurrent_networks_fit_four_clips: "marey-recurrent",
}

#[test]
fn every_family_learns() {
    for model in MODELS {
        assert!(LEARNT.contains(&model.family), "{} of {}", model.name, model.family);
    }
}

#[test]
fn blocks_that_are_computed_again_train_to_the_same_bits() -> Result<()> {
    // A run that keeps all activations is the second formula.
    for name in ["c3d", "r3d-18", "i3d", "s3d-g", "p3d-63", "tsn-rgb"] {
        let [kept, again] = [false, true].map(|recompute| -> Result<_> {
            let small = small(name, None)?;
            let config = FitConfig { recompute, ..small.config(3) };
            small.fit(&config).map_err(candle::Error::wrap)?;
            Ok(digest(&small.vars))
        });
        assert_eq!(kept?, again?, "{name}");
        // That some block is computed again shows in that candle's own backward pass is refused.
        let loss = with_recomputation(true, || small(name, None)?.loss())?;
        assert!(loss.backward().is_err(), "{name} keeps all activations");
    }
    Ok(())
}

/// What a child process does: trains a network and writes its digest down.
#[test]
fn child() {
    let Some(name) = std::env::var_os(MODEL) else { return };
    let small = small(name.to_str().unwrap(), None).unwrap();
    small.train(8).unwrap();
    std::fs::write(std::env::var_os(ANSWER).unwrap(), digest(&small.vars)).unwrap();
}

#[test]
fn the_same_seed_gives_the_same_bits_on_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let answer = folder.path().join("digest");
    for name in ["r3d-18", "c3d"] {
        let untrained = digest(&small(name, None).unwrap().vars);
        let trained = [1, 2, 2, 3].map(|threads: usize| {
            let mut child = rerun("learn::child");
            child
                .env(MODEL, name)
                .env(ANSWER, &answer)
                .env("RAYON_NUM_THREADS", threads.to_string());
            let output = child.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
            let digest = std::fs::read_to_string(&answer).unwrap();
            std::fs::remove_file(&answer).unwrap();
            digest
        });
        assert!(trained.iter().all(|digest| *digest == trained[0]), "{name}: {trained:?}");
        assert_ne!(trained[0], untrained);
    }
}
