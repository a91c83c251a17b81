//! SGD and AdamW against `torch.optim`; `tests/make.py` wrote the numbers.

use candle::{DType, Device, Tensor, Var};
use candle_nn::VarMap;
use marey_train::{AdamWConfig, Factors, Optimizer, OptimizerConfig, Parameters, SgdConfig};
use serde_json::Value;

/// As in `make.py`.
fn value(name: &str, i: usize, step: i32) -> f32 {
    (name.len() as f64 + 1.7 * i as f64 + 0.9 * f64::from(step)).sin() as f32
}

fn tensor(name: &str, dims: &[usize], step: i32, dtype: DType) -> Tensor {
    let values = (0..dims.iter().product()).map(|i| value(name, i, step)).collect::<Vec<f32>>();
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

fn vars(all: &[(&str, &[usize])], dtype: DType) -> VarMap {
    let vars = VarMap::new();
    for (name, dims) in all {
        let var = Var::from_tensor(&tensor(name, dims, -1, dtype)).unwrap();
        vars.data().lock().unwrap().insert((*name).into(), var);
    }
    vars
}

fn var(vars: &VarMap, name: &str) -> Var {
    vars.data().lock().unwrap()[name].clone()
}

/// A loss whose gradient with respect to `name` is `grad`.
fn loss(vars: &VarMap, grads: &[(&str, Tensor)]) -> Tensor {
    let parts = grads
        .iter()
        .map(|(name, grad)| (var(vars, name).as_tensor() * grad).unwrap().sum_all().unwrap());
    parts.reduce(|a, b| (a + b).unwrap()).unwrap()
}

const ALL: [(&str, &[usize]); 2] = [("a.weight", &[2, 3]), ("b.bias", &[4])];

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn parameters(case: &Value) -> Parameters {
    match case["on_vectors"].as_bool().unwrap() {
        true => Parameters::alike(),
        false => Parameters::no_decay_on_vectors(),
    }
}

fn sgd(case: &Value) -> OptimizerConfig {
    let (rate, momentum) = (number(&case["lr"]), number(&case["momentum"]));
    let nesterov = case["nesterov"].as_bool().unwrap();
    let (weight_decay, parameters) = (number(&case["weight_decay"]), parameters(case));
    SgdConfig { rate, momentum, nesterov, weight_decay, parameters }.into()
}

fn adamw(case: &Value) -> OptimizerConfig {
    let (rate, eps) = (number(&case["lr"]), number(&case["eps"]));
    let betas = [0, 1].map(|i| number(&case["betas"][i]));
    let (weight_decay, parameters) = (number(&case["weight_decay"]), parameters(case));
    AdamWConfig { rate, betas, eps, weight_decay, parameters }.into()
}

#[test]
fn each_optimizer_steps_as_torch_and_goes_on_from_its_state() {
    let file: Value = serde_json::from_str(include_str!("optimizer.json")).unwrap();
    let cases = |key: &str| file[key].as_array().unwrap().iter();
    let all = cases("sgd").map(|case| (case, sgd(case)));
    for (case, config) in all.chain(cases("adamw").map(|case| (case, adamw(case)))) {
        // f32 takes the loop over slices, f64 candle's operations; torch computed in f32.
        for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::F64, 2e-6)] {
            as_torch(case, &config, dtype, tolerance);
        }
    }
}

fn as_torch(case: &Value, config: &OptimizerConfig, dtype: DType, tolerance: f64) {
    let vars = vars(&ALL, dtype);
    let mut optimizer = Optimizer::new(&vars, config.clone()).unwrap();
    for (step, want) in case["steps"].as_array().unwrap().iter().enumerate() {
        // Half way a new one goes on from the state.
        if step == 3 {
            let state = optimizer.state().unwrap();
            optimizer = Optimizer::new(&vars, config.clone()).unwrap();
            optimizer.set_state(&state).unwrap();
        }
        let skipped = usize::from(step == 0);
        let grads: Vec<_> = ALL[..2 - skipped]
            .iter()
            .map(|(name, dims)| (*name, tensor(name, dims, step as i32, dtype)))
            .collect();
        let mut grads = optimizer.gradients(&loss(&vars, &grads).backward().unwrap());
        if let Some(max) = case["clip_value"].as_f64() {
            grads.clip_values(max).unwrap();
        }
        let found = optimizer.measure(&grads).unwrap();
        assert_eq!((found.parameters, found.not_finite), (2 - skipped, None));
        assert!((found.norm - number(&want["norm"])).abs() < 1e-6);
        let scale = case["clip"].as_f64().map_or(1., |max| (max / (found.norm + 1e-6)).min(1.));
        optimizer.step(&grads, config.rate() * (1. - 0.1 * step as f64), scale).unwrap();
        for (name, _) in ALL {
            let got = var(&vars, name).flatten_all().unwrap().to_dtype(DType::F64).unwrap();
            for (got, want) in
                got.to_vec1::<f64>().unwrap().iter().zip(want[name].as_array().unwrap())
            {
                let off = (got - number(want)).abs();
                assert!(
                    off < tolerance,
                    "{config:?}, {dtype:?}, step {step}, {name}: off by {off}"
                );
            }
        }
    }
}

