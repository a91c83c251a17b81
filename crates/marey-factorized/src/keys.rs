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
