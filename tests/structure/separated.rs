//! Sizes of the networks between ResNet3D and CSN, and of Res3D.

use candle::Result;

use super::{millions, of, shapes};

#[test]
fn blocks_between_resnet3d_and_csn() -> Result<()> {
    // ICCV 2019, section 3.4, counted layer by layer apart from this code, on 8 frames of 224 x 224. The numbers of groups, 32 and
    // of bottleneck-DG's 1 x 1 x 1 kernels 2, are ours.
    for (name, weights, multiply_adds, interactions) in [
        ("resnet3d-18", 33_361_472, 22_472_630_272, 320_065_728),
        ("simple-18-g", 1_434_944, 3_489_845_248, 71_601_472),
        ("simple-18-d", 680_768, 3_467_466_752, 90_427_584),
        ("ip-csn-18", 1_729_344, 4_148_254_720, 320_065_728),
        ("bottleneck-50-g", 14_036_672, 10_982_137_856, 6_262_275_456),
        ("bottleneck-50-dg", 8_397_952, 7_366_480_384, 3_111_087_296),
        ("ir-csn-50-no-pool", 13_077_632, 33_811_515_392, 6_262_044_864),
        ("ip-csn-50-no-pool", 14_335_104, 39_155_058_688, 6_517_661_888),
    ] {
        let got = of(name, |sizes| sizes.input = [8, 224, 224])?;
        assert_eq!(
            (got.weights, got.multiply_adds, got.interactions),
            (weights, multiply_adds, interactions),
            "{name}"
        );
    }
    // Without the stem's pooling maps are twice as large.
    let sides = |name| -> Result<Vec<usize>> {
        Ok(shapes(&of(name, |_| ())?)
            .iter()
            .filter_map(|(_, shape)| shape.get(2).copied())
            .collect())
    };
    assert_eq!(sides("ir-csn-50")?, [112, 56, 56, 28, 14, 7]);
    assert_eq!(sides("ir-csn-50-no-pool")?, [112, 112, 56, 28, 14]);
    Ok(())
}

#[test]
fn interactions_of_their_paper() -> Result<()> {
    // The log of the authors' test of ir-CSN-152 prints 11370.96928 M. The others by section 3.1, to 10 M.
    assert_eq!(of("ir-csn-152", |_| ())?.interactions, 11_370_969_280);
    for (name, tens) in [
        ("resnet3d-26", 47),
        ("ir-csn-26", 32),
        ("ip-csn-26", 47),
        ("resnet3d-50", 652),
        ("ir-csn-50", 626),
        ("ip-csn-50", 652),
        ("resnet3d-101", 951),
        ("ir-csn-101", 911),
        ("ip-csn-101", 951),
        ("resnet3d-152", 1188),
        ("ir-csn-152", 1137),
        ("ip-csn-152", 1188),
    ] {
        assert_eq!((of(name, |_| ())?.interactions + 5_000_000) / 10_000_000, tens, "{name}");
    }
    Ok(())
}

#[test]
fn res3d_of_its_release() -> Result<()> {
    // R3D-18 for 487 classes and a projection of 64 to 64 channels in res2a.
    let (res3d, r3d) = (of("res3d-18", |_| ())?, of("r3d-18", |sizes| sizes.classes = 487)?);
    assert_eq!((res3d.weights, millions(&res3d)), (33_410_112, 20_451));
    assert_eq!(res3d.weights, r3d.weights + 64 * 64);
    let want: [(&str, &[usize]); 6] = [
        ("stem", &[64, 8, 56, 56]),
        ("layer1", &[64, 8, 56, 56]),
        ("layer2", &[128, 4, 28, 28]),
        ("layer3", &[256, 2, 14, 14]),
        ("layer4", &[512, 1, 7, 7]),
        ("fc", &[487]),
    ];
    assert_eq!(shapes(&res3d), want);
    Ok(())
}
