//! A batch taken in parts.

use candle::{DType, Device, Module, ModuleT, Result, Tensor};
use candle_nn::VarMap;
use marey_layers::{Linear, Network, linear, relu, seeded};
use marey_train::{FitConfig, Objective, TrainState};

use crate::tiny::{CLASSES, FINGERPRINT, config, run};

/// Two layers that know one clip at a time: no batch norm, no dropout.
struct Plain(Linear, Linear);

impl Plain {
    fn new() -> (Self, VarMap) {
        let vars = VarMap::new();
        let vb = seeded(&vars, 7, DType::F32, &Device::Cpu);
        let network =
            Self(linear(72, 8, vb.pp("hidden")).unwrap(), linear(8, CLASSES, vb.pp("fc")).unwrap());
        (network, vars)
    }
}

impl ModuleT for Plain {
    fn forward_t(&self, xs: &Tensor, train: bool) -> Result<Tensor> {
        self.1.forward(&self.features_t(xs, train)?)
    }
}

impl Network for Plain {
    fn features_t(&self, xs: &Tensor, _train: bool) -> Result<Tensor> {
        relu(&self.0.forward(&xs.flatten_from(1)?)?)
    }
}

/// The weights of a run's end, and its losses and accuracies.
fn end(config: &FitConfig) -> (Vec<f32>, Vec<f32>) {
    let (network, vars) = Plain::new();
    let mut state = TrainState::new(FINGERPRINT);
    let _ = run(&network, &vars, config, &mut state).unwrap();
    let points = state.curve().iter().flat_map(|point| [point.loss, point.accuracy.unwrap()]);
    let vars = vars.data().lock().unwrap();
    let weights = ["hidden.weight", "hidden.bias", "fc.weight", "fc.bias"]
        .map(|name| vars[name].flatten_all().unwrap().to_vec1::<f32>().unwrap());
    (weights.concat(), points.collect())
}

#[test]
fn parts_take_the_steps_of_the_whole_batch() {
    // The whole batch is the second formula. Of 4 clips 3 at once are two parts of 2.
    let objectives = [
        Objective::Network { accuracy_every: 1 },
        Objective::CrossEntropy,
        Objective::SoftCrossEntropy { smoothing: 0.1, mixup: Some(1.) },
        Objective::Tasks([1, CLASSES - 1]),
    ];
    for objective in objectives {
        let config = FitConfig { objective, ..config(6) };
        let (weights, points) = end(&config);
        for max_clips in [1, 2, 3, 4, 9] {
            let parts = end(&FitConfig { max_clips: Some(max_clips), ..config.clone() });
            let all = parts.0.iter().zip(&weights).chain(parts.1.iter().zip(&points));
            for (got, want) in all {
                assert!((got - want).abs() < 2e-6, "{objective:?}, {max_clips}: {got} {want}");
            }
            // One part is the whole, to the last bit.
            assert!(max_clips < 4 || parts.0 == weights);
        }
    }
}
