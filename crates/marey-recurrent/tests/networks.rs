//! Streams that go on where they were, and variants that the zoo does not list.

use candle::{D, DType, Device, ModuleT, Result, Tensor};
use candle_nn::{VarMap, ops::softmax};
use marey_layers::rng::train_step;
use marey_layers::{Network, backward, drawn, seeded};
use marey_recurrent::{
    BiConvLstm, BiConvLstmConfig, ConvNetLstm, Join, Lrcn, Over, conv3d_biconvlstm,
    conv3d_biconvlstm_released, convnet_lstm, lrcn_fc6, lrcn_fc7,
};

/// A clip that is a formula.
fn clip([n, t, h, w]: [usize; 4]) -> Result<Tensor> {
    let value = |i: usize| (1. + 0.7 * i as f64).sin() as f32;
    Tensor::from_vec((0..n * 3 * t * h * w).map(value).collect(), (n, 3, t, h, w), &Device::Cpu)
}

fn assert_close(got: &Tensor, want: &Tensor) -> Result<()> {
    assert_eq!(got.dims(), want.dims());
    let largest = |xs: &Tensor| xs.abs()?.max_all()?.to_scalar::<f32>();
    let error = largest(&(got - want)?)? / largest(want)?;
    assert!(error < 1e-5, "differs by {error:e} of the largest");
    Ok(())
}

/// A thin LRCN for frames of 67 x 67.
fn lrcn() -> Result<Lrcn> {
    Lrcn::new(&lrcn_fc6(256, 7).shrunk(8).frames_of([67, 67]), weights())
}

fn thin_convnet_lstm() -> Result<ConvNetLstm> {
    let mut config = convnet_lstm(3, 7);
    (config.convnet.shrink, config.units) = (8, 24);
    ConvNetLstm::new(&config, weights())
}

fn weights() -> candle_nn::VarBuilder<'static> {
    drawn(3, DType::F32, &Device::Cpu)
}

/// Calls `step` with one, then three, then two frames of `clip`, and puts its answers side by side.
fn by_and_by<S>(
    clip: &Tensor,
    step: impl Fn(&Tensor, Option<&S>) -> Result<(Tensor, S)>,
) -> Result<Tensor> {
    let (mut state, mut all) = (None, Vec::new());
    for (first, count) in [(0, 1), (1, 3), (4, 2)] {
        let (logits, after) = step(&clip.narrow(2, first, count)?, state.as_ref())?;
        all.push(logits);
        state = Some(after);
    }
    Tensor::cat(&all, 1)
}

#[test]
fn a_stream_of_lrcn_goes_on_where_it_was() -> Result<()> {
    let (net, clip) = (lrcn()?, clip([2, 6, 67, 67])?);
    let (whole, _) = net.step(&clip, None)?;
    assert_eq!(whole.dims(), [2, 6, 7]);
    assert_close(&by_and_by(&clip, |frames, state| net.step(frames, state))?, &whole)?;
    // What the network answers for the clip: the mean of the scores.
    let scores = softmax(&whole, D::Minus1)?.mean(1)?;
    assert_close(&softmax(&net.forward_t(&clip, false)?, D::Minus1)?, &scores)?;
    assert_close(&net.forward_t(&clip, false)?, &scores.log()?)
}

#[test]
fn a_stream_of_convnet_lstm_goes_on_where_it_was() -> Result<()> {
    let (net, clip) = (thin_convnet_lstm()?, clip([1, 6, 40, 40])?);
    let (whole, state) = net.step(&clip, None)?;
    assert_close(&by_and_by(&clip, |frames, state| net.step(frames, state))?, &whole)?;
    assert_close(&net.forward_t(&clip, false)?, &whole.narrow(1, 5, 1)?.squeeze(1)?)?;
    assert_close(&net.features_t(&clip, false)?, &state.h)
}

#[test]
fn the_loss_is_of_all_steps() -> Result<()> {
    let (net, clip) = (thin_convnet_lstm()?, clip([2, 3, 40, 40])?);
    let labels = Tensor::new(&[4u32, 1], &Device::Cpu)?;
    let (logits, _) = net.step(&clip, None)?;
    let scores = softmax(&logits, D::Minus1)?.to_vec3::<f32>()?;
    let terms = (0..6).map(|i| -scores[i / 3][i % 3][[4, 1][i / 3]].ln() / 6.);
    let got = net.loss(&clip, &labels, false)?.to_scalar::<f32>()?;
    assert!((got - terms.sum::<f32>()).abs() < 1e-5, "{got}");
    Ok(())
}

/// A thin network of gestures for clips of 5 frames of 20 x 24.
fn gestures(paper: BiConvLstmConfig) -> BiConvLstmConfig {
    BiConvLstmConfig { input: [5, 20, 24], ..paper.shrunk(16) }
}

#[test]
fn the_release_joins_other_frames() -> Result<()> {
    let clip = clip([1, 5, 20, 24])?;
    let features = |config| BiConvLstm::new(&gestures(config), weights())?.features_t(&clip, false);
    let (ours, theirs) =
        (features(conv3d_biconvlstm(3, 4))?, features(conv3d_biconvlstm_released(3, 4))?);
    assert!((&ours - &theirs)?.abs()?.max_all()?.to_scalar::<f32>()? > 1e-4);
    // Of one step there is nothing to turn around.
    let frame = clip.narrow(2, 0, 1)?;
    let of_one = |join| -> Result<Tensor> {
        let config = BiConvLstmConfig { join, ..conv3d_biconvlstm(3, 4) };
        BiConvLstm::new(&gestures(config), weights())?.features_t(&frame, false)
    };
    assert_close(&of_one(Join::Aligned)?, &of_one(Join::AsReleased)?)
}

#[test]
fn peepholes_and_maxima_are_learnt_through() -> Result<()> {
    let paper = conv3d_biconvlstm(3, 4);
    let config = gestures(BiConvLstmConfig { peepholes: true, over: Over::Max, ..paper });
    let vars = VarMap::new();
    let net = BiConvLstm::new(&config, seeded(&vars, 1, DType::F32, &Device::Cpu))?;
    let (clip, labels) = (clip([2, 5, 20, 24])?, Tensor::new(&[0u32, 3], &Device::Cpu)?);
    let loss = train_step(1, 0, || net.loss(&clip, &labels, true))?;
    let gradients = backward(&loss)?;
    let vars = vars.data().lock().expect("the variables");
    assert_eq!(vars.keys().filter(|name| name.ends_with("peepholes")).count(), 4);
    for (name, var) in vars.iter().filter(|(name, _)| !name.contains("running_")) {
        let gradient = gradients.get(var).map(|gradient| gradient.abs()?.max_all()?.to_scalar());
        assert!(gradient.transpose()?.is_some_and(|largest: f32| largest > 0.), "{name}");
    }
    // The maps have a size, which clips of another do not fit.
    assert!(net.forward_t(&clip.narrow(3, 0, 12)?, false).is_err());
    Ok(())
}

#[test]
fn sizes_that_do_not_go_together_are_refused() -> Result<()> {
    let net = lrcn()?;
    let (_, state) = net.step(&clip([2, 1, 67, 67])?, None)?;
    let error = net.step(&clip([1, 1, 67, 67])?, Some(&state)).unwrap_err().to_string();
    assert!(error.contains("lstm: expected a state of [1, 32]"), "{error}");
    let small = lrcn_fc7(256, 7).frames_of([20, 20]);
    assert!(Lrcn::new(&small, drawn(1, DType::F32, &Device::Cpu)).is_err());
    Ok(())
}
