//! The networks' sizes, by the numbers that papers and releases print, and by hand.

mod factorized;
mod hidden;
mod separated;

use candle::Result;
use marey::inspect::Summary;
use marey::zoo::{self, Sizes};

mod claims;
mod recurrent;
mod two_stream;

fn of(name: &str, change: impl FnOnce(&mut Sizes)) -> Result<Summary> {
    let model = zoo::find(name)?;
    let mut sizes = model.sizes(model.classes);
    change(&mut sizes);
    model.summary(&sizes)
}

fn of_classes(name: &str, classes: usize) -> Result<Summary> {
    of(name, |sizes| sizes.classes = classes)
}

/// In units of 10^6, as exact as the papers print multiply-adds.
fn millions(summary: &Summary) -> u64 {
    (summary.multiply_adds + 500_000) / 1_000_000
}

/// The shapes after stages, without the batch.
fn shapes(summary: &Summary) -> Vec<(&str, &[usize])> {
    summary.stages.iter().map(|stage| (&*stage.name, &stage.shape[1..])).collect()
}

#[test]
fn c3d_of_its_paper() -> Result<()> {
    // The released Caffe network, whose last pooling reaches beyond the end: 8192 values into fc6. OpenMMLab's
    // model zoo prints 78.4 M parameters and 38.5 G for 101 classes.
    let c3d = of_classes("c3d", 487)?;
    assert_eq!(c3d.parameters, 79_991_015);
    assert_eq!(c3d.multiply_adds, 38_548_959_232);
    assert_eq!(of_classes("c3d", 101)?.parameters, 78_409_573);
    assert_eq!(of_classes("c3d", 101)?.multiply_adds, 38_548_959_232 - 4096 * (487 - 101));
    assert_eq!(of_classes("c3d-padded", 101)?.parameters, 78_409_573);
    // ICCV 2015, figure 3 and section 3.2.
    let want: [(&str, &[usize]); 16] = [
        ("conv1", &[64, 16, 112, 112]),
        ("pool1", &[64, 16, 56, 56]),
        ("conv2", &[128, 16, 56, 56]),
        ("pool2", &[128, 8, 28, 28]),
        ("conv3a", &[256, 8, 28, 28]),
        ("conv3b", &[256, 8, 28, 28]),
        ("pool3", &[256, 4, 14, 14]),
        ("conv4a", &[512, 4, 14, 14]),
        ("conv4b", &[512, 4, 14, 14]),
        ("pool4", &[512, 2, 7, 7]),
        ("conv5a", &[512, 2, 7, 7]),
        ("conv5b", &[512, 2, 7, 7]),
        ("pool5", &[512, 1, 4, 4]),
        ("fc6", &[4096]),
        ("fc7", &[4096]),
        ("fc8", &[487]),
    ];
    assert_eq!(shapes(&c3d), want);
    Ok(())
}

#[test]
fn relatives_of_c3d() -> Result<()> {
    // The authors' model zoo prints 64.9 M and 38.5 G for the one with batch norms.
    let norm = of("c3d-bn", |_| ())?;
    assert_eq!((norm.weights, millions(&norm)), (64_943_168, 38_534));
    // ICCV 2015, section 3.1: 17.5 M, and by the supplement 11.1, 17.5 and 34.8 M for the three sizes of input. What it says of
    // the steps between depths counts a kernel over all channels once.
    for (name, parameters, multiply_adds) in [
        ("c3d-depth-1", 14_344_933, 6_429),
        ("c3d-depth-3", 17_444_965, 19_261),
        ("c3d-depth-5", 20_544_997, 32_093),
        ("c3d-depth-7", 23_645_029, 44_926),
        ("c3d-increasing", 21_573_733, 24_117),
        ("c3d-decreasing", 18_189_157, 31_747),
        ("c3d-net-64", 11_153_509, 4_832),
        ("c3d-net-128", 17_444_965, 19_261),
        ("c3d-net-256", 34_746_469, 77_023),
    ] {
        let summary = of(name, |_| ())?;
        assert_eq!((summary.parameters, millions(&summary)), (parameters, multiply_adds), "{name}");
    }
    Ok(())
}

