//! Hidden two-stream networks and temporal segment networks.

use candle::Result;
use marey::inspect::parameters::blank;
use marey::inspect::{Parameter, Summary};
use marey::two_stream::{MotionNet, motion_net};

use super::{of, shapes};

/// Parameters and multiply-adds of stages and tensors whose names `which` takes.
fn part(summary: &Summary, which: impl Fn(&str) -> bool) -> u64 {
    let tensors = summary.tensors.iter().filter(|tensor| which(&tensor.name));
    tensors.filter(|tensor| tensor.is_trainable()).map(Parameter::count).sum()
}

#[test]
fn motion_net_of_its_release() -> Result<()> {
    // By the layers of the released definition, on 11 frames of 224 x 224.
    let (vb, asked) = blank();
    MotionNet::new(&motion_net(), vb)?;
    let asked = asked.lock().unwrap().clone();
    assert_eq!(asked.iter().map(Parameter::count).sum::<u64>(), 42_319_860);
    let encoder = |name: &str| name.starts_with("conv") && !name.starts_with("conv_pr");
    let encoder = asked.iter().filter(|tensor| encoder(&tensor.name));
    assert_eq!(encoder.map(Parameter::count).sum::<u64>(), 23_580_096);
    // What a level of the decoder sees.
    for (name, channels) in [("5", 1044), ("4", 788), ("3", 404), ("2", 212)] {
        let name = format!("smooth_conv{name}.weight");
        let weight = asked.iter().find(|tensor| tensor.name == name).unwrap();
        assert_eq!(weight.shape[1], channels, "{name}");
    }
    Ok(())
}

#[test]
fn hidden_temporal_of_its_release() -> Result<()> {
    let stacked = of("hidden-temporal", |_| ())?;
    assert_eq!(part(&stacked, |name| !name.contains("_vgg16")), 42_319_860);
    // VGG-16 of 20 channels and 101 classes: 138,357,544 of 3 channels and 1000 classes, 17 channels more for 64 filters of
    // 3 x 3, and 899 classes less.
    let vgg = 138_357_544 + 17 * 64 * 9 - 899 * 4097;
    assert_eq!(part(&stacked, |name| name.contains("_vgg16")), vgg);
    let want: [(&str, &[usize]); 18] = [
        ("conv1", &[64, 1, 224, 224]),
        ("conv1_1", &[64, 1, 224, 224]),
        ("conv2", &[128, 1, 112, 112]),
        ("conv2_1", &[128, 1, 112, 112]),
        ("conv3", &[256, 1, 56, 56]),
        ("conv3_1", &[256, 1, 56, 56]),
        ("conv4", &[512, 1, 28, 28]),
        ("conv4_1", &[512, 1, 28, 28]),
        ("conv5", &[512, 1, 14, 14]),
        ("conv5_1", &[512, 1, 14, 14]),
        ("conv6", &[1024, 1, 7, 7]),
        ("conv6_1", &[1024, 1, 7, 7]),
        ("conv_pr6", &[20, 1, 7, 7]),
        ("conv_pr5", &[20, 1, 14, 14]),
        ("conv_pr4", &[20, 1, 28, 28]),
        ("conv_pr3", &[20, 1, 56, 56]),
        ("conv_pr2", &[20, 1, 112, 112]),
        ("flow", &[20, 1, 224, 224]),
    ];
    assert_eq!(shapes(&stacked)[..18], want);
    let motion: u64 = stacked.stages[..18].iter().map(|stage| stage.multiply_adds).sum();
    assert_eq!((motion + 500_000) / 1_000_000, 20_054);
    // The three ways of training are of one network.
    for name in ["hidden-temporal-a", "hidden-temporal-b"] {
        assert_eq!(of(name, |_| ())?, stacked);
    }
    let both = of("hidden-two-stream", |_| ())?;
    let spatial = 138_357_544 - 899 * 4097;
    assert_eq!(both.parameters, stacked.parameters + spatial);
    Ok(())
}

#[test]
fn bn_inception_of_temporal_segment_networks() -> Result<()> {
    // By the layers of the released definition, of one frame of 224 x 224.
    let rgb = of("tsn-rgb", |sizes| sizes.input[0] = 1)?;
    assert_eq!(rgb.parameters, 10_373_765);
    assert_eq!((rgb.multiply_adds + 500_000) / 1_000_000, 2_032);
    let want: [(&str, &[usize]); 14] = [
        ("conv1_7x7_s2", &[64, 1, 112, 112]),
        ("conv2_3x3_reduce", &[64, 1, 56, 56]),
        ("conv2_3x3", &[192, 1, 56, 56]),
        ("inception_3a", &[256, 1, 28, 28]),
        ("inception_3b", &[320, 1, 28, 28]),
        ("inception_3c", &[576, 1, 14, 14]),
        ("inception_4a", &[576, 1, 14, 14]),
        ("inception_4b", &[576, 1, 14, 14]),
        ("inception_4c", &[608, 1, 14, 14]),
        ("inception_4d", &[608, 1, 14, 14]),
        ("inception_4e", &[1056, 1, 7, 7]),
        ("inception_5a", &[1024, 1, 7, 7]),
        ("inception_5b", &[1024, 1, 7, 7]),
        ("new_fc", &[101]),
    ];
    assert_eq!(shapes(&rgb), want);
    // A network of more snippets is as large, and does as much for each. Flow and differences have more channels in the first
    // kernel, 64 of 7 x 7.
    assert_eq!(of("tsn-rgb", |_| ())?.multiply_adds, 3 * rgb.multiply_adds);
    for (name, channels) in [("tsn-flow", 10), ("tsn-rgb-diff", 15)] {
        assert_eq!(of(name, |_| ())?.parameters, 10_373_765 + 64 * 49 * (channels - 3), "{name}");
    }
    Ok(())
}
