"""Writes the golden files: what PyTorch computes for every network of the zoo from formula weights.

    python make.py FOLDER [NAME..]

needs torch, torchvision, numpy and safetensors. Weights are a formula of their names (`values`, as in `support.rs`), so a
file holds none: only the input's shape and scale, the logits and features in f64 arithmetic, and the reference's list of
tensors. R3D, MC3, R(2+1)D and S3D are torchvision's; the others are written here from their papers.
"""
import math, sys
import numpy as np
import torch
import torchvision
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import relu
from torchvision.models.video import resnet as tv
from torchvision.models.video.s3d import SepInceptionBlock3D

CLASSES = 10


def noise(name, count):
    """Numbers in [-1, 1), multiples of 2^-23: SplitMix64 from the FNV-1a hash of the name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64(state) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def values(name, shape):
    w = noise(name, math.prod(shape))
    last = name.rsplit(".", 1)[-1]
    if last == "running_var": w = 1 + 0.5 * w * w
    elif last == "weight" and len(shape) == 1: w = 1 + 0.1 * w
    elif last == "weight": w = w * math.sqrt(6 / math.prod(shape[1:]))  # He et al. 2015: the variance is 2 / fan-in
    else: w = 0.1 * w
    return torch.from_numpy(w.astype(np.float32).reshape(shape))


class Spatial(nn.Module):
    """CNN-M-2048 on the middle frame. Chatfield et al., BMVC 2014, table 1, with the paddings that give the maps
    109, 54, 26, 13, 13, 6; AlexNet's normalisation (k 2, n 5, alpha 1e-4, beta 0.75), whose sum torch divides by n."""

    def __init__(self, side):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 96, 7, 2)
        self.conv2 = nn.Conv2d(96, 256, 5, 2, 1)
        self.conv3, self.conv4, self.conv5 = (nn.Conv2d(c, 512, 3, padding=1) for c in (256, 512, 512))
        self.fc6, self.fc7, self.fc8 = nn.Linear(512 * side * side, 4096), nn.Linear(4096, 2048), nn.Linear(2048, CLASSES)

    def forward(self, x):
        norm = lambda x: F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)
        pool = lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = x[:, :, x.shape[2] // 2]
        x = pool(norm(relu(self.conv1(x))))
        x = pool(norm(relu(self.conv2(x))))
        x = pool(relu(self.conv5(relu(self.conv4(relu(self.conv3(x)))))))
        x = relu(self.fc7(relu(self.fc6(x.flatten(1)))))
        return self.fc8(x), x


class C3d(nn.Module):
    """Tran et al., ICCV 2015, figure 3; the last pooling reaches beyond the end, as in the released Caffe network."""

    def __init__(self, cells):
        super().__init__()
        conv = lambda c_in, c_out: nn.Conv3d(c_in, c_out, 3, padding=1)
        self.conv1, self.conv2 = conv(3, 64), conv(64, 128)
        self.conv3a, self.conv3b = conv(128, 256), conv(256, 256)
        self.conv4a, self.conv4b = conv(256, 512), conv(512, 512)
        self.conv5a, self.conv5b = conv(512, 512), conv(512, 512)
        self.fc6, self.fc7, self.fc8 = nn.Linear(512 * cells, 4096), nn.Linear(4096, 4096), nn.Linear(4096, CLASSES)

    def forward(self, x):
        x = F.max_pool3d(relu(self.conv1(x)), (1, 2, 2))
        x = F.max_pool3d(relu(self.conv2(x)), 2)
        x = F.max_pool3d(relu(self.conv3b(relu(self.conv3a(x)))), 2)
        x = F.max_pool3d(relu(self.conv4b(relu(self.conv4a(x)))), 2)
        x = F.max_pool3d(relu(self.conv5b(relu(self.conv5a(x)))), 2, ceil_mode=True)
        fc6 = relu(self.fc6(x.flatten(1)))
        return self.fc8(relu(self.fc7(fc6))), fc6


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

    def __init__(self, unit=lambda part: Unit, gates=False):
        super().__init__()
        self.Conv3d_1a_7x7 = unit("1a")(3, 64, 7, 2)
        self.Conv3d_2b_1x1, self.Conv3d_2c_3x3 = unit("2b")(64, 64), unit("2c")(64, 192, 3)
        self.gate = nn.Linear(192, 192, bias=False) if gates else None
        channels = 192
        for name, widths in self.MIXED.items():
            self.add_module(f"Mixed_{name}", Mixed(unit(name), gates, channels, *widths))
            channels = widths[0] + widths[2] + widths[4] + widths[5]
        self.logits = nn.Module()
        self.logits.conv3d = nn.Conv3d(channels, CLASSES, 1)

    def forward(self, x):
        x = same_pool(self.Conv3d_1a_7x7(x), (1, 3, 3), (1, 2, 2))
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x))
        if self.gate: x = through(self.gate, x)
        x = same_pool(x, (1, 3, 3), (1, 2, 2))
        for name in self.MIXED:
            if name == "4b": x = same_pool(x, (3, 3, 3), (2, 2, 2))
            if name == "5b": x = same_pool(x, (2, 2, 2), (2, 2, 2))
            x = getattr(self, f"Mixed_{name}")(x)
        _, _, t, h, w = x.shape
        x = F.avg_pool3d(x, (min(t, 2), min(h, 7), min(w, 7)), 1)
        return self.logits.conv3d(x).mean((2, 3, 4)), x.mean((2, 3, 4))


