//! What several tests need.

use std::path::PathBuf;
use std::process::Command;

/// This test binary once more, to run the test `name` alone.
pub(crate) fn rerun(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture", "--test-threads", "1"]);
    command
}

/// The folder of real files, where there is one.
pub(crate) fn data() -> Option<PathBuf> {
    let data = std::env::var_os("MAREY_DATA").map(PathBuf::from);
    if data.is_none() {
        println!("skipped: MAREY_DATA is not set");
    }
    data
}

/// How thin a network is for tests that train it, and the clip `[T, H, W]` it then takes.
pub(crate) fn thin(name: &str) -> (usize, [usize; 3]) {
    match name {
        "spatial" => (8, [1, 56, 56]),
        "lrcn-single-frame" => (8, [1, 67, 67]),
        "convnet-lstm" => (8, [4, 32, 32]),
        name if name.starts_with("lrcn") => (8, [4, 67, 67]),
        name if name.starts_with("fused") && name.contains("vgg-16") => (8, [10, 32, 32]),
        "fused-3d-vgg-m" => (8, [10, 56, 56]),
        name if name.starts_with("fused") => (8, [2, 56, 56]),
        "karpathy-late-fusion" => (8, [3, 48, 48]),
        "karpathy-fovea" | "karpathy-context" | "karpathy-multiresolution" => (8, [1, 64, 64]),
        name if name.starts_with("karpathy") => (8, [10, 48, 48]),
        name if name.starts_with("temporal") || name == "two-stream" => (8, [4, 56, 56]),
        "inception-two-stream" => (8, [2, 64, 64]),
        "inception-3d-fused" => (8, [10, 64, 64]),
        "i3d-flow" | "i3d-two-stream" => (8, [8, 32, 32]),
        "c3d-bn" | "c3d-floor" | "c3d-padded" => (8, [16, 32, 32]),
        "tsn-rgb" => (8, [3, 64, 64]),
        "tsn-flow" => (8, [10, 64, 64]),
        "tsn-rgb-diff" => (8, [12, 64, 64]),
        name if name.starts_with("hidden") => (16, [3, 64, 64]),
        "i2d" | "i3d" | "i3d-bottom-heavy" | "i3d-top-heavy" => (8, [8, 32, 32]),
        "fstcn-auxiliary" => (8, [1, 56, 56]),
        name if name.starts_with("fstcn") => (8, [2, 56, 56]),
        name if name.ends_with("no-pool") => (8, [8, 32, 32]),
        // Kernels in groups are slow to train.
        "simple-18-g" | "bottleneck-50-g" => (8, [8, 48, 48]),
        name if name.starts_with("p3d") => (8, [8, 48, 48]),
        name if ["s3d", "ir-", "ip-", "simple", "bottleneck", "resnet3d"]
            .iter()
            .any(|kind| name.starts_with(kind)) =>
        {
            (8, [8, 64, 64])
        }
        _ => (8, [8, 24, 24]),
    }
}
