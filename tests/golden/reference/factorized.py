"""Networks whose kernels are taken apart into space and time."""
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
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


class Own(tv.Conv2Plus1D):
    """R(2+1)D's convolution with middle channels of its own. Tran et al., CVPR 2018, section 3.5."""

    def __init__(self, c_in, c_out, _=None, stride=1, padding=1):
        super().__init__(c_in, c_out, 3 * 9 * c_in * c_out // (9 * c_in + 3 * c_out), stride, padding)


MODELS = {
    "mc3-18": (lambda: Torchvision(tv.mc3_18(num_classes=CLASSES)), *CLIP),
    "r2plus1d-18": (lambda: Torchvision(tv.r2plus1d_18(num_classes=CLASSES)), *CLIP),
    "s3d": (S3d, (2, 3, 21, 70, 86), 1.0),
    "s3d-g": (S3dG, (2, 3, 21, 70, 86), 1.0),
    "s3d-slim": (lambda: I3d(lambda part: Unit if part == "1a" else Slim), (2, 3, 21, 70, 86), 1.0),
    "s3d-g-slim": (lambda: I3d(lambda part: Unit if part == "1a" else Slim, gates=True), (2, 3, 21, 70, 86), 1.0),
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
}