#[test]
fn residual_networks_of_their_paper() -> Result<()> {
    // CVPR 2018, table 2: R3D-18 33.4 M, MC3-18 11.7 M, R(2+1)D-18 33.3 M. The release's own list (VMZ, models.md) prints
    // 40.7 G and 43.3 G for 16 frames of 112 x 112. Weights count kernels only.
    let (r3d, mc3) = (of("r3d-18", |_| ())?, of("mc3-18", |_| ())?);
    assert_eq!((r3d.weights, millions(&r3d)), (33_361_472, 40_697));
    assert_eq!((mc3.weights, millions(&mc3)), (11_685_440, 43_343));
    // What torchvision documents as `num_params` and, in units of 10^9, as `_ops` of its weights, on 16 frames of
    // 112 x 112. Its R(2+1)D is thinner than the paper's: the second convolution of a block takes the first one's middle.
    let r2plus1d = of("r2plus1d-18", |_| ())?;
    for (summary, parameters, ops) in
        [(&r3d, 33_371_472, 40.697), (&mc3, 11_695_440, 43.343), (&r2plus1d, 31_505_325, 40.519)]
    {
        assert_eq!(summary.parameters, parameters);
        assert!(
            (summary.multiply_adds as f64 / 1e9 - ops).abs() < 6e-4,
            "{} for {ops}",
            summary.multiply_adds
        );
    }
    // Half the frames, half the work, but for the classifier.
    let half = of("r3d-18", |sizes| sizes.input[0] = 8)?;
    assert_eq!(2 * (half.multiply_adds - 512 * 400), r3d.multiply_adds - 512 * 400);
    // The paper's table 1, for 16 frames of 112 x 112.
    let want: [(&str, &[usize]); 6] = [
        ("stem", &[64, 16, 56, 56]),
        ("layer1", &[64, 16, 56, 56]),
        ("layer2", &[128, 8, 28, 28]),
        ("layer3", &[256, 4, 14, 14]),
        ("layer4", &[512, 2, 7, 7]),
        ("fc", &[400]),
    ];
    assert_eq!(shapes(&r3d), want);
    assert_eq!(shapes(&r2plus1d), want);
    assert_eq!(shapes(&of("r3d-34", |_| ())?), want);
    assert_eq!(shapes(&mc3)[4], ("layer4", &[512, 16, 7, 7][..]));
    Ok(())
}

#[test]
fn kernels_of_two_and_three_dimensions() -> Result<()> {
    // CVPR 2018, table 2, prints these in millions, and the authors' list of models (VMZ, models.md) the multiply-adds in
    // units of 10^9, at 8 and 16 frames of 112 x 112. All agree with the exact counts here, to the last digit printed.
    let table: [(&str, u64, [u64; 2]); 12] = [
        ("r2d-18", 11_512_832, [1_932, 2_168]),
        ("fr2d-18", 11_371_712, [13_801, 27_601]),
        ("r3d-18", 33_361_472, [20_348, 40_697]),
        ("mc2-18", 11_390_528, [14_273, 28_545]),
        ("mc3-18", 11_685_440, [21_671, 43_343]),
        ("mc4-18", 12_717_632, [19_976, 39_952]),
        ("mc5-18", 16_846_400, [19_950, 39_900]),
        ("rmc2-18", 33_342_656, [19_876, 39_752]),
        ("rmc3-18", 33_047_744, [12_478, 24_955]),
        ("rmc4-18", 32_015_552, [14_546, 29_091]),
        ("rmc5-18", 27_886_784, [15_393, 30_787]),
        ("r2plus1d-18-vmz", 33_344_279, [20_748, 41_496]),
    ];
    for (name, weights, multiply_adds) in table {
        let [eight, sixteen] = [8, 16].map(|frames| of(name, |sizes| sizes.input[0] = frames));
        let (eight, sixteen) = (eight?, sixteen?);
        assert_eq!(sixteen.weights, weights, "{name}");
        // Of R2D the first kernel has as many frames as the clip.
        let missing = if name == "r2d-18" { 64 * 3 * 8 * 49 } else { 0 };
        assert_eq!(eight.weights, weights - missing, "{name}");
        assert_eq!([millions(&eight), millions(&sixteen)], multiply_adds, "{name}");
    }
    // What is left of time before the mean: MC2 to MC5, rMC2 to rMC5, and R2D.
    for (name, frames) in [
        ("mc2-18", 16),
        ("mc3-18", 16),
        ("mc4-18", 8),
        ("mc5-18", 4),
        ("rmc2-18", 2),
        ("rmc3-18", 2),
        ("rmc4-18", 4),
        ("rmc5-18", 8),
        ("fr2d-18", 16),
        ("r2d-18", 1),
    ] {
        assert_eq!(shapes(&of(name, |_| ())?)[4], ("layer4", &[512, frames, 7, 7][..]), "{name}");
    }
    Ok(())
}

