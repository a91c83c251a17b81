"""Networks whose channels are seen apart."""
from torch import nn
from torchvision.models.video import resnet as tv
from .residual import residual


class Depthwise(nn.Conv3d):
    """In the place of a 3 x 3 x 3 kernel in ir-CSN. Tran et al., ICCV 2019, section 4."""

    def __init__(self, c_in, c_out, _=None, stride=1, padding=1):
        super().__init__(c_in, c_out, 3, stride, padding, groups=c_in, bias=False)

    @staticmethod
    def get_downsample_stride(stride):
        return stride, stride, stride


class Preserved(nn.Sequential):
    """In its place in ip-CSN."""

    def __init__(self, c_in, c_out, _=None, stride=1, padding=1):
        super().__init__(nn.Conv3d(c_in, c_out, 1, bias=False), nn.BatchNorm3d(c_out), Depthwise(c_out, c_out, stride=stride))

    get_downsample_stride = Depthwise.get_downsample_stride


class Reduced:
    """In its place in simple-D: depthwise, and a 1 x 1 x 1 kernel ahead of that where the channels change. Section 3.4."""

    def __new__(cls, c_in, c_out, *rest, **named):
        return (Depthwise if c_in == c_out else Preserved)(c_in, c_out, *rest, **named)

    get_downsample_stride = Depthwise.get_downsample_stride


class Grouped(tv.Conv3DSimple):
    """In its place in simple-G and bottleneck-G."""

    def __init__(self, c_in, c_out, _=None, stride=1, padding=1):
        nn.Conv3d.__init__(self, c_in, c_out, 3, stride, padding, groups=32, bias=False)


def dg():
    """Bottleneck-DG: the 1 x 1 x 1 kernels in two groups too."""
    net = residual(50, Depthwise, pool=True)
    for block in net.modules():
        if not isinstance(block, tv.Bottleneck): continue
        for conv in (block.conv1, block.conv3):
            conv[0] = nn.Conv3d(conv[0].in_channels, conv[0].out_channels, 1, groups=2, bias=False)
    return net


MODELS = {
    f"{kind}-{depth}": (lambda conv=conv, depth=depth: residual(depth, conv, pool=True), (2, 3, 7, 54, 70), 1.0)
    for kind, conv in (("ir-csn", Depthwise), ("ip-csn", Preserved))
    for depth in (26, 50, 101, 152)
} | {
    name: (lambda conv=conv, depth=depth: residual(depth, conv, pool=True), (2, 3, 7, 54, 70), 1.0)
    for name, depth, conv in (
        ("simple-18-g", 18, Grouped), ("simple-18-d", 18, Reduced), ("ip-csn-18", 18, Preserved), ("bottleneck-50-g", 50, Grouped))
} | {
    f"{kind}-50-no-pool": (lambda conv=conv: residual(50, conv), (2, 3, 7, 30, 38), 1.0)
    for kind, conv in (("ir-csn", Depthwise), ("ip-csn", Preserved))
} | {
    "bottleneck-50-dg": (dg, (2, 3, 7, 54, 70), 1.0),
}
