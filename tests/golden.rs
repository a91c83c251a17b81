//! Every network of the zoo against its reference implementation, in f64, with weights that are a formula of their names.
//! Each is run with all precisions.
//!
//! `golden/make.py` made the files, with torchvision's networks and with others written there from their papers.

use candle::{Device, Result};
use marey::layers::{Precision, with_precision};
use marey::zoo::{self, MODELS, Sizes};

use crate::support::{clip, difference, formula};

/// Differences as shares of the largest logit and the largest feature.
const TOLERANCES: [(Precision, f32); 3] =
    [(Precision::F32Exact, 1e-5), (Precision::F32, 5e-5), (Precision::Bf16, 2e-2)];

fn check(name: &str) -> Result<()> {
    let path = format!("{}/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let golden = candle::safetensors::load(path, &Device::Cpu)?;
    let dims: Vec<usize> = golden["input"].to_vec1::<i64>()?.iter().map(|&d| d as usize).collect();
    let xs = clip(&dims, golden["scale"].to_vec1::<f32>()?[0])?;
    let (logits, features) = (&golden["logits"], &golden["features"]);

    let (vb, asked) = formula(&Device::Cpu);
    let input = [dims[2], dims[3], dims[4]];
    let sizes = Sizes { c_in: dims[1], classes: logits.dim(1)?, input, shrink: 1, dropout: None };
    let network = zoo::find(name)?.build(&sizes, vb)?;

    let mut asked: Vec<String> =
        asked.lock().unwrap().iter().map(|(name, shape)| format!("{name} {shape:?}")).collect();
    asked.sort();
    let tensors = String::from_utf8(golden["tensors"].to_vec1()?).unwrap();
    let reference: Vec<&str> = tensors.lines().collect();
    assert_eq!(asked, reference, "{name}: tensors asked for, and those of the reference");

    for (precision, tolerance) in TOLERANCES {
        let results = with_precision(precision, || {
            Result::Ok([network.forward_t(&xs, false)?, network.features_t(&xs, false)?])
        })?;
        for (what, got, want) in
            [("logits", &results[0], logits), ("features", &results[1], features)]
        {
            assert_eq!(got.dims(), want.dims(), "{name}: {what}");
            let difference = difference(got, want)?;
            let what =
                format!("{name}: {what} in {precision:?} differ by {difference:e} of the largest");
            println!("{what}");
            assert!(difference < tolerance, "{what}");
        }
    }
    Ok(())
}

/// Makes a test of each, and the list of all.
macro_rules! checks {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() -> Result<()> {
            check($name)
        })*

        const CHECKED: &[&str] = &[$($name),*];
    };
}

checks! {
    spatial_matches_its_paper: "spatial",
    c3d_matches_its_paper: "c3d",
    c3d_bn_matches_its_paper: "c3d-bn",
    c3d_padded_matches_mmaction2: "c3d-padded",
    c3d_depth_1_matches_its_paper: "c3d-depth-1",
    c3d_depth_3_matches_its_paper: "c3d-depth-3",
    c3d_depth_5_matches_its_paper: "c3d-depth-5",
    c3d_depth_7_matches_its_paper: "c3d-depth-7",
    c3d_increasing_matches_its_paper: "c3d-increasing",
    c3d_decreasing_matches_its_paper: "c3d-decreasing",
    c3d_net_64_matches_its_paper: "c3d-net-64",
    c3d_net_128_matches_its_paper: "c3d-net-128",
    c3d_net_256_matches_its_paper: "c3d-net-256",
    i3d_matches_its_paper: "i3d",
    r3d_18_matches_torchvision: "r3d-18",
    r3d_34_matches_torchvision: "r3d-34",
    mc3_18_matches_torchvision: "mc3-18",
    r2plus1d_18_matches_torchvision: "r2plus1d-18",
    s3d_matches_torchvision: "s3d",
    s3d_g_matches_its_paper: "s3d-g",
    s3d_slim_matches_its_paper: "s3d-slim",
    s3d_g_slim_matches_its_paper: "s3d-g-slim",
    i2d_matches_its_paper: "i2d",
    i3d_bottom_heavy_matches_its_paper: "i3d-bottom-heavy",
    i3d_top_heavy_matches_its_paper: "i3d-top-heavy",
    ir_csn_50_matches_its_paper: "ir-csn-50",
    ir_csn_101_matches_its_paper: "ir-csn-101",
    ir_csn_152_matches_its_paper: "ir-csn-152",
    ip_csn_50_matches_its_paper: "ip-csn-50",
    ip_csn_101_matches_its_paper: "ip-csn-101",
    ip_csn_152_matches_its_paper: "ip-csn-152",
    r2d_18_matches_its_paper: "r2d-18",
    fr2d_18_matches_its_paper: "fr2d-18",
    mc2_18_matches_its_paper: "mc2-18",
    mc4_18_matches_its_paper: "mc4-18",
    mc5_18_matches_its_paper: "mc5-18",
    rmc2_18_matches_its_paper: "rmc2-18",
    rmc3_18_matches_its_paper: "rmc3-18",
    rmc4_18_matches_its_paper: "rmc4-18",
    rmc5_18_matches_its_paper: "rmc5-18",
    r2plus1d_18_vmz_matches_its_paper: "r2plus1d-18-vmz",
    r2plus1d_34_matches_its_paper: "r2plus1d-34",
    r2plus1d_152_matches_its_paper: "r2plus1d-152",
    resnet3d_26_matches_its_paper: "resnet3d-26",
    resnet3d_50_matches_its_paper: "resnet3d-50",
    resnet3d_101_matches_its_paper: "resnet3d-101",
    resnet3d_152_matches_its_paper: "resnet3d-152",
    ir_csn_26_matches_its_paper: "ir-csn-26",
    ip_csn_26_matches_its_paper: "ip-csn-26",
}

#[test]
fn every_network_has_a_golden_file() {
    for model in MODELS {
        let path = format!("{}/golden/{}.safetensors", env!("CARGO_MANIFEST_DIR"), model.name);
        assert!(
            std::path::Path::new(&path).is_file(),
            "{path} is missing; golden/make.py makes it"
        );
        assert!(CHECKED.contains(&model.name), "{} is not checked here", model.name);
    }
}
