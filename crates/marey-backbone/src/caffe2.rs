//! Names of the weights of [`VideoResNet`](crate::VideoResNet) as its authors' code in Caffe2 numbers them.
//!
//! Reference: `r3d_model.py` and `builder/video_model.py` of facebookresearch/VMZ. Blocks are counted through all stages, and
//! the convolutions of a block from 1.

/// The names of one network, which depend on its stem, its blocks and its classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caffe2 {
    /// Blocks of each stage.
    blocks: [usize; 4],
    /// Whether the stem is taken apart into space and time.
    separated: bool,
    /// Whether the middle convolution of a block is depthwise and alone: it is counted twice.
    depthwise: bool,
    classes: usize,
}

impl Caffe2 {
    /// Those of the network with these tensors: our names, and their shapes.
    ///
    /// ```
    /// use marey_backbone::Caffe2;
    /// let tensors = [
    ///     ("stem.0.weight", &[64, 3, 3, 7, 7][..]),
    ///     ("layer1.0.conv1.0.weight", &[64, 64, 3, 3, 3]),
    ///     ("layer1.1.conv1.0.weight", &[64, 64, 3, 3, 3]),
    ///     ("layer2.0.conv1.1.running_var", &[128]),
    ///     ("fc.bias", &[400]),
    /// ];
    /// let names = Caffe2::of(tensors);
    /// assert_eq!(names.name("stem.0.weight"), "conv1_w");
    /// assert_eq!(names.name("layer1.1.conv1.0.weight"), "comp_1_conv_1_w");
    /// assert_eq!(names.name("layer2.0.conv1.1.running_var"), "comp_2_spatbn_1_riv");
    /// assert_eq!(names.name("fc.bias"), "last_out_L400_b");
    /// ```
    pub fn of<'a>(tensors: impl IntoIterator<Item = (&'a str, &'a [usize])>) -> Self {
        let mut names = Self::default();
        for (name, shape) in tensors {
            match name.split('.').collect::<Vec<_>>()[..] {
                ["stem", "3", _] => names.separated = true,
                ["fc", _] => names.classes = shape.first().copied().unwrap_or(0),
                [layer, block, ref rest @ ..] => {
                    if let (Some(stage), Ok(block)) = (stage(layer), block.parse::<usize>()) {
                        names.blocks[stage] = names.blocks[stage].max(block + 1);
                    }
                    // Only bottlenecks have a kernel of three frames that sees one channel.
                    names.depthwise |= *rest == ["conv2", "0", "weight"]
                        && matches!(shape, [out, 1, 3, ..] if *out > 1);
                }
                _ => {}
            }
        }
        names
    }

    /// Their name of our tensor.
    pub fn name(&self, ours: &str) -> String {
        let parts: Vec<&str> = ours.split('.').collect();
        let (&tensor, path) = parts.split_last().unwrap_or((&"", &[]));
        let blob = match *path {
            ["fc"] => format!("last_out_L{}", self.classes),
            ["stem", "0"] if self.separated => "conv1_middle".into(),
            ["stem", "1"] if self.separated => "conv1_middle_spatbn_relu".into(),
            ["stem", "0" | "3"] => "conv1".into(),
            ["stem", _] => "conv1_spatbn_relu".into(),
            [layer, block, ref rest @ ..] => match (stage(layer), block.parse::<usize>()) {
                (Some(stage), Ok(block)) => {
                    let comp = self.blocks[..stage].iter().sum::<usize>() + block;
                    self.in_block(comp, rest).unwrap_or_else(|| ours.into())
                }
                _ => ours.into(),
            },
            _ => ours.into(),
        };
        let suffix = match tensor {
            "weight" if blob.contains("spatbn") => "s",
            "weight" => "w",
            "bias" => "b",
            "running_mean" => "rm",
            // Called an inverse, but the variance itself.
            "running_var" => "riv",
            other => other,
        };
        format!("{blob}_{suffix}")
    }

    fn in_block(&self, comp: usize, path: &[&str]) -> Option<String> {
        let number = |conv: &str| -> Option<usize> {
            let number: usize = conv.strip_prefix("conv")?.parse().ok()?;
            Some(number + usize::from(self.depthwise && number > 1))
        };
        Some(match *path {
            ["downsample", "0"] => format!("shortcut_projection_{comp}"),
            ["downsample", _] => format!("shortcut_projection_{comp}_spatbn"),
            [conv, "1"] => format!("comp_{comp}_spatbn_{}", number(conv)?),
            // A convolution taken apart: its first half, the batch norm between, and the second half.
            [conv, "0", "0"] => format!("comp_{comp}_conv_{}_middle", number(conv)?),
            [conv, "0", "1"] => format!("comp_{comp}_spatbn_{}_middle", number(conv)?),
            [conv, "0", ..] => format!("comp_{comp}_conv_{}", number(conv)?),
            _ => return None,
        })
    }
}

/// The place of `layer1` to `layer4`.
fn stage(layer: &str) -> Option<usize> {
    let number: usize = layer.strip_prefix("layer")?.parse().ok()?;
    (1..=4).contains(&number).then(|| number - 1)
}
