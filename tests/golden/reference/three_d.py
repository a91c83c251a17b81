"""Networks of 3D kernels."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import relu
from torchvision.models.video import resnet as tv
from .common import CLASSES
from .inception import I3d, Unit, flat, same_pool
from .residual import CLIP, Torchvision, residual


class C3d(nn.Module):
    """Tran et al., ICCV 2015, figure 3; the last pooling reaches beyond the end, as in the released Caffe network, or is padded, or neither."""

    def __init__(self, cells, last={"ceil_mode": True}):
        super().__init__()
        self.last = last
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
        x = F.max_pool3d(relu(self.conv5b(relu(self.conv5a(x)))), 2, **self.last)
        fc6 = relu(self.fc6(x.flatten(1)))
        return self.fc8(relu(self.fc7(fc6))), fc6


class C3dNorm(C3d):
    """The authors' network of 2018 (VMZ, c3d_model.py): batch norms, whole windows only."""

    def __init__(self, cells):
        super().__init__(cells)
        for name in ("1", "2", "3a", "3b", "4a", "4b", "5a", "5b"):
            conv = getattr(self, f"conv{name}")
            conv.register_parameter("bias", None)
            self.add_module(f"bn{name}", nn.BatchNorm3d(conv.out_channels, eps=1e-3))

    def forward(self, x):
        unit = lambda x, name: relu(getattr(self, f"bn{name}")(getattr(self, f"conv{name}")(x)))
        for names, window in ((("1",), (1, 2, 2)), (("2",), 2), (("3a", "3b"), 2), (("4a", "4b"), 2), (("5a", "5b"), 2)):
            for name in names: x = unit(x, name)
            x = F.max_pool3d(x, window)
        fc6 = relu(self.fc6(x.flatten(1)))
        return self.fc8(relu(self.fc7(fc6))), fc6


class Streams(nn.Module):
    """The logits, or the scores, of two networks averaged: of frames and of what is made of flow. Carreira and Zisserman, CVPR 2017,
    figure 2 (c) and (e)."""

    def __init__(self, rgb, flow, see, average):
        super().__init__()
        self.rgb, self.flow, self.see, self.average = rgb, flow, see, average

    def forward(self, x):
        frames, flow = self.see(x)
        (a, fa), (b, fb) = self.rgb(frames), self.flow(flow)
        return self.average(a, b), torch.cat([fa, fb], 1)


class Fused(nn.Module):
    """Figure 2 (d): maps of networks of images at five times, a convolution over all of them, a pooling."""

    def __init__(self, length):
        super().__init__()
        self.length = length
        self.rgb, self.flow = (I3d(lambda part: flat, c_in=c, classifier=False) for c in (3, 2 * length))
        self.fusion = Unit(2048, 512, 3)
        self.logits = nn.Linear(512, CLASSES)

    def forward(self, x):
        maps = []
        for i in range(0, x.shape[2], self.length):
            frame, flow = images(x[:, :, i:i + self.length])
            maps.append(torch.cat([self.rgb.maps(frame), self.flow.maps(flow)], 1))
        x = self.fusion(torch.cat(maps, 2))
        x = same_pool(x, (3, 3, 3), (2, 2, 2)).mean((2, 3, 4))
        return self.logits(x), x


def images(x):
    """The middle frame, and all fields as channels."""
    return x[:, :3, x.shape[2] // 2][:, :, None], x[:, 3:].transpose(1, 2).flatten(1, 2)[:, :, None]


def scores(a, b):
    return torch.log((a.softmax(1) + b.softmax(1)) / 2)


class Exploratory(nn.Module):
    """Tran et al., ICCV 2015, section 3.1: kernels of these depths."""

    def __init__(self, depths, cells):
        super().__init__()
        widths = (3, 64, 128, 256, 256, 256)
        for i, depth in enumerate(depths):
            self.add_module(f"conv{i + 1}", nn.Conv3d(widths[i], widths[i + 1], (depth, 3, 3), padding=(depth // 2, 1, 1)))
        self.fc6, self.fc7, self.fc8 = nn.Linear(256 * cells, 2048), nn.Linear(2048, 2048), nn.Linear(2048, CLASSES)

    def forward(self, x):
        for i in range(1, 6):
            x = relu(getattr(self, f"conv{i}")(x))
            x = F.max_pool3d(x, (1 if i == 1 else 2, 2, 2), ceil_mode=True)
        fc6 = relu(self.fc6(x.flatten(1)))
        return self.fc8(relu(self.fc7(fc6))), fc6


def r3d_34():
    return tv.VideoResNet(tv.BasicBlock, [tv.Conv3DSimple] * 4, [3, 4, 6, 3], tv.BasicStem, num_classes=CLASSES)


def res3d_18():
    """Tran et al., 2017: a projection in res2a too."""
    net = tv.r3d_18(num_classes=CLASSES)
    net.layer1[0].downsample = nn.Sequential(nn.Conv3d(64, 64, 1, bias=False), nn.BatchNorm3d(64))
    return Torchvision(net)


MODELS = {
    "c3d": (lambda: C3d(1 * 2 * 3), (2, 3, 8, 48, 80), 1.0),
    "c3d-floor": (lambda: C3d(1 * 1 * 2, last={}), (2, 3, 16, 48, 80), 1.0),
    "i3d-flow": (lambda: I3d(c_in=2), (2, 2, 21, 70, 86), 1.0),
    "i3d-two-stream": (
        lambda: Streams(I3d(), I3d(c_in=2), lambda x: (x[:, :3], x[:, 3:]), lambda a, b: (a + b) / 2), (2, 5, 21, 70, 86), 1.0),
    "inception-two-stream": (
        lambda: Streams(I3d(lambda part: flat), I3d(lambda part: flat, c_in=6), images, scores), (2, 5, 3, 102, 118), 1.0),
    "inception-3d-fused": (lambda: Fused(3), (2, 5, 15, 102, 118), 1.0),
    "c3d-bn": (lambda: C3dNorm(1 * 1 * 2), (2, 3, 16, 48, 80), 1.0),
    "c3d-padded": (lambda: C3d(1 * 2 * 3, {"padding": (0, 1, 1)}), (2, 3, 16, 48, 80), 1.0),
    "i3d": (I3d, (2, 3, 21, 70, 86), 1.0),
    "r3d-18": (lambda: Torchvision(tv.r3d_18(num_classes=CLASSES)), *CLIP),
    "r3d-34": (lambda: Torchvision(r3d_34()), *CLIP),
} | {
    f"resnet3d-{depth}": (lambda depth=depth: residual(depth, tv.Conv3DSimple, pool=True), (2, 3, 7, 54, 70), 1.0)
    for depth in (18, 26, 50, 101, 152)
} | {
    "res3d-18": (res3d_18, *CLIP),
} | {
    f"c3d-{name}": (lambda depths=depths: Exploratory(depths, 1 * 2 * 2), (2, 3, 11, 50, 60), 1.0)
    for name, depths in (("depth-1", [1] * 5), ("depth-3", [3] * 5), ("depth-5", [5] * 5), ("depth-7", [7] * 5),
                         ("increasing", [3, 3, 5, 5, 7]), ("decreasing", [7, 5, 5, 3, 3]),
                         ("net-64", [3] * 5), ("net-128", [3] * 5), ("net-256", [3] * 5))
}
