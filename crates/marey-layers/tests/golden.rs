//! Every layer against PyTorch on random shapes (`golden/make.py`, `golden/recurrent.py`), by the kernels (f32) and composed of
//! candle's operations (f64).

use std::collections::HashMap;

use candle::{DType, Device, Module, ModuleT, Result, Tensor, Var};
use marey_layers::pool::avg_pool2d;
use marey_layers::{
    AvgPool3d, BatchNorm, BatchNormConfig, Conv3d, Conv3dConfig, ConvLstm, ConvLstmConfig,
    ConvLstmState, ConvTranspose3d, ConvTranspose3dConfig, LocalResponseNorm, Lstm, LstmConfig,
    LstmState, MaxPool3d, Padding, Pool3dConfig, leaky_relu, max_pool2d,
};

const FORWARD: f64 = 1e-5;
const GRADIENT: f64 = 1e-4;
const CASES: usize = 50;

/// As in `make.py`.
fn wave(dims: &[usize], phase: f64) -> Result<Tensor> {
    let values: Vec<f32> =
        (0..dims.iter().product()).map(|i: usize| (phase + 0.7 * i as f64).sin() as f32).collect();
    Tensor::from_vec(values, dims, &Device::Cpu)
}

struct Case<'a> {
    golden: &'a HashMap<String, Tensor>,
    name: String,
    dtype: DType,
    numbers: Vec<usize>,
    taken: usize,
}

impl Case<'_> {
    /// The next of the case's numbers.
    fn number(&mut self) -> usize {
        self.taken += 1;
        self.numbers[self.taken - 1]
    }

    fn axes(&mut self) -> [usize; 3] {
        [(); 3].map(|()| self.number())
    }

    fn var(&self, values: &Tensor) -> Result<Var> {
        Var::from_tensor(&values.to_dtype(self.dtype)?)
    }

    fn compare(&self, part: &str, got: &Tensor, tolerance: f64) -> Result<()> {
        let want = &self.golden[&format!("{}.{part}", self.name)];
        assert_eq!(got.dims(), want.dims(), "{} {part} in {:?}: shape", self.name, self.dtype);
        let (got, want) = (got.to_dtype(DType::F64)?, want.to_dtype(DType::F64)?);
        let scale = want.abs()?.max_all()?.to_scalar::<f64>()?.max(1e-3);
        let worst = (got - want)?.abs()?.max_all()?.to_scalar::<f64>()? / scale;
        assert!(
            worst <= tolerance,
            "{} {part} in {:?}: relative error {worst:.1e}",
            self.name,
            self.dtype
        );
        Ok(())
    }

    /// Compares the output `ys`, and the gradients of `vars`.
    fn check(&self, ys: &Tensor, vars: &[(&str, &Var)]) -> Result<()> {
        self.compare("y", ys, FORWARD)?;
        let dys = wave(ys.dims(), 4.)?.to_dtype(self.dtype)?;
        let grads = (ys * dys)?.sum_all()?.backward()?;
        for (part, var) in vars {
            let grad =
                grads.get(var).unwrap_or_else(|| panic!("{}: no gradient {part}", self.name));
            self.compare(part, grad, GRADIENT)?;
        }
        Ok(())
    }
}

fn each(layer: &str, check: impl Fn(&mut Case) -> Result<()>) -> Result<()> {
    each_of("layers", layer, check)
}