#[test]
fn deeper_r2plus1d_of_its_release() -> Result<()> {
    // The authors' model zoo prints 63.6 and 118.0 M; and 49.8, 199.0 and 329.1 G, which are those of 128 x 128 cells, not of
    // the 112 x 112 it says.
    for (name, frames, weights, gigas, printed) in [
        ("r2plus1d-34", 8, 63_646_487, 38_089, 49.8),
        ("r2plus1d-34", 32, 63_646_487, 152_356, 199.0),
        ("r2plus1d-152", 32, 118_021_015, 251_997, 329.1),
    ] {
        let summary = of(name, |sizes| sizes.input[0] = frames)?;
        assert_eq!((summary.weights, millions(&summary)), (weights, gigas), "{name}");
        let scaled = summary.multiply_adds as f64 / 1e9 * (128f64 / 112.).powi(2);
        assert!((scaled - printed).abs() < 0.1, "{name}: {scaled} for {printed}");
    }
    Ok(())
}

#[test]
fn i3d_of_its_paper() -> Result<()> {
    // CVPR 2017, table 1: 25 M for both streams, of which this is the one of RGB. By classes, the exact counts.
    for (classes, parameters) in [(400, 12_697_264), (101, 12_390_789), (51, 12_339_539)] {
        assert_eq!(of_classes("i3d", classes)?.parameters, parameters);
    }
    // The stream of flow has one channel of the first kernel less.
    assert_eq!(of("i3d-flow", |_| ())?.parameters, 12_675_312);
    // Table 1 prints 12, 39 and 25 M for (c), (d) and (e).
    assert_eq!(of("inception-two-stream", |_| ())?.parameters, 12_073_120);
    assert_eq!(of("inception-3d-fused", |_| ())?.parameters, 39_565_696 + 512 * 400 + 400);
    let both = of("i3d-two-stream", |_| ())?;
    assert_eq!(both.parameters, 25_372_576);
    let each = [of("i3d", |_| ())?, of("i3d-flow", |_| ())?];
    assert_eq!(both.multiply_adds, each.iter().map(|stream| stream.multiply_adds).sum::<u64>());
    assert_eq!(each.map(|stream| millions(&stream)), [111_153, 102_341]);
    // Of 64 frames of 224 x 224: figure 3, layer by layer.
    let i3d = of("i3d", |_| ())?;
    assert_eq!((i3d.multiply_adds + 5_000_000) / 10_000_000, 11_115);
    let want: [(&str, &[usize]); 18] = [
        ("Conv3d_1a_7x7", &[64, 32, 112, 112]),
        ("MaxPool3d_2a_3x3", &[64, 32, 56, 56]),
        ("Conv3d_2b_1x1", &[64, 32, 56, 56]),
        ("Conv3d_2c_3x3", &[192, 32, 56, 56]),
        ("MaxPool3d_3a_3x3", &[192, 32, 28, 28]),
        ("Mixed_3b", &[256, 32, 28, 28]),
        ("Mixed_3c", &[480, 32, 28, 28]),
        ("MaxPool3d_4a_3x3", &[480, 16, 14, 14]),
        ("Mixed_4b", &[512, 16, 14, 14]),
        ("Mixed_4c", &[512, 16, 14, 14]),
        ("Mixed_4d", &[512, 16, 14, 14]),
        ("Mixed_4e", &[528, 16, 14, 14]),
        ("Mixed_4f", &[832, 16, 14, 14]),
        ("MaxPool3d_5a_2x2", &[832, 8, 7, 7]),
        ("Mixed_5b", &[832, 8, 7, 7]),
        ("Mixed_5c", &[1024, 8, 7, 7]),
        ("AvgPool3d", &[1024, 7, 1, 1]),
        ("logits", &[400]),
    ];
    assert_eq!(shapes(&i3d), want);
    Ok(())
}

#[test]
fn s3d_of_torchvision() -> Result<()> {
    // torchvision prints 8,320,048 parameters, and 17.98 G for 16 frames of 224 x 224.
    let s3d = of("s3d", |sizes| sizes.input = [16, 224, 224])?;
    assert_eq!(s3d.parameters, 8_320_048);
    assert_eq!((s3d.multiply_adds + 5_000_000) / 10_000_000, 1_798);
    Ok(())
}

