//! Sizes of the networks whose kernels are taken apart.

use candle::Result;

use super::{of, of_classes, shapes};

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
