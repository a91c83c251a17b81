//! Every network of the zoo against its reference implementation, in f64, with weights that are a formula of their names.
//! Each is run with all precisions.
//!
//! `golden/make.py` made the files, with torchvision's networks and with others written there from their papers.

use candle::Result;
use marey::inspect::Golden;
use marey::layers::{Precision, with_precision};
use marey::zoo::{self, MODELS, Sizes};

/// Differences as shares of the largest logit and the largest feature.
const TOLERANCES: [(Precision, f32); 3] =
    [(Precision::F32Exact, 1e-5), (Precision::F32, 5e-5), (Precision::Bf16, 2e-2)];

fn check(name: &str) -> Result<()> {
    let path = format!("{}/golden/{name}.safetensors", env!("CARGO_MANIFEST_DIR"));
    let golden = Golden::read(path.as_ref())?;
    let [_, c_in, t, h, w] = golden.input[..] else { panic!("{name}: {:?}", golden.input) };
    let classes = golden.logits.dim(1)?;
    let sizes = Sizes { c_in, classes, input: [t, h, w], shrink: 1, dropout: None };
    let compared = golden.network(|vb| zoo::find(name)?.build(&sizes, vb))?;
    assert_eq!(compared.tensors, golden.tensors, "{name}: asked for, and those of the reference");
    for (precision, tolerance) in TOLERANCES {
        let differences = with_precision(precision, || golden.differences(&compared))?;
        for (what, difference) in ["logits", "features"].into_iter().zip(differences) {
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
    temporal_matches_its_paper: "temporal",
    temporal_trajectory_matches_its_paper: "temporal-trajectory",
    temporal_multi_task_matches_its_paper: "temporal-multi-task",
    two_stream_matches_its_paper: "two-stream",
    karpathy_single_frame_matches_its_paper: "karpathy-single-frame",
    karpathy_early_fusion_matches_its_paper: "karpathy-early-fusion",
    karpathy_late_fusion_matches_its_paper: "karpathy-late-fusion",
    karpathy_slow_fusion_matches_its_paper: "karpathy-slow-fusion",
    karpathy_fovea_matches_its_paper: "karpathy-fovea",
    karpathy_context_matches_its_paper: "karpathy-context",
    karpathy_multiresolution_matches_its_paper: "karpathy-multiresolution",
    fused_sum_matches_its_paper: "fused-sum",
    fused_max_matches_its_paper: "fused-max",
    fused_concat_matches_its_paper: "fused-concat",
    fused_conv_matches_its_paper: "fused-conv",
    fused_conv_of_sum_matches_its_paper: "fused-conv-of-sum",
    fused_bilinear_matches_its_paper: "fused-bilinear",
    fused_conv_relu2_matches_its_paper: "fused-conv-relu2",
    fused_conv_relu3_matches_its_paper: "fused-conv-relu3",
    fused_conv_relu4_matches_its_paper: "fused-conv-relu4",
    fused_conv_two_towers_matches_its_paper: "fused-conv-two-towers",
    fused_conv_of_sum_two_towers_matches_its_paper: "fused-conv-of-sum-two-towers",
    fused_3d_vgg_m_matches_its_paper: "fused-3d-vgg-m",
    fused_3d_vgg_16_matches_its_paper: "fused-3d-vgg-16",
    fused_3d_vgg_16_single_tower_matches_its_paper: "fused-3d-vgg-16-single-tower",
    fused_2d_conv_3d_pool_vgg_16_matches_its_paper: "fused-2d-conv-3d-pool-vgg-16",
    fused_2d_conv_2d_pool_vgg_16_matches_its_paper: "fused-2d-conv-2d-pool-vgg-16",
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
    c3d_floor_matches_its_paper: "c3d-floor",
    i3d_flow_matches_its_paper: "i3d-flow",
    i3d_two_stream_matches_its_paper: "i3d-two-stream",
    inception_two_stream_matches_its_paper: "inception-two-stream",
    inception_3d_fused_matches_its_paper: "inception-3d-fused",
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
    conv3d_biconvlstm_matches_its_paper: "conv3d-biconvlstm",
    conv3d_biconvlstm_matches_its_release: "conv3d-biconvlstm-released",
    conv3d_convlstm_matches_its_paper: "conv3d-convlstm",
    convnet_lstm_matches_its_paper: "convnet-lstm",
    lrcn_single_frame_matches_its_paper: "lrcn-single-frame",
    lrcn_fc6_matches_its_paper: "lrcn-fc6",
    lrcn_fc7_matches_its_paper: "lrcn-fc7",
    lrcn_fc6_flow_matches_its_paper: "lrcn-fc6-flow",
    lrcn_fc7_flow_matches_its_paper: "lrcn-fc7-flow",
    p3d_a_50_matches_its_paper: "p3d-a-50",
    p3d_b_50_matches_its_paper: "p3d-b-50",
    p3d_c_50_matches_its_paper: "p3d-c-50",
    p3d_63_matches_its_paper: "p3d-63",
    p3d_199_matches_its_paper: "p3d-199",
    fstcn_matches_its_paper: "fstcn",
    fstcn_spatial_matches_its_paper: "fstcn-spatial",
    fstcn_temporal_matches_its_paper: "fstcn-temporal",
    fstcn_3x3_matches_its_paper: "fstcn-3x3",
    fstcn_5x5_matches_its_paper: "fstcn-5x5",
    fstcn_auxiliary_matches_its_paper: "fstcn-auxiliary",
    fstcn_mrzzm_matches_its_code: "fstcn-mrzzm",
    res3d_18_matches_its_paper: "res3d-18",
    resnet3d_18_matches_its_paper: "resnet3d-18",
    simple_18_g_matches_its_paper: "simple-18-g",
    simple_18_d_matches_its_paper: "simple-18-d",
    ip_csn_18_matches_its_paper: "ip-csn-18",
    bottleneck_50_g_matches_its_paper: "bottleneck-50-g",
    bottleneck_50_dg_matches_its_paper: "bottleneck-50-dg",
    ir_csn_50_no_pool_matches_its_paper: "ir-csn-50-no-pool",
    ip_csn_50_no_pool_matches_its_paper: "ip-csn-50-no-pool",
    s3d_slim_3_matches_its_paper: "s3d-slim-3",
    s3d_g_slim_3_matches_its_paper: "s3d-g-slim-3",
    tsn_rgb_matches_its_paper: "tsn-rgb",
    tsn_flow_matches_its_paper: "tsn-flow",
    tsn_rgb_diff_matches_its_paper: "tsn-rgb-diff",
    hidden_temporal_a_matches_its_paper: "hidden-temporal-a",
    hidden_temporal_b_matches_its_paper: "hidden-temporal-b",
    hidden_temporal_matches_its_paper: "hidden-temporal",
    hidden_two_stream_matches_its_paper: "hidden-two-stream",
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