#[test]
fn separated_inceptions() -> Result<()> {
    // By the layers of the authors' code for TF-slim, for 64 frames of 224 x 224. The paper's own table does not follow from
    // any layers known.
    for (name, parameters, multiply_adds) in [
        ("i2d", 6_009_904, 36_890),
        ("i3d", 12_697_264, 111_150),
        ("s3d", 8_320_048, 71_920),
        ("s3d-g", 9_545_056, 71_920),
        ("s3d-slim", 8_344_432, 79_290),
        ("s3d-g-slim", 9_563_760, 79_290),
    ] {
        let summary = of(name, |_| ())?;
        assert_eq!(summary.parameters, parameters, "{name}");
        assert_eq!((millions(&summary) + 5) / 10, multiply_adds / 10, "{name}");
    }
    // Without classifier, and of S3D-G without the gate of the third convolution, a list of backbones prints 7.910 and 9.098 M.
    let classifier = 1024 * 400 + 400;
    assert_eq!(8_320_048 - classifier, 7_910_048);
    assert_eq!(9_545_056 - classifier - (192 * 192 + 192), 9_098_000);
    // Between the two.
    let heavy = ["i3d-bottom-heavy", "i3d-top-heavy"].map(|name| of(name, |_| ()));
    let [bottom, top] = heavy;
    let (bottom, top) = (bottom?, top?);
    assert_eq!(bottom.parameters + top.parameters, 6_009_904 + 12_697_264);
    // At the top there are more weights, and fewer cells to compute.
    assert!(top.parameters > bottom.parameters && top.multiply_adds < bottom.multiply_adds);
    Ok(())
}

#[test]
fn csn_of_its_paper() -> Result<()> {
    // ICCV 2019, by its section 3.3: weights, and multiply-adds in units of 10^6 on 8 frames of 224 x 224. Of these the
    // authors' releases print 29.6 M and 32.8 M for the 152 layers of ir- and ip-CSN.
    for (name, weights, multiply_adds) in [
        ("resnet3d-26", 20_426_304, 14_322),
        ("ir-csn-26", 1_677_504, 4_033),
        ("ip-csn-26", 2_373_824, 5_048),
        ("resnet3d-50", 46_927_424, 29_461),
        ("ir-csn-50", 13_077_632, 10_578),
        ("ip-csn-50", 14_335_104, 11_914),
        ("resnet3d-101", 85_921_344, 44_747),
        ("ir-csn-101", 22_108_032, 14_118),
        ("ip-csn-101", 24_479_616, 15_890),
        ("resnet3d-152", 118_033_984, 63_629),
        ("ir-csn-152", 29_551_744, 18_512),
        ("ip-csn-152", 32_840_832, 20_824),
    ] {
        let csn = of(name, |sizes| sizes.input = [8, 224, 224])?;
        assert_eq!((csn.weights, millions(&csn)), (weights, multiply_adds), "{name}");
    }
    // What is printed on 32 frames: the authors' test log has 96.7 G of the first at 256 x 256, their model zoo 108.8 of the
    // second there, under the label of 224 x 224.
    for (name, side, gigas) in [
        ("ir-csn-152", 256, 96_713),
        ("ip-csn-152", 256, 108_793),
        ("ir-csn-50", 224, 42_310),
        ("ip-csn-101", 224, 63_559),
        ("ip-csn-152", 224, 83_295),
    ] {
        let csn = of(name, |sizes| sizes.input = [32, side, side])?;
        assert_eq!((millions(&csn) + 5) / 10, (gigas + 5) / 10, "{name}");
    }
    Ok(())
}

#[test]
fn a_thin_network_is_thinner_everywhere() -> Result<()> {
    for model in zoo::MODELS {
        let (full, thin) = (of(model.name, |_| ())?, of(model.name, |sizes| sizes.shrink = 16)?);
        let name =
            |summary: &Summary| summary.tensors.iter().map(|t| t.name.clone()).collect::<Vec<_>>();
        assert_eq!(name(&full), name(&thin), "{}", model.name);
        // Kernels between two layers lose a factor of 16 on both sides; on one side do those of a channel each, which is most
        // of the smallest CSN, and those of the first and the last layer. Kernels in groups keep some of theirs.
        let ratio = full.parameters as f64 / thin.parameters as f64;
        let least = match model.name {
            "conv3d-convlstm" => 40.,
            "simple-18-g" | "simple-18-d" => 16.,
            "ir-csn-26" | "ip-csn-26" | "ip-csn-18" | "bottleneck-50-g" | "bottleneck-50-dg" => 60.,
            _ => 100.,
        };
        // What both filters and features go into the first full layer of loses a third factor.
        let most = if model.name.starts_with("fstcn") { 4097. } else { 257. };
        assert!((least..most).contains(&ratio), "{}: {ratio}", model.name);
    }
    Ok(())
}
