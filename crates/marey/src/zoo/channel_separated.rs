//! Networks whose channels are seen apart.

use marey_backbone::Depth;
use marey_channel_separated::{bottleneck_dg, grouped, ip_csn, ir_csn};
use marey_clip::{Normalize, Recipe, Size, Window};

use super::build::resnet;
use super::dialects::{CAFFE2, IP_CSN_MMACTION2, IR_CSN_MMACTION2, PYTORCHVIDEO};
use super::{Modality, Model, Views};

/// Oldest first.
pub(super) const MODELS: &[Model] = &[
    Model {
        name: "ir-csn-26",
        dialects: &[CAFFE2, PYTORCHVIDEO, IR_CSN_MMACTION2],
        build: |sizes, vb| resnet(ir_csn(Depth::D26, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ir-csn-50",
        dialects: &[CAFFE2, PYTORCHVIDEO, IR_CSN_MMACTION2],
        build: |sizes, vb| resnet(ir_csn(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ir-csn-101",
        dialects: &[CAFFE2, PYTORCHVIDEO, IR_CSN_MMACTION2],
        build: |sizes, vb| resnet(ir_csn(Depth::D101, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ir-csn-152",
        dialects: &[CAFFE2, PYTORCHVIDEO, IR_CSN_MMACTION2],
        build: |sizes, vb| resnet(ir_csn(Depth::D152, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ip-csn-26",
        dialects: &[CAFFE2, IP_CSN_MMACTION2],
        build: |sizes, vb| resnet(ip_csn(Depth::D26, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ip-csn-50",
        dialects: &[CAFFE2, IP_CSN_MMACTION2],
        build: |sizes, vb| resnet(ip_csn(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ip-csn-101",
        dialects: &[CAFFE2, IP_CSN_MMACTION2],
        build: |sizes, vb| resnet(ip_csn(Depth::D101, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ip-csn-152",
        dialects: &[CAFFE2, IP_CSN_MMACTION2],
        build: |sizes, vb| resnet(ip_csn(Depth::D152, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "simple-18-g",
        build: |sizes, vb| {
            resnet(grouped(Depth::D18, GROUPS, sizes.c_in, sizes.classes), sizes, vb)
        },
        ..CSN
    },
    Model {
        name: "simple-18-d",
        build: |sizes, vb| resnet(ir_csn(Depth::D18, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "ip-csn-18",
        build: |sizes, vb| resnet(ip_csn(Depth::D18, sizes.c_in, sizes.classes), sizes, vb),
        ..CSN
    },
    Model {
        name: "bottleneck-50-g",
        build: |sizes, vb| {
            resnet(grouped(Depth::D50, GROUPS, sizes.c_in, sizes.classes), sizes, vb)
        },
        ..CSN
    },
    Model {
        name: "bottleneck-50-dg",
        build: |sizes, vb| {
            resnet(
                bottleneck_dg(Depth::D50, POINTWISE_GROUPS, sizes.c_in, sizes.classes),
                sizes,
                vb,
            )
        },
        ..CSN
    },
    Model {
        name: "ir-csn-50-no-pool",
        build: |sizes, vb| {
            resnet(ir_csn(Depth::D50, sizes.c_in, sizes.classes).without_pool(), sizes, vb)
        },
        ..CSN
    },
    Model {
        name: "ip-csn-50-no-pool",
        build: |sizes, vb| {
            resnet(ip_csn(Depth::D50, sizes.c_in, sizes.classes).without_pool(), sizes, vb)
        },
        ..CSN
    },
];

/// Of the 3 x 3 x 3 kernels in groups: ResNeXt's number. The paper tries several; which was not seen.
const GROUPS: usize = 32;

/// Of the 1 x 1 x 1 kernels of bottleneck-DG: the fewest. The paper's were not seen.
const POINTWISE_GROUPS: usize = 2;

/// What the channel-separated networks share: clips and views of the authors' test script.
pub(super) const CSN: Model = Model {
    name: "",
    family: "marey-channel-separated",
    paper: "Tran et al., ICCV 2019, section 4",
    year: 2019,
    classes: 400,
    modality: Modality::Rgb,
    recipe: Recipe {
        frames: 32,
        stride: 2,
        size: Size::ShortSide(256),
        crop: 224,
        normalize: Normalize::KINETICS,
    },
    views: Views { clips: 10, window: Window { length: 32, stride: 2 } },
    dialects: &[CAFFE2],
    images: &[],
    build: |sizes, vb| resnet(ir_csn(Depth::D50, sizes.c_in, sizes.classes), sizes, vb),
};
