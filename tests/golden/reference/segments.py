"""Temporal segment networks: Wang et al., ECCV 2016, with the BN-Inception of their definition for Caffe."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import relu
from .common import CLASSES

# 1x1 | 3x3 reduce -> 3x3 | double reduce -> 3x3 -> 3x3 | pool projection; two blocks halve the sides.
BLOCKS = {
    "3a": (64, 64, 64, 64, 96, 32), "3b": (64, 64, 96, 64, 96, 64), "3c": (None, 128, 160, 64, 96, None),
    "4a": (224, 64, 96, 96, 128, 128), "4b": (192, 96, 128, 96, 128, 128), "4c": (160, 128, 160, 128, 160, 128),
    "4d": (96, 128, 192, 160, 192, 128), "4e": (None, 128, 192, 192, 256, None),
    "5a": (352, 192, 320, 160, 224, 128), "5b": (352, 192, 320, 192, 224, 128),
}


class BnInception(nn.Module):
    def __init__(self, c):
        super().__init__()
        def unit(name, c_in, c_out, side=1, stride=1):
            self.add_module(name, nn.Conv2d(c_in, c_out, side, stride, side // 2))
            self.add_module(f"{name}_bn", nn.BatchNorm2d(c_out))
        unit("conv1_7x7_s2", c, 64, 7, 2)
        unit("conv2_3x3_reduce", 64, 64)
        unit("conv2_3x3", 64, 192, 3)
        c = 192
        for block, (one, a, b, d, e, proj) in BLOCKS.items():
            name, stride = f"inception_{block}", 1 if proj else 2
            if one: unit(f"{name}_1x1", c, one)
            unit(f"{name}_3x3_reduce", c, a)
            unit(f"{name}_3x3", a, b, 3, stride)
            unit(f"{name}_double_3x3_reduce", c, d)
            unit(f"{name}_double_3x3_1", d, e, 3)
            unit(f"{name}_double_3x3_2", e, e, 3, stride)
            if proj: unit(f"{name}_pool_proj", c, proj)
            c = (one or 0) + b + e + (proj or c)

    def unit(self, name, x):
        return relu(getattr(self, f"{name}_bn")(getattr(self, name)(x)))

    def forward(self, x):
        half = lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = half(self.unit("conv1_7x7_s2", x))
        x = half(self.unit("conv2_3x3", self.unit("conv2_3x3_reduce", x)))
        for block, (one, *_, proj) in BLOCKS.items():
            u = lambda part, x: self.unit(f"inception_{block}_{part}", x)
            three = u("3x3", u("3x3_reduce", x))
            double = u("double_3x3_2", u("double_3x3_1", u("double_3x3_reduce", x)))
            if one is None:
                x = torch.cat([three, double, half(x)], 1)
                continue
            pooled = F.max_pool2d(x, 3, 1, 1) if block == "5b" else F.avg_pool2d(x, 3, 1, 1)
            x = torch.cat([u("1x1", x), three, double, u("pool_proj", pooled)], 1)
        return x.mean((2, 3))


class Tsn(nn.Module):
    """The average consensus. A snippet is `frames` frames of the clip; of RGB differences the network sees one less."""

    def __init__(self, channels, frames, difference=False):
        super().__init__()
        self.base_model, self.new_fc = BnInception(channels), nn.Linear(1024, CLASSES)
        self.frames, self.difference = frames, difference

    def forward(self, clip):
        n, c, t, h, w = clip.shape
        features = []
        for first in range(0, t, self.frames):
            x = clip[:, :, first:first + self.frames]
            if self.difference: x = x[:, :, 1:] - x[:, :, :-1]
            features.append(self.base_model(x.transpose(1, 2).reshape(n, -1, h, w)))
        features = torch.stack(features)
        return self.new_fc(features).mean(0), features.mean(0)


# Sides that differ and are odd where the halving blocks allow it: their pooling reaches beyond the end, their convolutions do not.
MODELS = {
    "tsn-rgb": (lambda: Tsn(3, 1), (2, 3, 3, 70, 101), 3.0),
    "tsn-flow": (lambda: Tsn(10, 5), (2, 2, 10, 70, 101), 3.0),
    "tsn-rgb-diff": (lambda: Tsn(15, 6, difference=True), (2, 3, 12, 70, 101), 3.0),
}