/// Runs `check` on all cases of `layer` in `file`, each both ways.
fn each_of(file: &str, layer: &str, check: impl Fn(&mut Case) -> Result<()>) -> Result<()> {
    let path = format!("{}/tests/golden/{file}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let golden = candle::safetensors::load(path, &Device::Cpu)?;
    for i in 0..CASES {
        for dtype in [DType::F32, DType::F64] {
            let name = format!("{layer}.{i}");
            let numbers = golden[&format!("{name}.config")].to_vec1::<i64>()?;
            let numbers = numbers.into_iter().map(|n| n as usize).collect();
            check(&mut Case { golden: &golden, name, dtype, numbers, taken: 0 })?;
        }
    }
    Ok(())
}

fn conv(case: &mut Case) -> Result<()> {
    let [n, c_in, c_out, groups] = [(); 4].map(|()| case.number());
    let (size, kernel, stride) = (case.axes(), case.axes(), case.axes());
    let (before, after, bias, same) =
        (case.axes(), case.axes(), case.number() == 1, case.number() == 1);
    let x = case.var(&wave(&[&[n, c_in], &size[..]].concat(), 1.)?)?;
    let w = case.var(&wave(&[&[c_out, c_in / groups], &kernel[..]].concat(), 2.)?)?;
    let b = case.var(&wave(&[c_out], 3.)?)?;
    let padding = if same { Padding::Same } else { Padding::Ends { before, after } };
    let of_bias = bias.then(|| b.as_tensor().clone());
    let ys = Conv3d::new(w.as_tensor().clone(), of_bias, Conv3dConfig { padding, stride, groups })
        .forward(&x)?;
    let vars = [("dx", &x), ("dw", &w), ("db", &b)];
    case.check(&ys, if bias { &vars } else { &vars[..2] })
}

#[test]
fn conv3d_matches_pytorch() -> Result<()> {
    each("conv3d", conv)
}

#[test]
fn grouped_conv3d_matches_pytorch() -> Result<()> {
    each("conv3d-grouped", conv)
}

#[test]
fn depthwise_conv3d_matches_pytorch() -> Result<()> {
    each("conv3d-depthwise", conv)
}

fn pool(case: &mut Case, forward: impl Fn(&Tensor, Pool3dConfig) -> Result<Tensor>) -> Result<()> {
    let [n, c] = [(); 2].map(|()| case.number());
    let size = case.axes();
    let mut config = Pool3dConfig::new(case.axes(), case.axes());
    config.padding = case.axes().into();
    config.ceil = case.number() == 1;
    config.count_padding = case.number() == 1;
    let x = case.var(&wave(&[&[n, c], &size[..]].concat(), 1.)?)?;
    case.check(&forward(&x, config)?, &[("dx", &x)])
}

#[test]
fn max_pool3d_matches_pytorch() -> Result<()> {
    each("max_pool3d", |case| pool(case, |xs, config| MaxPool3d(config).forward(xs)))
}

#[test]
fn avg_pool3d_matches_pytorch() -> Result<()> {
    each("avg_pool3d", |case| pool(case, |xs, config| AvgPool3d(config).forward(xs)))
}

#[test]
fn max_pool2d_matches_pytorch() -> Result<()> {
    each("max_pool2d", |case| pool(case, |xs, config| max_pool2d(&xs.squeeze(2)?, config)))
}

#[test]
fn avg_pool2d_matches_pytorch() -> Result<()> {
    each("avg_pool2d", |case| pool(case, |xs, config| avg_pool2d(&xs.squeeze(2)?, config)))
}

#[test]
fn max_pool3d_with_same_padding_matches_pytorch() -> Result<()> {
    each("max_pool3d-same", |case| {
        let [n, c] = [(); 2].map(|()| case.number());
        let size = case.axes();
        let config =
            Pool3dConfig { padding: Padding::Same, ..Pool3dConfig::new(case.axes(), case.axes()) };
        let x = case.var(&wave(&[&[n, c], &size[..]].concat(), 1.)?)?;
        case.check(&MaxPool3d(config).forward(&x)?, &[("dx", &x)])
    })
}

#[test]
fn batch_norm_matches_pytorch() -> Result<()> {
    each("batch_norm", |case| {
        let [n, c] = [(); 2].map(|()| case.number());
        let (size, train) = (case.axes(), case.number() == 1);
        let x = case.var(&wave(&[&[n, c], &size[..]].concat(), 1.)?.affine(2., 0.5)?)?;
        let (w, b) = (case.var(&wave(&[c], 2.)?)?, case.var(&wave(&[c], 3.)?)?);
        let (mean, var) =
            (case.var(&wave(&[c], 5.)?)?, case.var(&wave(&[c], 6.)?.affine(1., 1.5)?)?);
        let config = BatchNormConfig { eps: 1e-3, momentum: 0.1 };
        let (weight, bias) = (w.as_tensor().clone(), b.as_tensor().clone());
        let norm = BatchNorm::new(weight, bias, mean.as_tensor(), var.as_tensor(), config)?;
        let ys = norm.forward_t(&x, train)?;
        case.compare("mean", mean.as_tensor(), FORWARD)?;
        case.compare("var", var.as_tensor(), FORWARD)?;
        case.check(&ys, &[("dx", &x), ("dw", &w), ("db", &b)])
    })
}

#[test]
fn lrn_matches_pytorch() -> Result<()> {
    each("lrn", |case| {
        let [n, c] = [(); 2].map(|()| case.number());
        let (size, channels) = (case.axes(), case.number());
        let x = case.var(&wave(&[&[n, c], &size[..]].concat(), 1.)?.affine(3., 0.)?)?;
        let norm = LocalResponseNorm { size: channels, alpha: 0.5, beta: 0.75, k: 2. };
        case.check(&norm.forward(&x)?, &[("dx", &x)])
    })
}

#[test]
fn lstm_matches_pytorch() -> Result<()> {
    each_of("recurrent", "lstm", |case| {
        let [n, d, units, t, stated] = [(); 5].map(|()| case.number());
        let config = LstmConfig { forget_bias: case.number() as f64, ..Default::default() };
        let x = case.var(&wave(&[n, d, t], 1.)?)?;
        let (w, b) = (case.var(&wave(&[4 * units, d], 2.)?)?, case.var(&wave(&[4 * units], 3.)?)?);
        let v = case.var(&wave(&[4 * units, units], 5.)?)?;
        let [h, c] = [6., 7.].map(|phase| wave(&[n, units], phase)?.to_dtype(case.dtype));
        let state = LstmState { h: h?, c: c? };
        let [input, bias, hidden] = [&w, &b, &v].map(|var| var.as_tensor().clone());
        let layer = Lstm::new(input, bias, hidden, config)?;
        let (ys, last) = layer.run(&x, (stated == 1).then_some(&state))?;
        case.compare("h", &last.h, FORWARD)?;
        case.compare("c", &last.c, FORWARD)?;
        let vars = [("dx", &x), ("dw", &w), ("db", &b), ("dv", &v)];
        // The first step of all has no output before it.
        case.check(&ys, if t == 1 && stated == 0 { &vars[..3] } else { &vars })
    })
}

#[test]
fn conv_transpose3d_matches_pytorch() -> Result<()> {
    each("conv_transpose3d", |case| {
        let [n, c_in, c_out, groups] = [(); 4].map(|()| case.number());
        let (size, kernel, stride) = (case.axes(), case.axes(), case.axes());
        let (padding, bias) = (case.axes(), case.number() == 1);
        let x = case.var(&wave(&[&[n, c_in], &size[..]].concat(), 1.)?)?;
        let w = case.var(&wave(&[&[c_in, c_out / groups], &kernel[..]].concat(), 2.)?)?;
        let b = case.var(&wave(&[c_out], 3.)?)?;
        let of_bias = bias.then(|| b.as_tensor().clone());
        let config = ConvTranspose3dConfig { padding, stride, groups };
        let ys = ConvTranspose3d::new(w.as_tensor().clone(), of_bias, config).forward(&x)?;
        let vars = [("dx", &x), ("dw", &w), ("db", &b)];
        case.check(&ys, if bias { &vars } else { &vars[..2] })
    })
}

#[test]
fn conv_lstm_matches_pytorch() -> Result<()> {
    each_of("recurrent", "conv_lstm", |case| {
        let [n, c_in, channels, stated, peep, reverse, bias] = [(); 7].map(|()| case.number());
        let ([t, h, w], kernel) = (case.axes(), [(); 2].map(|()| case.number()));
        let config = ConvLstmConfig {
            kernel,
            forget_bias: bias as f64,
            peepholes: (peep == 1).then_some([h, w]),
            reverse: reverse == 1,
            ..Default::default()
        };
        let x = case.var(&wave(&[n, c_in, t, h, w], 1.)?)?;
        let dims = [4 * channels, c_in + channels, 1, kernel[0], kernel[1]];
        let (weight, b) = (case.var(&wave(&dims, 2.)?)?, case.var(&wave(&[4 * channels], 3.)?)?);
        let p = case.var(&wave(&[3, channels, h, w], 5.)?)?;
        let [hs, cs] =
            [6., 7.].map(|phase| wave(&[n, channels, h, w], phase)?.to_dtype(case.dtype));
        let state = ConvLstmState { h: hs?, c: cs? };
        let peepholes = (peep == 1).then(|| p.as_tensor().clone());
        let (ours, bias) = (weight.as_tensor().clone(), b.as_tensor().clone());
        let layer = ConvLstm::new(ours, bias, peepholes, config)?;
        let (ys, last) = layer.run(&x, (stated == 1).then_some(&state))?;
        case.compare("h", &last.h, FORWARD)?;
        case.compare("c", &last.c, FORWARD)?;
        let vars = [("dx", &x), ("dw", &weight), ("db", &b), ("dp", &p)];
        case.check(&ys, if peep == 1 { &vars } else { &vars[..3] })
    })
}

#[test]
fn leaky_relu_matches_pytorch() -> Result<()> {
    each("leaky_relu", |case| {
        let [n, c] = [(); 2].map(|()| case.number());
        let size = case.axes();
        let x = case.var(&wave(&[&[n, c], &size[..]].concat(), 1.)?)?;
        case.check(&leaky_relu(&x, 0.1)?, &[("dx", &x)])
    })
}