class Torchvision(nn.Module):
    """A network of torchvision, and the mean before its classifier."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        features = []
        hook = self.net.avgpool.register_forward_hook(lambda _, __, out: features.append(out.flatten(1)))
        logits = self.net(x)
        hook.remove()
        return logits, features[0]


class S3d(nn.Module):
    """torchvision's s3d, whose last average is over 2 frames and 7 x 7 cells, or over all there is of smaller maps."""

    def __init__(self):
        super().__init__()
        self.net = torchvision.models.video.s3d(num_classes=CLASSES)

    def forward(self, x):
        x = self.net.features(x)
        _, _, t, h, w = x.shape
        x = F.avg_pool3d(x, (min(t, 2), min(h, 7), min(w, 7)), 1)
        return self.net.classifier(x).mean((2, 3, 4)), x.mean((2, 3, 4))


class S3dG(S3d):
    """With gates behind the third convolution and each branch. Xie et al., ECCV 2018, section 3.4."""

    def __init__(self):
        super().__init__()
        gate = lambda c: nn.ModuleDict({"fc": nn.Linear(c, c)})
        self.net.gating = gate(192)
        self.net.features[3].register_forward_hook(lambda _, __, x: through(self.net.gating["fc"], x))
        for block in self.net.features:
            if not isinstance(block, SepInceptionBlock3D): continue
            for i in range(4):
                branch = getattr(block, f"branch{i}")
                block.add_module(f"gating_b{i}", gate([m for m in branch.modules() if isinstance(m, nn.BatchNorm3d)][-1].num_features))
                branch.register_forward_hook(lambda _, __, x, block=block, i=i: through(getattr(block, f"gating_b{i}")["fc"], x))


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


class Own(tv.Conv2Plus1D):
    """R(2+1)D's convolution with middle channels of its own. Tran et al., CVPR 2018, section 3.5."""

    def __init__(self, c_in, c_out, _=None, stride=1, padding=1):
        super().__init__(c_in, c_out, 3 * 9 * c_in * c_out // (9 * c_in + 3 * c_out), stride, padding)


class Narrow(tv.Bottleneck):
    """The bottleneck of CSN's 26 layers."""
    expansion = 1


def flat_stem(frames=1):
    """A first convolution that sees single frames, or all of the clip at once."""
    return lambda: nn.Sequential(
        nn.Conv3d(3, 64, (frames, 7, 7), (1, 2, 2), (0, 3, 3), bias=False), nn.BatchNorm3d(64), nn.ReLU())


DEPTHS = {18: (tv.BasicBlock, [2, 2, 2, 2]), 26: (Narrow, [2, 2, 2, 2]), 34: (tv.BasicBlock, [3, 4, 6, 3]),
          50: (tv.Bottleneck, [3, 4, 6, 3]), 101: (tv.Bottleneck, [3, 4, 23, 3]), 152: (tv.Bottleneck, [3, 8, 36, 3])}


def residual(depth, convs, stem=tv.BasicStem, pool=False):
    """torchvision's VideoResNet with the epsilon of the authors' code, and the pooling that some of their stems have."""
    block, blocks = DEPTHS[depth]
    net = tv.VideoResNet(block, convs if isinstance(convs, list) else [convs] * 4, blocks, stem, num_classes=CLASSES)
    if pool: net.stem.add_module("pool", nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1)))
    for module in net.modules():
        if isinstance(module, nn.BatchNorm3d): module.eps = 1e-3
    return Torchvision(net)


def r3d_34():
    return tv.VideoResNet(tv.BasicBlock, [tv.Conv3DSimple] * 4, [3, 4, 6, 3], tv.BasicStem, num_classes=CLASSES)


