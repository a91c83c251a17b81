//! Flow that was learnt and flow that is solved for go the same way into a network.

use candle::{DType, Device, Result, Tensor};
use marey_flow::{Estimator, Preset, Stacking, TvL1};
use marey_layers::drawn;
use marey_two_stream::flow_loss::LEVELS;
use marey_two_stream::{MotionNet, MotionNetConfig, Temporal, TemporalConfig, temporal};

/// A pattern that moves by 1.5 pixels a frame to the right: `[1, 3, T, 64, 64]` in `[0, 1]`.
fn clip(frames: usize) -> Result<Tensor> {
    let value = |t: usize, x: usize, y: usize| {
        let (x, y) = (x as f32 - 1.5 * t as f32, y as f32);
        0.5 + 0.2 * (0.35 * x + 0.1 * y).sin() + 0.2 * (0.3 * y - 0.15 * x).cos()
    };
    let pixels = (0..frames * 64 * 64).map(|at| value(at / 4096, at % 64, at / 64 % 64));
    let frames = Tensor::from_iter(pixels, &Device::Cpu)?.reshape((1, 1, frames, 64, 64))?;
    frames.repeat((1, 3, 1, 1, 1))
}

#[test]
fn a_network_takes_flow_of_either() -> Result<()> {
    let clip = clip(4)?;
    let vb = drawn(7, DType::F32, &Device::Cpu);
    let motion = MotionNet::new(&MotionNetConfig { frames: 4, shrink: 32 }, vb.pp("motion"))?;
    let paper = temporal(Stacking::Flow, 3, 5);
    let config = TemporalConfig { layers: paper.layers.clone().shrunk(32), ..paper };
    let network = Temporal::new(&config, vb.pp("temporal"))?;
    let solver = TvL1::preset(Preset::Fast);
    let estimators: [&dyn Estimator; 2] = [&motion, &solver];
    for estimator in estimators {
        let flow = estimator.flow_of(&clip)?.resize(224, 224)?;
        assert_eq!(flow.tensor().dims(), [1, 2, 3, 224, 224]);
        let logits = candle::ModuleT::forward_t(&network, flow.tensor(), false)?;
        assert_eq!(logits.dims(), [1, 5]);
    }
    // What is solved for is what was drawn: 1.5 pixels to the right, away from the borders.
    let flow = solver.flow_of(&clip)?.tensor().narrow(3, 16, 32)?.narrow(4, 16, 32)?;
    let mean: Vec<f32> = flow.mean((0, 2, 3, 4))?.to_vec1()?;
    assert!((mean[0] - 1.5).abs() < 0.1 && mean[1].abs() < 0.1, "{mean:?}");
    Ok(())
}

#[test]
fn motion_net_gives_pixels_of_its_own_size() -> Result<()> {
    let clip = clip(3)?;
    let vb = drawn(7, DType::F32, &Device::Cpu);
    let motion = MotionNet::new(&MotionNetConfig { frames: 3, shrink: 32 }, vb)?;
    let mean = Tensor::new(&[123f32 / 255., 117. / 255., 104. / 255.], &Device::Cpu)?;
    let seen = clip.broadcast_sub(&mean.reshape((1, 3, 1, 1, 1))?)?;
    let raw = motion.flows(&seen)?.pop().expect("five sizes");
    let flow = motion.flow_of(&clip)?;
    assert_eq!(flow.tensor().dims(), [1, 2, 2, 32, 32]);
    // Channels are x and y of the first field, then of the second.
    let y_of_second = flow.tensor().get(0)?.get(1)?.get(1)?.flatten_all()?.to_vec1::<f32>()?;
    let want = (raw.get(0)?.get(3)? * LEVELS[4].scale)?.flatten_all()?.to_vec1::<f32>()?;
    assert_eq!(y_of_second, want);
    Ok(())
}
