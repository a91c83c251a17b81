//! The networks' sizes, by the numbers that papers and releases print, and by hand.

use candle::Result;
use marey::inspect::Summary;
use marey::zoo::{self, Sizes};

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
fn spatial_of_its_paper() -> Result<()> {
    // By hand, from the table of the two-stream paper with the paddings of `backbone::cnn_m`:
    // 96 (3 49 + 1) + 256 (96 25 + 1) + 512 (256 9 + 1) + 2 512 (512 9 + 1)
    // + 4096 (512 36 + 1) + 2048 (4096 + 1) + 101 (2048 + 1).
    let spatial = of_classes("spatial", 101)?;
    assert_eq!(spatial.parameters, 90_627_813);
    // 96 147 109^2 + 256 2400 26^2 + 512 (2304 + 2 4608) 13^2 + the full layers' weights.
    assert_eq!(spatial.multiply_adds, 1_663_894_560);
    let side = [
        ("conv1", [96, 54, 54]),
        ("conv2", [256, 13, 13]),
        ("conv3", [512, 13, 13]),
        ("conv4", [512, 13, 13]),
    ];
    let shapes = shapes(&spatial);
    for (i, (name, shape)) in side.iter().enumerate() {
        assert_eq!(shapes[i], (*name, &shape[..]));
    }
    assert_eq!(shapes[4], ("conv5", &[512, 6, 6][..]));
    Ok(())
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
fn i3d_of_its_paper() -> Result<()> {
    // CVPR 2017, table 1: 25 M for both streams, of which this is the one of RGB. By classes, the exact counts.
    for (classes, parameters) in [(400, 12_697_264), (101, 12_390_789), (51, 12_339_539)] {
        assert_eq!(of_classes("i3d", classes)?.parameters, parameters);
    }
    // The stream of flow has 12,675,312: one channel of the first kernel less.
    assert_eq!(of("i3d", |sizes| sizes.c_in = 2)?.parameters, 12_675_312);
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
fn csn_of_its_paper() -> Result<()> {
    // ICCV 2019, table 5, and the authors' test log for the second: 29.6 M and 96.7 G on 32 frames of 256 x 256.
    for (name, weights, side, gigas) in [
        ("ir-csn-50", 13_077_632, 224, 42_310),
        ("ir-csn-152", 29_551_744, 256, 96_713),
        ("ip-csn-101", 24_479_616, 224, 63_559),
        ("ip-csn-152", 32_840_832, 224, 83_295),
    ] {
        let csn = of(name, |sizes| sizes.input = [32, side, side])?;
        assert_eq!(csn.weights, weights, "{name}");
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
        // Kernels between two layers lose a factor of 16 on both sides; one side of the first and the last does not.
        let ratio = full.parameters as f64 / thin.parameters as f64;
        assert!((100. ..257.).contains(&ratio), "{}: {ratio}", model.name);
    }
    Ok(())
}
