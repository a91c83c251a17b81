"""Networks whose kernels are taken apart into space and time."""
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torch.nn.functional import relu
from torchvision.models.video import resnet as tv
from torchvision.models.video.s3d import SepInceptionBlock3D
from .common import CLASSES
from .inception import I3d, Slim, Unit, flat, through
from .residual import CLIP, Torchvision, flat_stem, residual


class S3d(nn.Module):
    """torchvision's s3d, whose last average is over 2 frames and 7 x 7 cells, or over all there is of smaller maps."""

    def __init__(self):
        super().__init__()
        self.inner = torchvision.models.video.s3d(num_classes=CLASSES)

    def forward(self, x):
        x = self.inner.features(x)
        _, _, t, h, w = x.shape
        x = F.avg_pool3d(x, (min(t, 2), min(h, 7), min(w, 7)), 1)
        return self.inner.classifier(x).mean((2, 3, 4)), x.mean((2, 3, 4))


class S3dG(S3d):
    """With gates behind the third convolution and each branch. Xie et al., ECCV 2018, section 3.4."""

    def __init__(self):
        super().__init__()
        gate = lambda c: nn.ModuleDict({"fc": nn.Linear(c, c)})
        self.inner.gating = gate(192)
        self.inner.features[3].register_forward_hook(lambda _, __, x: through(self.inner.gating["fc"], x))
        for block in self.inner.features:
            if not isinstance(block, SepInceptionBlock3D): continue
            for i in range(4):
                branch = getattr(block, f"branch{i}")
                block.add_module(f"gating_b{i}", gate([m for m in branch.modules() if isinstance(m, nn.BatchNorm3d)][-1].num_features))
                branch.register_forward_hook(lambda _, __, x, block=block, i=i: through(getattr(block, f"gating_b{i}")["fc"], x))


def three(c_in, c_out, kernel=1, stride=1):
    """The first convolution of S3D in its authors' code, by default."""
    return Unit(c_in, c_out, kernel, stride, time=3)


