"""torchvision's residual networks over clips, with their convolutions left open."""
from torch import nn
from torchvision.models.video import resnet as tv
from .common import CLASSES


class Torchvision(nn.Module):
    """A network of torchvision, and the mean before its classifier."""

    def __init__(self, net):
        super().__init__()
        self.inner = net

    def forward(self, x):
        features = []
        hook = self.inner.avgpool.register_forward_hook(lambda _, __, out: features.append(out.flatten(1)))
        logits = self.inner(x)
        hook.remove()
        return logits, features[0]


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


# Odd sizes, so that each stride, padding and ceiling counts.
CLIP = ((2, 3, 7, 30, 38), 1.0)
