"""Inception-v1 over clips, with its convolutions left open."""
import math
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import relu
from .common import CLASSES


def same(x, kernel, stride, fill):
    """TensorFlow's SAME padding: ceil(size / stride) outputs, the odd cell at the end."""
    pads = []
    for size, k, s in reversed(list(zip(x.shape[2:], kernel, stride))):
        total = max((math.ceil(size / s) - 1) * s + k - size, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads, value=fill)


def same_pool(x, kernel, stride):
    return F.max_pool3d(same(x, kernel, stride, -math.inf), kernel, stride)


class Unit(nn.Module):
    def __init__(self, c_in, c_out, kernel=1, stride=1, time=None):
        super().__init__()
        self.kernel, self.stride = (time or kernel, kernel, kernel), (stride,) * 3
        self.conv3d = nn.Conv3d(c_in, c_out, self.kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(c_out, eps=1e-3)

    def forward(self, x):
        return relu(self.bn(self.conv3d(same(x, self.kernel, self.stride, 0.0))))


class Slim(Unit):
    """Space, then time, in the authors' code of S3D: tensorflow/models, research/slim/nets/i3d_utils.py."""

    def __init__(self, c_in, c_out, kernel=1, stride=1):
        super().__init__(c_in, c_out, kernel, stride, time=1)
        self.stride = (1 if kernel > 1 else stride, stride, stride)
        self.conv3d.stride, self.over = self.stride, ((kernel, 1, 1), (stride, 1, 1))
        if kernel > 1: self.temporal = nn.Conv3d(c_out, c_out, *self.over)

    def forward(self, x):
        x = super().forward(x)
        return relu(self.temporal(same(x, *self.over, 0.0))) if hasattr(self, "temporal") else x


def flat(c_in, c_out, kernel=1, stride=1):
    return Unit(c_in, c_out, kernel, stride, time=1)


def through(gate, x):
    """Xie et al., ECCV 2018, section 3.4."""
    return x * torch.sigmoid(gate(x.mean((2, 3, 4))))[:, :, None, None, None]


class Mixed(nn.Module):
    def __init__(self, unit, gates, c_in, b0, b1a, b1b, b2a, b2b, b3b):
        super().__init__()
        self.b0 = unit(c_in, b0)
        self.b1a, self.b1b = unit(c_in, b1a), unit(b1a, b1b, 3)
        self.b2a, self.b2b = unit(c_in, b2a), unit(b2a, b2b, 3)
        self.b3b = unit(c_in, b3b)
        self.gates = gates
        if gates:
            for i, c in enumerate((b0, b1b, b2b, b3b)): self.add_module(f"gate_b{i}", nn.Linear(c, c, bias=False))

    def forward(self, x):
        pooled = same_pool(x, (3, 3, 3), (1, 1, 1))
        all = [self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(pooled)]
        if self.gates: all = [through(getattr(self, f"gate_b{i}"), x) for i, x in enumerate(all)]
        return torch.cat(all, 1)


class I3d(nn.Module):
    """Carreira and Zisserman, CVPR 2017, figure 3, with pytorch-i3d's names. The last average is over 2 frames and 7 x 7
    cells, or over all there is of smaller maps. `unit` says of a part, by its name, what its convolutions are."""

    MIXED = {
        "3b": (64, 96, 128, 16, 32, 32), "3c": (128, 128, 192, 32, 96, 64),
        "4b": (192, 96, 208, 16, 48, 64), "4c": (160, 112, 224, 24, 64, 64), "4d": (128, 128, 256, 24, 64, 64),
        "4e": (112, 144, 288, 32, 64, 64), "4f": (256, 160, 320, 32, 128, 128),
        "5b": (256, 160, 320, 32, 128, 128), "5c": (384, 192, 384, 48, 128, 128),
    }

    def __init__(self, unit=lambda part: Unit, gates=False, c_in=3, classifier=True):
        super().__init__()
        self.Conv3d_1a_7x7 = unit("1a")(c_in, 64, 7, 2)
        self.Conv3d_2b_1x1, self.Conv3d_2c_3x3 = unit("2b")(64, 64), unit("2c")(64, 192, 3)
        self.gate = nn.Linear(192, 192, bias=False) if gates else None
        channels = 192
        for name, widths in self.MIXED.items():
            self.add_module(f"Mixed_{name}", Mixed(unit(name), gates, channels, *widths))
            channels = widths[0] + widths[2] + widths[4] + widths[5]
        if classifier:
            self.logits = nn.Module()
            self.logits.conv3d = nn.Conv3d(channels, CLASSES, 1)

    def maps(self, x):
        x = same_pool(self.Conv3d_1a_7x7(x), (1, 3, 3), (1, 2, 2))
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x))
        if self.gate: x = through(self.gate, x)
        x = same_pool(x, (1, 3, 3), (1, 2, 2))
        for name in self.MIXED:
            if name == "4b": x = same_pool(x, (3, 3, 3), (2, 2, 2))
            if name == "5b": x = same_pool(x, (2, 2, 2), (2, 2, 2))
            x = getattr(self, f"Mixed_{name}")(x)
        return x

    def forward(self, x):
        x = self.maps(x)
        _, _, t, h, w = x.shape
        x = F.avg_pool3d(x, (min(t, 2), min(h, 7), min(w, 7)), 1)
        return self.logits.conv3d(x).mean((2, 3, 4)), x.mean((2, 3, 4))
