//! Sizes of the networks whose kernels are taken apart.

use candle::Result;
use marey::backbone::Inception3d;
use marey::factorized::{Start, Stem, s3d_slim_from};
use marey::inspect::summary;

use super::{millions, of, of_classes, shapes};

#[test]
fn p3d_of_its_paper() -> Result<()> {
    // By the definitions that the authors released for Caffe: Sports-1M, Kinetics, and its stream of flow.
    assert_eq!(of_classes("p3d-199", 487)?.parameters, 66_670_503);
    assert_eq!(of_classes("p3d-199", 400)?.parameters, 66_492_240);
    let flow = of("p3d-199", |sizes| (sizes.classes, sizes.c_in) = (400, 2))?;
    assert_eq!(flow.parameters, 66_489_104);
    // A ResNet-50 of 2D kernels has 23,508,032 numbers before its classifier (torchvision), of which the 53,120 of batch norms
    // are no weights. The kernels over time are 3 c^2 more in each block of the first three stages, 1,413,120 in all: the 6 MB
    // by which table 1 says that all four are larger.
    for name in ["p3d-a-50", "p3d-b-50", "p3d-c-50", "p3d-63"] {
        let p3d = of_classes(name, 101)?;
        assert_eq!(p3d.weights, 23_508_032 - 53_120 + 1_413_120 + 2048 * 101, "{name}");
    }
    // 16 frames, halved by four poolings; the last stage sees an image.
    let want: [(&str, &[usize]); 7] = [
        ("conv1_custom", &[64, 16, 80, 80]),
        ("maxpool", &[64, 8, 40, 40]),
        ("layer1", &[256, 8, 40, 40]),
        ("layer2", &[512, 4, 20, 20]),
        ("layer3", &[1024, 2, 10, 10]),
        ("layer4", &[2048, 1, 5, 5]),
        ("fc", &[487]),
    ];
    assert_eq!(shapes(&of("p3d-199", |_| ())?), want);
    Ok(())
}

#[test]
fn s3d_with_a_stem_of_three_frames() -> Result<()> {
    // The default of the authors' code for TF-slim, layer by layer.
    let [s3d, gated] = ["s3d-slim-3", "s3d-g-slim-3"].map(|name| of(name, |_| ()));
    let (s3d, gated) = (s3d?, gated?);
    assert_eq!((s3d.parameters, gated.parameters), (8_306_800, 9_526_128));
    // That count has the classifier once, after the mean over time; here it runs at each of 7 places before it.
    let once = s3d.multiply_adds - 6 * 1024 * 400;
    assert_eq!((once + 500_000) / 1_000_000, 64_181);
    Ok(())
}

#[test]
fn s3d_that_sees_time_late() -> Result<()> {
    // Each start leaves out the kernels over time of the parts before it: 3 c^2 weights and c biases of each convolution of c
    // channels. In units of 10^8 for 64 frames of 224 x 224, as the sweep over them was worked out.
    for (start, parameters, multiply_adds) in [
        (Start::Conv2c, 8_344_432, 793),
        (Start::Mixed3b, 8_233_648, 682),
        (Start::Mixed3c, 8_181_264, 669),
        (Start::Mixed4b, 8_042_736, 634),
        (Start::Mixed4c, 7_905_776, 630),
        (Start::Mixed4d, 7_742_672, 625),
        (Start::Mixed4e, 7_533_456, 618),
        (Start::Mixed4f, 7_271_984, 610),
        (Start::Mixed5b, 6_915_184, 599),
        (Start::Mixed5c, 6_558_384, 597),
    ] {
        let config = s3d_slim_from(start, Stem::Seven, 3, 400);
        let got = summary([1, 3, 64, 224, 224], |vb| Ok(Box::new(Inception3d::new(&config, vb)?)))?;
        assert_eq!(
            (got.parameters, (millions(&got) + 50) / 100),
            (parameters, multiply_adds),
            "{start:?}"
        );
    }
    Ok(())
}

#[test]
fn fstcn_of_its_paper() -> Result<()> {
    // Section 3 by the paddings of `factorized::fstcn`: the maps of the shared convolutions, and of a path, for 204 x 204.
    let spatial = of("fstcn-spatial", |_| ())?;
    let want: [(&str, &[usize]); 10] = [
        ("scl1", &[96, 1, 102, 102]),
        ("pool1", &[96, 1, 50, 50]),
        ("scl2", &[256, 1, 25, 25]),
        ("pool2", &[256, 1, 12, 12]),
        ("scl3", &[512, 1, 12, 12]),
        ("scl4", &[512, 1, 12, 12]),
        ("spatial.conv", &[128, 1, 4, 4]),
        ("spatial.fc1", &[4096]),
        ("spatial.fc2", &[2048]),
        ("fc", &[101]),
    ];
    assert_eq!(shapes(&spatial), want);
    // The shared convolutions and one of 128 filters.
    let full = |d_in: u64| d_in * 4096 + 4096 + 4096 * 2048 + 2048;
    let classifier = |paths: u64| (paths * 2048 + 1) * 101;
    assert_eq!(spatial.parameters - full(2048) - classifier(1), 4_758_784);
    // The other path: its own convolution of 128, the matrix, 32 kernels of 3 x 3 and of 5 x 5 over 16 places, and what they give for
    // 5 frames and 128 features.
    let tcl = |side: u64| 32 * (16 * side * side + 1);
    let upper = 128 * (512 * 9 + 1);
    let temporal = upper + 128 * 128 + tcl(3) + tcl(5) + full(64 * 5 * 128);
    let lower = 4_758_784 - upper;
    assert_eq!(of("fstcn-temporal", |_| ())?.parameters, lower + temporal + classifier(1));
    let both = lower + upper + full(2048) + temporal + classifier(2);
    assert_eq!(of("fstcn", |_| ())?.parameters, both);
    let half = both - 32 * 5 * 128 * 4096;
    assert_eq!(of("fstcn-3x3", |_| ())?.parameters, half - tcl(5));
    assert_eq!(of("fstcn-5x5", |_| ())?.parameters, half - tcl(3));
    // The re-implementation has 8192 values before its temporal full layers.
    let mrzzm = of("fstcn-mrzzm", |_| ())?;
    let tcl = 32 * (128 * 3 + 1) + 32 * (128 * 5 + 1);
    let top = (4096 + 1) * 2048 + (2048 + 1) * 101;
    assert_eq!(mrzzm.parameters, 4_758_784 + upper + full(2048) + tcl + full(8192) + top);
    Ok(())
}
