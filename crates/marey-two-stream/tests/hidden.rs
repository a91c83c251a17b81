//! The stacked temporal stream: what VGG-16 sees of flow, which losses train what, and late fusion.

use candle::{DType, Device, Module, ModuleT, Result, Tensor};
use candle_nn::VarMap;
use candle_nn::loss::cross_entropy;
use marey_backbone::late::Average;
use marey_layers::{ConvTranspose3d, ConvTranspose3dConfig, Network, backward, seeded};
use marey_two_stream::flow_loss::flow_loss;
use marey_two_stream::hidden::in_bytes;
use marey_two_stream::{
    HiddenTemporal, HiddenTemporalConfig, MotionNet, MotionNetConfig, Training, hidden_temporal,
};

fn wave(dims: &[usize], size: f64) -> Result<Tensor> {
    let value = |i: usize| size * (0.7 * i as f64 + 0.01 * (i % 977 * i % 977) as f64).sin();
    Tensor::from_vec((0..dims.iter().product()).map(value).collect::<Vec<_>>(), dims, &Device::Cpu)
}

fn largest(xs: &Tensor) -> Result<f64> {
    xs.to_dtype(DType::F64)?.abs()?.max_all()?.to_scalar()
}

#[test]
fn flow_is_cut_and_doubled_as_by_the_released_layers() -> Result<()> {
    let flow = wave(&[2, 6, 5, 7], 1.5)?;
    let cut = flow.affine(20., 0.)?.clamp(-20., 20.)?;
    let bytes = cut.affine(6.375, 127.5)?;
    // Caffe's bilinear filler of a deconvolution of 4 x 4 by 2, each channel by itself.
    let line = Tensor::new(&[0.25f64, 0.75, 0.75, 0.25], &Device::Cpu)?;
    let kernel = line.reshape((4, 1))?.broadcast_mul(&line.reshape((1, 4))?)?;
    let kernel = kernel.reshape((1, 1, 1, 4, 4))?.broadcast_as((6, 1, 1, 4, 4))?.contiguous()?;
    let config = ConvTranspose3dConfig { padding: [0, 1, 1], stride: [1, 2, 2], groups: 6 };
    let want = ConvTranspose3d::new(kernel, None, config).forward(&bytes.unsqueeze(2)?)? - 128.;
    let (got, want) = (in_bytes(&flow)?, want?);
    assert_eq!(got.dims(), [2, 6, 1, 10, 14]);
    assert!(largest(&(got - want)?)? < 1e-9);
    Ok(())
}

#[test]
fn fused_logits_are_logarithms_of_weighted_scores() -> Result<()> {
    // Scores 1/4 and 3/4, and 1/2 and 1/2: with 1.5 for the second, 0.4 and 0.6 of each.
    let first = Tensor::new(&[[1f64, 3.]], &Device::Cpu)?.log()?;
    let second = Tensor::new(&[[7f64, 7.]], &Device::Cpu)?;
    let got = Average::Scores
        .of(&[(first.clone(), 1.), (second.clone(), 1.5)])?
        .exp()?
        .to_vec2::<f64>()?;
    assert!((got[0][0] - 0.4).abs() < 1e-12 && (got[0][1] - 0.6).abs() < 1e-12, "{got:?}");
    // What neither stream believes in does not become infinite.
    let sure = Tensor::new(&[[0f32, 400.]], &Device::Cpu)?;
    let got = Average::Scores.of(&[(sure.clone(), 1.), (sure.clone(), 1.5)])?.to_vec2::<f32>()?;
    assert!((got[0][0] + 400.).abs() < 1e-3 && got[0][1].abs() < 1e-6, "{got:?}");
    Ok(())
}

fn thin(training: Training) -> HiddenTemporalConfig {
    let mut config = hidden_temporal(training, 4).shrunk(16);
    config.motion.frames = 3;
    config.recogniser.c_in = config.motion.channels();
    config.recogniser.input = [1, 64, 64];
    config.recogniser = config.recogniser.dropout(0.);
    config
}

#[test]
fn training_says_what_learns_and_by_which_losses() -> Result<()> {
    let xs = wave(&[2, 3, 3, 64, 64], 0.5)?.to_dtype(DType::F32)?;
    let labels = Tensor::new(&[1u32, 3], &Device::Cpu)?;
    for training in [Training::Recogniser, Training::Actions, Training::ActionsAndFlow] {
        let vars = VarMap::new();
        let vb = seeded(&vars, 1, DType::F32, &Device::Cpu);
        let net = HiddenTemporal::new(&thin(training), vb)?;
        let loss = net.loss(&xs, &labels, true)?;
        let mut want = cross_entropy(&net.forward_t(&xs, false)?, &labels)?;
        if training == Training::ActionsAndFlow {
            want = (want + flow_loss(&xs, &net.motion().flows(&xs)?, 0.1)?)?;
        }
        assert!(largest(&(&loss - &want)?)? < 1e-4 * largest(&want)?, "{training:?}");
        let grads = backward(&loss)?;
        for (name, var) in vars.data().lock().unwrap().iter() {
            let learns = training != Training::Recogniser || name.contains("_vgg16.");
            assert_eq!(grads.get(var).is_some(), learns, "{training:?}: {name}");
        }
    }
    Ok(())
}

#[test]
fn motion_net_learns_from_frames_alone() -> Result<()> {
    let vars = VarMap::new();
    let config = MotionNetConfig { frames: 3, shrink: 16 };
    let net = MotionNet::new(&config, seeded(&vars, 1, DType::F32, &Device::Cpu))?;
    let xs = wave(&[1, 3, 3, 64, 96], 0.5)?.to_dtype(DType::F32)?;
    let flows = net.flows(&xs)?;
    let sizes: Vec<&[usize]> = flows.iter().map(Tensor::dims).collect();
    assert_eq!(sizes, [[1, 4, 2, 3], [1, 4, 4, 6], [1, 4, 8, 12], [1, 4, 16, 24], [1, 4, 32, 48]]);
    let grads = backward(&net.loss(&xs)?)?;
    for (name, var) in vars.data().lock().unwrap().iter() {
        assert!(grads.get(var).is_some(), "{name}");
    }
    for dims in [[1, 3, 3, 64, 80], [1, 3, 3, 32, 64], [1, 3, 4, 64, 64]] {
        let error = net.flows(&wave(&dims, 1.)?.to_dtype(DType::F32)?).unwrap_err();
        assert!(error.to_string().contains("MotionNet: expected clips"), "{error}");
    }
    Ok(())
}
