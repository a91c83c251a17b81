"""Networks whose channels are seen apart."""
from torch import nn
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


MODELS = {
    f"{kind}-{depth}": (lambda conv=conv, depth=depth: residual(depth, conv, pool=True), (2, 3, 7, 54, 70), 1.0)
    for kind, conv in (("ir-csn", Depthwise), ("ip-csn", Preserved))
    for depth in (26, 50, 101, 152)
}
