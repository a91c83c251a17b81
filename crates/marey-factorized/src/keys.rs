//! Names of the same weights in other releases: from a name of ours to theirs.

/// S3D as `kylemin/S3D` has it.
///
/// ```
/// use marey_factorized::keys::kylemin;
/// assert_eq!(kylemin("features.0.1.0.weight"), "base.0.conv_t.weight");
/// assert_eq!(kylemin("features.2.1.bias"), "base.2.bn.bias");
/// assert_eq!(kylemin("features.5.branch0.0.weight"), "base.5.branch0.0.conv.weight");
/// assert_eq!(kylemin("features.5.branch2.1.0.1.bias"), "base.5.branch2.1.bn_s.bias");
/// assert_eq!(kylemin("classifier.1.weight"), "fc.0.weight");
/// ```
pub fn kylemin(name: &str) -> String {
    match name.split('.').collect::<Vec<_>>()[..] {
        ["classifier", "1", tensor] => format!("fc.0.{tensor}"),
        ["features", part, "branch0", layer, tensor] => {
            format!("base.{part}.branch0.0.{}.{tensor}", unit(&[layer]))
        }
        ["features", part, branch, place, ref layers @ .., tensor] if !layers.is_empty() => {
            match branch.starts_with("branch") {
                true => format!("base.{part}.{branch}.{place}.{}.{tensor}", unit(layers)),
                false => format!("base.{part}.{}.{tensor}", unit(&[branch, place])),
            }
        }
        ["features", part, ref layers @ .., tensor] => {
            format!("base.{part}.{}.{tensor}", unit(layers))
        }
        _ => name.into(),
    }
}

/// ResNet of images as torchvision has it, of the P3D that is made of it. What sees time has no name there.
///
/// ```
/// use marey_factorized::keys::resnet_of_p3d;
/// assert_eq!(resnet_of_p3d("conv1_custom.weight"), "conv1.weight");
/// assert_eq!(resnet_of_p3d("layer1.0.bn2.bias"), "layer1.0.bn2.bias");
/// assert_eq!(resnet_of_p3d("layer1.0.conv3.weight"), "layer1.0.conv_of_time.weight");
/// assert_eq!(resnet_of_p3d("layer1.0.conv4.weight"), "layer1.0.conv3.weight");
/// assert_eq!(resnet_of_p3d("layer4.2.bn_normal.bias"), "layer4.2.bn2.bias");
/// ```
pub fn resnet_of_p3d(name: &str) -> String {
    let layer = |layer| match layer {
        "conv1_custom" => "conv1",
        "conv3" => "conv_of_time",
        "bn3" => "bn_of_time",
        "conv4" => "conv3",
        "bn4" => "bn3",
        "conv_normal" => "conv2",
        "bn_normal" => "bn2",
        other => other,
    };
    name.split('.').map(layer).collect::<Vec<_>>().join(".")
}

/// A layer of a unit: of one convolution, or of those of space and time.
fn unit(layers: &[&str]) -> String {
    let kind = |layer: &str| if layer == "0" { "conv" } else { "bn" };
    match layers {
        [layer] => kind(layer).into(),
        ["0", layer] => format!("{}_s", kind(layer)),
        [_, layer] => format!("{}_t", kind(layer)),
        _ => layers.join("."),
    }
}
