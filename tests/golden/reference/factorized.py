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


class FstCn(nn.Module):
    """Sun et al., ICCV 2015, section 3, on the middle frame. AlexNet's normalisation (k 2, n 5, alpha 1e-4, beta 0.75), whose sum
    torch divides by n. `side` are the cells that a path's pooling leaves."""

    def __init__(self, side, frames, spatial=True, kernels=(3, 5), auxiliary=False):
        super().__init__()
        self.scl1, self.scl2 = nn.Conv2d(3, 96, 7, 2, 3), nn.Conv2d(96, 256, 5, 2, 2)
        self.scl3, self.scl4 = nn.Conv2d(256, 512, 3, 1, 1), nn.Conv2d(512, 512, 3, 1, 1)
        self.frames, self.kernels = frames, kernels
        path = lambda d_in, **more: nn.ModuleDict({"conv": nn.Conv2d(512, 128, 3, 1, 1), "fc1": nn.Linear(d_in, 4096), "fc2": nn.Linear(4096, 2048)} | more)
        if auxiliary: self.fc1, self.fc2 = nn.Linear(512 * side, 4096), nn.Linear(4096, 2048)
        if spatial: self.spatial = path(128 * side)
        if kernels:
            self.temporal = path(32 * len(kernels) * frames * 128, permute=nn.Conv2d(128, 128, 1, bias=False))
            for k in kernels: self.temporal[f"tcl{k}"] = nn.Conv2d(side, 32, k, padding=k // 2)
        self.fc = nn.Linear(2048 * (auxiliary or spatial + bool(kernels)), CLASSES)

    def shared(self, x):
        norm = lambda x: F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)
        x = F.max_pool2d(norm(relu(self.scl1(x))), 3, 2)
        x = F.max_pool2d(norm(relu(self.scl2(x))), 3, 2)
        return relu(self.scl4(relu(self.scl3(x))))

    def full(self, path, x):
        return relu(path["fc2"](relu(path["fc1"](x.flatten(1)))))

    def forward(self, x):
        features = []
        if hasattr(self, "fc1"):
            x = F.max_pool2d(self.shared(x[:, :3, 0]), 3)
            features.append(relu(self.fc2(relu(self.fc1(x.flatten(1))))))
        if hasattr(self, "spatial"):
            maps = relu(self.spatial["conv"](self.shared(x[:, :3, self.frames // 2])))
            features.append(self.full(self.spatial, F.max_pool2d(maps, 3)))
        if self.kernels:
            matrix = self.temporal["permute"].weight[:, :, 0, 0]
            maps = [F.max_pool2d(relu(self.temporal["conv"](self.shared(x[:, 3:, t]))), 3) for t in range(self.frames)]
            # Each map's places in a row, then planes of time and features, one for each place; P mixes the features.
            planes = torch.stack([m.flatten(2) for m in maps], 1).permute(0, 3, 1, 2) @ matrix.T
            planes = torch.cat([relu(self.temporal[f"tcl{k}"](planes)) for k in self.kernels], 1)
            features.append(self.full(self.temporal, planes))
        features = torch.cat(features, 1)
        return self.fc(features), features


class Mrzzm(nn.Module):
    """The network of MRzzm's action-recognition-models-pytorch, from its description."""

    def __init__(self, side, frames):
        super().__init__()
        flat = lambda c_in, c_out, k, s: nn.Sequential(nn.Conv3d(c_in, c_out, (1, k, k), (1, s, s), (0, k // 2, k // 2)))
        along = lambda k: nn.Sequential(nn.Conv3d(128, 32, (k, 1, 1), 1, (k // 2, 0, 0)))
        full = lambda d_in: nn.Sequential(nn.Linear(d_in, 4096), nn.Dropout(), nn.Linear(4096, 2048))
        self.SCL1, self.SCL2, self.SCL3, self.SCL4 = flat(3, 96, 7, 2), flat(96, 256, 5, 2), flat(256, 512, 3, 1), flat(512, 512, 3, 1)
        tcl = nn.ModuleDict({"branch1": along(3), "branch2": along(5)})
        self.Parallel_temporal, self.Parallel_spatial = nn.ModuleList([flat(512, 128, 3, 1)[0], nn.Identity(), tcl]), flat(512, 128, 3, 1)
        self.tem_fc, self.spa_fc = full(64 * (frames // 2) * side), full(128 * side)
        self.fc, self.out = nn.Linear(4096, 2048), nn.Linear(2048, CLASSES)

    def forward(self, x):
        pool = lambda x, side, stride: F.max_pool3d(x, (1, side, side), (1, stride, stride))
        shared = lambda x: relu(self.SCL4(relu(self.SCL3(pool(relu(self.SCL2(pool(relu(self.SCL1(x)), 3, 2))), 3, 2)))))
        middle = x.shape[2] // 2
        space = pool(self.Parallel_spatial(shared(x[:, :3, middle:middle + 1])), 3, 3)
        conv, _, tcl = self.Parallel_temporal
        time = pool(conv(shared(x[:, 3:])), 3, 3)
        time = torch.cat([F.max_pool3d(relu(branch(time)), (2, 1, 1)) for branch in tcl.values()], 1)
        features = self.fc(torch.cat([self.spa_fc(space.flatten(1)), self.tem_fc(time.flatten(1))], 1))
        return self.out(features), features


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

# 102 x 114 cells become 2 x 2 places. The scale makes the response normalisation count.
MODELS |= {
    f"fstcn{name}": (lambda more=more: FstCn(2 * 2, 3, **more), (2, 6, 3, 102, 114), 30.0)
    for name, more in (
        ("", {}), ("-spatial", {"kernels": ()}), ("-temporal", {"spatial": False}),
        ("-3x3", {"kernels": (3,)}), ("-5x5", {"kernels": (5,)}))
} | {
    "fstcn-auxiliary": (lambda: FstCn(2 * 2, 1, False, (), True), (2, 3, 1, 102, 114), 30.0),
    "fstcn-mrzzm": (lambda: Mrzzm(2 * 2, 5), (2, 6, 5, 102, 114), 1.0),
}
