//! Names that torchvision gives the weights of 2D networks of images, from those of the networks over clips that they inflate to.

/// ResNet, of a [`VideoResNet`](crate::VideoResNet) of as many layers whose convolutions are not taken apart.
///
/// ```
/// use marey_backbone::images::resnet;
/// assert_eq!(resnet("stem.0.weight"), "conv1.weight");
/// assert_eq!(resnet("layer1.0.conv2.0.weight"), "layer1.0.conv2.weight");
/// assert_eq!(resnet("layer1.0.conv2.1.running_var"), "layer1.0.bn2.running_var");
/// assert_eq!(resnet("layer2.0.downsample.1.bias"), "layer2.0.downsample.1.bias");
/// ```
pub fn resnet(name: &str) -> String {
    let unit = |number: &str, layer, tensor| match layer {
        "0" => format!("conv{number}.{tensor}"),
        _ => format!("bn{number}.{tensor}"),
    };
    match name.split('.').collect::<Vec<_>>()[..] {
        ["stem", layer, tensor] => unit("1", layer, tensor),
        [stage, block, conv, layer, tensor] => match conv.strip_prefix("conv") {
            Some(number) => format!("{stage}.{block}.{}", unit(number, layer, tensor)),
            None => name.into(),
        },
        _ => name.into(),
    }
}

/// GoogLeNet with batch norms, of an [`Inception3d`](crate::Inception3d) named as [`inflated`](crate::inflated::inflated) names
/// it. Its classifiers beside the trunk, `aux1` and `aux2`, have no place there. Its kernels of 5 x 5 are of 3 x 3, as I3D's.
///
/// ```
/// use marey_backbone::images::googlenet;
/// assert_eq!(googlenet("Conv3d_2c_3x3.conv3d.weight"), "conv3.conv.weight");
/// assert_eq!(googlenet("Mixed_4f.b2b.bn.running_mean"), "inception4e.branch3.1.bn.running_mean");
/// assert_eq!(googlenet("logits.conv3d.bias"), "fc.bias");
/// ```
pub fn googlenet(name: &str) -> String {
    let layer = |layer| if layer == "conv3d" { "conv" } else { layer };
    match name.split('.').collect::<Vec<_>>()[..] {
        ["logits", _, tensor] => format!("fc.{tensor}"),
        [unit, of, tensor] => format!("{}.{}.{tensor}", part(unit), layer(of)),
        [block, of_block, of, tensor] => {
            format!("{}.{}.{}.{tensor}", part(block), branch(of_block), layer(of))
        }
        _ => name.into(),
    }
}

/// A part of the trunk.
fn part(part: &str) -> &str {
    match part {
        "Conv3d_1a_7x7" => "conv1",
        "Conv3d_2b_1x1" => "conv2",
        "Conv3d_2c_3x3" => "conv3",
        "Mixed_3b" => "inception3a",
        "Mixed_3c" => "inception3b",
        "Mixed_4b" => "inception4a",
        "Mixed_4c" => "inception4b",
        "Mixed_4d" => "inception4c",
        "Mixed_4e" => "inception4d",
        "Mixed_4f" => "inception4e",
        "Mixed_5b" => "inception5a",
        "Mixed_5c" => "inception5b",
        other => other,
    }
}

/// A unit of a block.
fn branch(branch: &str) -> &str {
    match branch {
        "b0" => "branch1",
        "b1a" => "branch2.0",
        "b1b" => "branch2.1",
        "b2a" => "branch3.0",
        "b2b" => "branch3.1",
        "b3b" => "branch4.1",
        other => other,
    }
}