#[test]
fn factors_and_statistics() {
    let all: [(&str, &[usize]); 4] =
        [("fc.bias", &[2]), ("fc.weight", &[2]), ("bn.running_mean", &[2]), ("stem.weight", &[2])];
    let vars = vars(&all, DType::F32);
    let parameters = Parameters::by(|name, _| match name {
        "fc.bias" => Factors { rate: 2., decay: 0. },
        "stem.weight" => Factors { rate: 0., decay: 1. },
        _ => Factors::default(),
    });
    let config =
        SgdConfig { rate: 0.5, momentum: 0., weight_decay: 0.1, parameters, nesterov: false };
    let mut optimizer = Optimizer::new(&vars, config).unwrap();
    let ones = Tensor::ones(2, DType::F32, &Device::Cpu).unwrap();
    let grads = loss(&vars, &all.map(|(name, _)| (name, ones.clone()))).backward().unwrap();
    let grads = optimizer.gradients(&grads);
    assert_eq!(optimizer.measure(&grads).unwrap().parameters, 2);
    optimizer.step(&grads, 0.5, 1.).unwrap();
    let moved = |name: &str| {
        let now: Vec<f32> = var(&vars, name).to_vec1().unwrap();
        f64::from(now[0]) - f64::from(value(name, 0, -1))
    };
    assert!((moved("fc.bias") + 1.).abs() < 1e-6);
    let want = -0.5 * (1. + 0.1 * f64::from(value("fc.weight", 0, -1)));
    assert!((moved("fc.weight") - want).abs() < 1e-6);
    assert_eq!((moved("bn.running_mean"), moved("stem.weight")), (0., 0.));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let all: [(&str, &[usize]); 1] = [("w", &[100_003])];
        let vars = vars(&all, DType::F32);
        let mut optimizer = Optimizer::new(&vars, SgdConfig::default()).unwrap();
        let grads = loss(&vars, &[("w", tensor("w", &[100_003], 1, DType::F32))]);
        let grads = optimizer.gradients(&grads.backward().unwrap());
        pool.install(|| {
            let norm = optimizer.measure(&grads).unwrap().norm;
            optimizer.step(&grads, 0.1, 0.5 / norm).unwrap();
            (norm.to_bits(), marey_train::digest(&vars))
        })
    };
    let one = run(1);
    assert_eq!(run(2), one);
    assert_eq!(run(5), one);
}

#[test]
fn senseless_settings_and_foreign_states_are_refused() {
    let vars = vars(&ALL, DType::F32);
    let good = SgdConfig { nesterov: true, ..SgdConfig::default() };
    for config in [
        SgdConfig { rate: -1., ..good.clone() },
        SgdConfig { rate: f64::NAN, ..good.clone() },
        SgdConfig { momentum: 1., ..good.clone() },
        SgdConfig { momentum: 0., ..good.clone() },
        SgdConfig { weight_decay: -0.1, ..good.clone() },
        SgdConfig {
            parameters: Parameters::by(|_, _| Factors { rate: -1., decay: 1. }),
            ..good.clone()
        },
    ] {
        assert!(Optimizer::new(&vars, config).is_err());
    }
    let mut optimizer = Optimizer::new(&vars, good).unwrap();
    let velocity = |name: &str, dims: &[usize]| {
        [(format!("velocity/{name}"), tensor(name, dims, 0, DType::F32))].into_iter().collect()
    };
    assert!(optimizer.set_state(&velocity("b.bias", &[4])).is_ok());
    let error = optimizer.set_state(&velocity("b.bias", &[5])).unwrap_err().to_string();
    assert!(error.contains("`b.bias` is [5]"), "{error}");
    let error = optimizer.set_state(&velocity("c.bias", &[4])).unwrap_err().to_string();
    assert!(error.contains("c.bias"), "{error}");

    let parameters = Parameters::groups([("c.*", Factors::frozen())]);
    let error = Optimizer::new(&vars, SgdConfig { parameters, ..SgdConfig::default() });
    assert!(error.unwrap_err().to_string().contains("`c.*`"));

    let adamw = AdamWConfig::default();
    let infinite = AdamWConfig { rate: f64::INFINITY, ..adamw.clone() };
    assert!(Optimizer::new(&vars, infinite).is_err());
    assert!(Optimizer::new(&vars, AdamWConfig { betas: [0.9, 1.], ..adamw.clone() }).is_err());
    assert!(Optimizer::new(&vars, AdamWConfig { eps: 0., ..adamw.clone() }).is_err());
    let mut optimizer = Optimizer::new(&vars, adamw).unwrap();
    let error = optimizer.set_state(&velocity("b.bias", &[4])).unwrap_err().to_string();
    assert!(error.contains("`velocity/b.bias`"), "{error}");
    let half = [("exp_avg/b.bias".to_string(), tensor("b.bias", &[4], 0, DType::F32))];
    let error = optimizer.set_state(&half.into_iter().collect()).unwrap_err().to_string();
    assert!(error.contains("`b.bias` is not complete"), "{error}");
}
