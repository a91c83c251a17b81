//! What papers and surveys say of costs: how large networks are, and how many times cheaper than others.

use candle::Result;

use super::{of, of_classes};

/// Parameters in millions, cut as papers do.
fn millions_of(name: &str) -> Result<u64> {
    Ok(of(name, |_| ())?.parameters / 1_000_000)
}

/// Multiply-adds of a network on `frames` frames of `side` x `side`, as a share of another's on its own.
fn share(name: &str, clip: [usize; 3], of_name: &str, of_clip: [usize; 3]) -> Result<f64> {
    let cost = |name: &str, clip| {
        Ok::<_, candle::Error>(of(name, |sizes| sizes.input = clip)?.multiply_adds as f64)
    };
    Ok(cost(name, clip)? / cost(of_name, of_clip)?)
}

#[test]
fn five_architectures() -> Result<()> {
    // Carreira and Zisserman, CVPR 2017, table 1: 9, 79, 12, 39 and 25 M. The second is C3D for 400 classes.
    for (name, printed) in [
        ("convnet-lstm", 8..=9),
        ("inception-two-stream", 12..=12),
        ("inception-3d-fused", 39..=39),
        ("i3d-two-stream", 25..=25),
    ] {
        assert!(printed.contains(&millions_of(name)?), "{name}");
    }
    assert_eq!(of_classes("c3d", 400)?.parameters / 1_000_000, 79);
    // "Many fewer parameters" than C3D (section 2.4), though much deeper: a stream of I3D has a sixth.
    assert!(6 * of("i3d", |_| ())?.parameters < of_classes("c3d", 400)?.parameters);
    Ok(())
}

#[test]
fn kernels_over_time_cost_parameters() -> Result<()> {
    // Surveys say that a network of images for UCF101 has 5 M parameters, and the same of 3D kernels 33 M. Those are not of one network;
    // nearest are an Inception-v1 of images, and a residual network of 18 layers with 3D kernels.
    assert_eq!(of_classes("i2d", 101)?.parameters / 1_000_000, 5);
    assert_eq!(millions_of("r3d-18")?, 33);
    // Sun et al., ICCV 2015, and those after them: taken apart, a kernel costs less.
    assert!(millions_of("s3d")? < millions_of("i3d")?);
    Ok(())
}

#[test]
fn cheaper_by_so_many_times() -> Result<()> {
    let within = |what: &str, share: f64, range: std::ops::Range<f64>| {
        assert!(range.contains(&share), "{what}: {share}");
    };
    // Xie et al., arXiv 1712.04851, abstract: S3D needs 1.5 times fewer operations than I3D, S3D-G 34 % fewer.
    let clip = [64, 224, 224];
    within("i3d by s3d", share("i3d", clip, "s3d", clip)?, 1.5..1.6);
    within("s3d-g by i3d", share("s3d-g", clip, "i3d", clip)?, 0.64..0.67);
    // Tran et al., ICCV 2019, abstract: CSNs are 2 to 4 times as fast as R(2+1)D; by table 5, of 34 layers on 32 frames.
    let (wide, low) = ([32, 224, 224], [32, 112, 112]);
    within("r2plus1d-34 by ir-csn-101", share("r2plus1d-34", low, "ir-csn-101", wide)?, 2.6..2.8);
    within("r2plus1d-34 by ip-csn-101", share("r2plus1d-34", low, "ip-csn-101", wide)?, 2.3..2.5);
    within("r2plus1d-34 by ir-csn-152", share("r2plus1d-34", low, "ir-csn-152", wide)?, 2.0..2.1);
    // Parameters: 22 to 33 M for 64.
    assert_eq!(
        ["ir-csn-101", "ip-csn-101", "ir-csn-152", "ip-csn-152", "r2plus1d-34"]
            .map(|name| millions_of(name).unwrap()),
        [22, 24, 29, 33, 63]
    );
    // On as many frames as C3D sees, 16, the smallest of them costs less than it does, at four times its cells.
    within(
        "ir-csn-101 by c3d",
        share("ir-csn-101", [16, 224, 224], "c3d", [16, 112, 112])?,
        0.7..0.8,
    );
    // Karpathy et al., CVPR 2014, section 3.2: two streams of half the side see half of the input.
    let multires = of("karpathy-multiresolution", |_| ())?;
    let single = of("karpathy-single-frame", |_| ())?;
    assert!(5 * multires.multiply_adds < 4 * single.multiply_adds);
    // Feichtenhofer et al., CVPR 2016, section 3.2: one tower after the fusion "nearly halves" the parameters.
    let halved =
        of("fused-sum", |_| ())?.parameters as f64 / of("two-stream", |_| ())?.parameters as f64;
    within("fused-sum by two-stream", halved, 0.5..0.55);
    Ok(())
}