# Odd sizes, so that each stride, padding and ceiling counts; the scale makes the response normalisation count.
RESNET = ((2, 3, 7, 30, 38), 1.0)
MODELS = {
    "spatial": (lambda: Spatial(3), (2, 3, 4, 112, 112), 30.0),
    "c3d": (lambda: C3d(1 * 2 * 3), (2, 3, 8, 48, 80), 1.0),
    "i3d": (I3d, (2, 3, 21, 70, 86), 1.0),
    "r3d-18": (lambda: Torchvision(tv.r3d_18(num_classes=CLASSES)), *RESNET),
    "r3d-34": (lambda: Torchvision(r3d_34()), *RESNET),
    "mc3-18": (lambda: Torchvision(tv.mc3_18(num_classes=CLASSES)), *RESNET),
    "r2plus1d-18": (lambda: Torchvision(tv.r2plus1d_18(num_classes=CLASSES)), *RESNET),
    "s3d": (S3d, (2, 3, 21, 70, 86), 1.0),
    "s3d-g": (S3dG, (2, 3, 21, 70, 86), 1.0),
    "s3d-slim": (lambda: I3d(lambda part: Unit if part == "1a" else Slim), (2, 3, 21, 70, 86), 1.0),
    "s3d-g-slim": (lambda: I3d(lambda part: Unit if part == "1a" else Slim, gates=True), (2, 3, 21, 70, 86), 1.0),
    "i2d": (lambda: I3d(lambda part: flat), (2, 3, 21, 70, 86), 1.0),
    "i3d-bottom-heavy": (lambda: I3d(lambda part: Unit if part < "4" else flat), (2, 3, 21, 70, 86), 1.0),
    "i3d-top-heavy": (lambda: I3d(lambda part: flat if part < "4" else Unit), (2, 3, 21, 70, 86), 1.0),
    "r2d-18": (lambda: residual(18, tv.Conv3DNoTemporal, flat_stem(7)), *RESNET),
    "fr2d-18": (lambda: residual(18, tv.Conv3DNoTemporal, flat_stem()), *RESNET),
    "r2plus1d-18-vmz": (lambda: residual(18, Own, tv.R2Plus1dStem), *RESNET),
    "r2plus1d-34": (lambda: residual(34, Own, tv.R2Plus1dStem), *RESNET),
    "r2plus1d-152": (lambda: residual(152, Own, tv.R2Plus1dStem), *RESNET),
} | {
    f"mc{x}-18": (lambda x=x: residual(18, [tv.Conv3DSimple] * (x - 2) + [tv.Conv3DNoTemporal] * (6 - x)), *RESNET)
    for x in (2, 4, 5)
} | {
    f"rmc{x}-18": (lambda x=x: residual(18, [tv.Conv3DNoTemporal] * (x - 2) + [tv.Conv3DSimple] * (6 - x), flat_stem()), *RESNET)
    for x in (2, 3, 4, 5)
} | {
    f"{kind}-{depth}": (lambda conv=conv, depth=depth: residual(depth, conv, pool=True), (2, 3, 7, 54, 70), 1.0)
    for kind, conv in (("ir-csn", Depthwise), ("ip-csn", Preserved), ("resnet3d", tv.Conv3DSimple))
    for depth in (26, 50, 101, 152)
}


def make(name, folder):
    build, dims, scale = MODELS[name]
    torch.manual_seed(0)
    net = build().eval()
    inner = net.net if isinstance(net, (Torchvision, S3d)) else net
    state = {k: v for k, v in inner.state_dict().items() if not k.endswith("num_batches_tracked")}
    inner.load_state_dict({k: values(k, tuple(v.shape)) for k, v in state.items()}, strict=False)
    net.double()
    clip = torch.from_numpy((noise("clip", math.prod(dims)) * scale).astype(np.float32).reshape(dims))
    with torch.no_grad():
        logits, features = net(clip.double())
    # A convolution over an image is kept as one over a clip, with a kernel of one frame.
    shape = lambda v: [*v.shape[:2], 1, *v.shape[2:]] if v.ndim == 4 else list(v.shape)
    tensors = "\n".join(sorted(f"{k} {shape(v)}" for k, v in state.items()))
    save_file({
        "input": torch.tensor(dims),
        "scale": torch.tensor([scale]),
        "logits": logits.float().contiguous(),
        "features": features.float().contiguous(),
        "tensors": torch.tensor(list(tensors.encode()), dtype=torch.uint8),
    }, f"{folder}/{name}.safetensors")
    print(f"{name:12} {len(state)} tensors, logits {logits.abs().max():.3g} at most, of deviation {logits.std(1).tolist()}, "
          f"features {features.abs().mean():.3g}, alive {(features > 0).double().mean():.2f}, "
          f"the two clips differ by {(logits[0] - logits[1]).abs().max():.3g}")


if __name__ == "__main__":
    for name in sys.argv[2:] or MODELS:
        make(name, sys.argv[1])