class Own(tv.Conv2Plus1D):
    """R(2+1)D's convolution with middle channels of its own. Tran et al., CVPR 2018, section 3.5."""

    def __init__(self, c_in, c_out, _=None, stride=1, padding=1):
        super().__init__(c_in, c_out, 3 * 9 * c_in * c_out // (9 * c_in + 3 * c_out), stride, padding)


class PseudoBlock(nn.Module):
    """Qiu et al., ICCV 2017, figure 3. `kind` says how space and time meet, "" that there is space alone."""

    def __init__(self, c_in, planes, stride, kind):
        super().__init__()
        conv = lambda c_in, c_out, *rest: nn.Conv3d(c_in, c_out, *rest, bias=False)
        self.kind, stride = kind, (1, stride, stride)
        self.conv1, self.bn1 = conv(c_in, planes, 1, stride), nn.BatchNorm3d(planes)
        if kind:
            self.conv2, self.bn2 = conv(planes, planes, (1, 3, 3), 1, (0, 1, 1)), nn.BatchNorm3d(planes)
            self.conv3, self.bn3 = conv(planes, planes, (3, 1, 1), 1, (1, 0, 0)), nn.BatchNorm3d(planes)
        else:
            self.conv_normal, self.bn_normal = conv(planes, planes, (1, 3, 3), 1, (0, 1, 1)), nn.BatchNorm3d(planes)
        self.conv4, self.bn4 = conv(planes, 4 * planes, 1), nn.BatchNorm3d(4 * planes)
        self.downsample = nn.Sequential(conv(c_in, 4 * planes, 1, stride), nn.BatchNorm3d(4 * planes)) \
            if c_in != 4 * planes else nn.Identity()

    def forward(self, x):
        space = lambda x: relu(self.bn2(self.conv2(x)))
        time = lambda x: self.bn3(self.conv3(x))
        y = relu(self.bn1(self.conv1(x)))
        if self.kind == "a": y = relu(time(space(y)))
        elif self.kind == "b": y = relu(space(y) + time(y))
        elif self.kind == "c": y = relu(0.5 * space(y) + 0.5 * time(space(y)))
        else: y = relu(self.bn_normal(self.conv_normal(y)))
        return relu(self.downsample(x) + self.bn4(self.conv4(y)))


class P3d(nn.Module):
    """The authors' definition for Caffe, whose poolings reach beyond the end; time is halved four times by them alone."""

    def __init__(self, depths, kinds):
        super().__init__()
        self.conv1_custom = nn.Conv3d(3, 64, (1, 7, 7), (1, 2, 2), (0, 3, 3), bias=False)
        self.bn1 = nn.BatchNorm3d(64)
        channels, count = 64, 0
        for i, depth in enumerate(depths):
            blocks = []
            for j in range(depth):
                kind = "" if i == 3 else kinds[count % len(kinds)]
                blocks.append(PseudoBlock(channels, 64 << i, 2 if i > 0 and j == 0 else 1, kind))
                channels, count = 256 << i, count + 1
            self.add_module(f"layer{i + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, CLASSES)

    def forward(self, x):
        x = F.max_pool3d(relu(self.bn1(self.conv1_custom(x))), (2, 3, 3), 2, ceil_mode=True)
        for layer in (self.layer1, self.layer2, self.layer3):
            x = F.max_pool3d(layer(x), (2, 1, 1), (2, 1, 1), ceil_mode=True)
        x = self.layer4(x).mean((2, 3, 4))
        return self.fc(x), x


MODELS = {
    "mc3-18": (lambda: Torchvision(tv.mc3_18(num_classes=CLASSES)), *CLIP),
    "r2plus1d-18": (lambda: Torchvision(tv.r2plus1d_18(num_classes=CLASSES)), *CLIP),
    "s3d": (S3d, (2, 3, 21, 70, 86), 1.0),
    "s3d-g": (S3dG, (2, 3, 21, 70, 86), 1.0),
    "s3d-slim": (lambda: I3d(lambda part: Unit if part == "1a" else Slim), (2, 3, 21, 70, 86), 1.0),
    "s3d-g-slim": (lambda: I3d(lambda part: Unit if part == "1a" else Slim, gates=True), (2, 3, 21, 70, 86), 1.0),
    "s3d-slim-3": (lambda: I3d(lambda part: three if part == "1a" else Slim), (2, 3, 21, 70, 86), 1.0),
    "s3d-g-slim-3": (lambda: I3d(lambda part: three if part == "1a" else Slim, gates=True), (2, 3, 21, 70, 86), 1.0),
    "i2d": (lambda: I3d(lambda part: flat), (2, 3, 21, 70, 86), 1.0),
    "i3d-bottom-heavy": (lambda: I3d(lambda part: Unit if part < "4" else flat), (2, 3, 21, 70, 86), 1.0),
    "i3d-top-heavy": (lambda: I3d(lambda part: flat if part < "4" else Unit), (2, 3, 21, 70, 86), 1.0),
    "r2d-18": (lambda: residual(18, tv.Conv3DNoTemporal, flat_stem(7)), *CLIP),
    "fr2d-18": (lambda: residual(18, tv.Conv3DNoTemporal, flat_stem()), *CLIP),
    "r2plus1d-18-vmz": (lambda: residual(18, Own, tv.R2Plus1dStem), *CLIP),
    "r2plus1d-34": (lambda: residual(34, Own, tv.R2Plus1dStem), *CLIP),
    "r2plus1d-152": (lambda: residual(152, Own, tv.R2Plus1dStem), *CLIP),
} | {
    f"mc{x}-18": (lambda x=x: residual(18, [tv.Conv3DSimple] * (x - 2) + [tv.Conv3DNoTemporal] * (6 - x)), *CLIP)
    for x in (2, 4, 5)
} | {
    f"rmc{x}-18": (lambda x=x: residual(18, [tv.Conv3DNoTemporal] * (x - 2) + [tv.Conv3DSimple] * (6 - x), flat_stem()), *CLIP)
    for x in (2, 3, 4, 5)
} | {
    # 17 frames leave two for the last stage.
    f"p3d-{name}": (lambda depths=depths, kinds=kinds: P3d(depths, kinds), (2, 3, 17, 62, 86), 1.0)
    for name, depths, kinds in (
        ("a-50", (3, 4, 6, 3), "a"), ("b-50", (3, 4, 6, 3), "b"), ("c-50", (3, 4, 6, 3), "c"),
        ("63", (3, 4, 6, 3), "abc"), ("199", (3, 8, 36, 3), "abc"))
}
