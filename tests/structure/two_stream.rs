//! Networks with a stream for frames and one for flow.

use candle::Result;

use super::{millions, of, of_classes, shapes};

#[test]
fn spatial_of_its_paper() -> Result<()> {
    // By hand, from the table of the two-stream paper with the paddings of `backbone::cnn_m`:
    // 96 (3 49 + 1) + 256 (96 25 + 1) + 512 (256 9 + 1) + 2 512 (512 9 + 1)
    // + 4096 (512 36 + 1) + 2048 (4096 + 1) + 101 (2048 + 1).
    let spatial = of_classes("spatial", 101)?;
    assert_eq!(spatial.parameters, 90_627_813);
    // 96 147 109^2 + 256 2400 26^2 + 512 (2304 + 2 4608) 13^2 + the full layers' weights.
    assert_eq!(spatial.multiply_adds, 1_663_894_560);
    let want: [(&str, &[usize]); 11] = [
        ("conv1", &[96, 1, 109, 109]),
        ("pool1", &[96, 1, 54, 54]),
        ("conv2", &[256, 1, 26, 26]),
        ("pool2", &[256, 1, 13, 13]),
        ("conv3", &[512, 1, 13, 13]),
        ("conv4", &[512, 1, 13, 13]),
        ("conv5", &[512, 1, 13, 13]),
        ("pool5", &[512, 1, 6, 6]),
        ("fc6", &[4096]),
        ("fc7", &[2048]),
        ("fc8", &[101]),
    ];
    assert_eq!(shapes(&spatial), want);
    Ok(())
}

#[test]
fn networks_of_karpathy() -> Result<()> {
    // By the layers of CVPR 2014, section 3.1, with the paddings that give its maps of 7 x 7 x 256; the paper prints no counts.
    for (name, parameters, multiply_adds) in [
        ("karpathy-single-frame", 73_908_071, 1_272),
        ("karpathy-early-fusion", 74_221_703, 2_291),
        ("karpathy-late-fusion", 125_288_295, 2_525),
        ("karpathy-slow-fusion", 75_511_751, 4_589),
        ("karpathy-fovea", 73_908_071, 391),
        ("karpathy-context", 73_908_071, 391),
        ("karpathy-multiresolution", 129_035_495, 764),
    ] {
        let summary = of(name, |_| ())?;
        assert_eq!((summary.parameters, millions(&summary)), (parameters, multiply_adds), "{name}");
        // The last maps, before three full layers.
        let maps = shapes(&summary).into_iter().nth_back(3);
        assert_eq!(maps.map(|(_, shape)| shape), Some(&[256, 1, 7, 7][..]), "{name}");
    }
    // Slow fusion, figure 1: of 10 frames 4, 2 and 1 are left.
    let slow = of("karpathy-slow-fusion", |_| ())?;
    let frames: Vec<usize> = shapes(&slow)
        .iter()
        .filter(|(name, _)| name.starts_with("conv"))
        .map(|(_, shape)| shape[1])
        .collect();
    assert_eq!(frames, [4, 2, 1, 1, 1]);
    Ok(())
}

#[test]
fn temporal_streams() -> Result<()> {
    // Of the spatial stream all but its first kernel, which sees 20 channels: 96 49 17 more.
    let temporal = of("temporal", |_| ())?;
    assert_eq!((temporal.parameters, millions(&temporal)), (90_707_781, 2_614));
    assert_eq!(temporal.parameters - of("spatial", |_| ())?.parameters, 96 * 49 * 17);
    assert_eq!(of("temporal-multi-task", |_| ())?.parameters - temporal.parameters, 51 * 2049);
    assert_eq!(of("two-stream", |_| ())?.parameters, 90_627_813 + 90_707_781);
    Ok(())
}

#[test]
fn fused_streams() -> Result<()> {
    // CVPR 2016, tables 1 and 2, print 181.42, 97.31, 172.81, 97.58 and 6.61 M: these count two towers of 20 channels each (here a
    // clip of as many, and its flow), of bilinear features one tower alone, and a convolution over the sum.
    let counted = |name| of(name, |sizes| (sizes.c_in, sizes.input[0]) = (22, 10));
    for (name, parameters) in [
        ("two-stream", 181_415_562),
        ("fused-sum", 97_316_389),
        ("fused-max", 97_316_389),
        ("fused-concat", 172_813_861),
        ("fused-conv-of-sum", 97_579_045),
        ("fused-conv-of-sum-two-towers", 181_678_218),
        // The paper's formula: both towers' channels into one's.
        ("fused-conv", 97_316_389 + 2 * 512 * 512 + 512),
        ("fused-bilinear", 2 * 6_608_608 + 101 * (512 * 512 + 1)),
    ] {
        assert_eq!(counted(name)?.parameters, parameters, "{name}");
    }
    // With frames of three channels: 17 x 96 x 49 less.
    assert_eq!(of("fused-sum", |_| ())?.parameters, 97_316_389 - 17 * 96 * 49);
    // Where to meet, in units of 10,000: as worked out from the layers; the paper prints 91.90, 93.08 and 95.48 M.
    for (name, hundredths) in
        [("fused-conv-relu2", 9_155), ("fused-conv-relu3", 9_312), ("fused-conv-relu4", 9_548)]
    {
        assert_eq!((counted(name)?.parameters + 5_000) / 10_000, hundredths, "{name}");
    }
    // A kernel of 3 x 3 x 3 over 1024 channels into 512.
    let [one, both] = ["fused-3d-vgg-16-single-tower", "fused-2d-conv-3d-pool-vgg-16"]
        .map(|name| of(name, |_| ()));
    let three = of("fused-3d-vgg-16", |_| ())?;
    assert_eq!(three.parameters - both?.parameters, 26 * 1024 * 512);
    assert!(one?.parameters < three.parameters);
    Ok(())
}
