//! Names of the same weights in other releases: from a name of ours to theirs.

/// ir-CSN as pytorchvideo has it (`create_csn`). Its batch norms add 1e-5 to the variance, the authors' and ours 1e-3.
///
/// ```
/// use marey_channel_separated::keys::pytorchvideo;
/// assert_eq!(pytorchvideo("stem.0.weight"), "blocks.0.conv.weight");
/// assert_eq!(pytorchvideo("layer2.0.conv2.1.bias"), "blocks.2.res_blocks.0.branch2.norm_b.bias");
/// assert_eq!(pytorchvideo("layer2.0.downsample.0.weight"), "blocks.2.res_blocks.0.branch1_conv.weight");
/// assert_eq!(pytorchvideo("fc.weight"), "blocks.5.proj.weight");
/// ```
pub fn pytorchvideo(name: &str) -> String {
    let kind = |layer: &str| if layer == "0" { "conv" } else { "norm" };
    match name.split('.').collect::<Vec<_>>()[..] {
        ["fc", tensor] => format!("blocks.5.proj.{tensor}"),
        ["stem", layer, tensor] => format!("blocks.0.{}.{tensor}", kind(layer)),
        [stage, block, unit, layer, tensor] => {
            let block = format!("blocks.{}.res_blocks.{block}", stage.replace("layer", ""));
            let kind = kind(layer);
            match unit {
                "conv1" => format!("{block}.branch2.{kind}_a.{tensor}"),
                "conv2" => format!("{block}.branch2.{kind}_b.{tensor}"),
                "conv3" => format!("{block}.branch2.{kind}_c.{tensor}"),
                _ => format!("{block}.branch1_{kind}.{tensor}"),
            }
        }
        _ => name.into(),
    }
}

/// ir-CSN as mmaction2 has it (`ResNet3dCSN`).
///
/// ```
/// use marey_channel_separated::keys::mmaction2_ir;
/// assert_eq!(mmaction2_ir("stem.0.weight"), "backbone.conv1.conv.weight");
/// assert_eq!(mmaction2_ir("layer1.0.conv2.0.weight"), "backbone.layer1.0.conv2.0.conv.weight");
/// assert_eq!(mmaction2_ir("layer1.0.conv2.1.bias"), "backbone.layer1.0.conv2.0.bn.bias");
/// assert_eq!(mmaction2_ir("fc.bias"), "cls_head.fc_cls.bias");
/// ```
pub fn mmaction2_ir(name: &str) -> String {
    mmaction2(name, "0")
}

/// ip-CSN as mmaction2 has it.
///
/// ```
/// use marey_channel_separated::keys::mmaction2_ip;
/// assert_eq!(mmaction2_ip("layer1.0.conv2.0.0.weight"), "backbone.layer1.0.conv2.0.conv.weight");
/// assert_eq!(mmaction2_ip("layer1.0.conv2.0.1.bias"), "backbone.layer1.0.conv2.0.bn.bias");
/// assert_eq!(mmaction2_ip("layer1.0.conv2.0.2.weight"), "backbone.layer1.0.conv2.1.conv.weight");
/// assert_eq!(mmaction2_ip("layer1.0.conv2.1.bias"), "backbone.layer1.0.conv2.1.bn.bias");
/// ```
pub fn mmaction2_ip(name: &str) -> String {
    mmaction2(name, "1")
}

/// `depthwise` is the place of the depthwise convolution among those in the middle of a block.
fn mmaction2(name: &str, depthwise: &str) -> String {
    let kind = |layer: &str| if layer == "0" { "conv" } else { "bn" };
    match name.split('.').collect::<Vec<_>>()[..] {
        ["fc", tensor] => format!("cls_head.fc_cls.{tensor}"),
        ["stem", layer, tensor] => format!("backbone.conv1.{}.{tensor}", kind(layer)),
        [stage, block, "conv2", "0", "2", tensor] => {
            format!("backbone.{stage}.{block}.conv2.{depthwise}.conv.{tensor}")
        }
        [stage, block, "conv2", "0", layer, tensor] => {
            format!("backbone.{stage}.{block}.conv2.0.{}.{tensor}", kind(layer))
        }
        [stage, block, "conv2", layer, tensor] => {
            format!("backbone.{stage}.{block}.conv2.{depthwise}.{}.{tensor}", kind(layer))
        }
        [stage, block, unit, layer, tensor] => {
            format!("backbone.{stage}.{block}.{unit}.{}.{tensor}", kind(layer))
        }
        _ => format!("backbone.{name}"),
    }
}
