"""Hidden two-stream networks: Zhu et al., ACCV 2018, and the released definition for Caffe."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import leaky_relu, relu
from .common import CLASSES

WIDTHS = {1: 64, 2: 128, 3: 256, 4: 512, 5: 512, 6: 1024}
DECODED = {5: 512, 4: 256, 3: 128, 2: 64}


def add_motion_net(net, frames):
    flow, c = 2 * (frames - 1), 3 * frames
    conv = lambda name, c_in, c_out, stride=1: net.add_module(name, nn.Conv2d(c_in, c_out, 3, stride, 1))
    up = lambda name, c_in, c_out: net.add_module(name, nn.ConvTranspose2d(c_in, c_out, 4, 2, 1))
    for level, width in WIDTHS.items():
        conv(f"conv{level}", c, width, 1 if level == 1 else 2)
        conv(f"conv{level}_1", width, width)
        c = width
    conv("conv_pr6", c, flow)
    for level, width in DECODED.items():
        up(f"deconv{level}", c, width)
        up(f"upsample_flow{level + 1}to{level}", flow, flow)
        conv(f"smooth_conv{level}", WIDTHS[level] + width + flow, width)
        conv(f"conv_pr{level}", width, flow)
        c = width


def motion_net(net, clip):
    """The five flows of a clip [N, 3, T, H, W], the smallest first."""
    n, _, _, h, w = clip.shape
    x, maps = clip.transpose(1, 2).reshape(n, -1, h, w), {}
    for level in WIDTHS:
        x = leaky_relu(getattr(net, f"conv{level}")(x), 0.1)
        x = maps[level] = leaky_relu(getattr(net, f"conv{level}_1")(x), 0.1)
    flows = [net.conv_pr6(x)]
    for level in DECODED:
        up = leaky_relu(getattr(net, f"deconv{level}")(x), 0.1)
        up_flow = getattr(net, f"upsample_flow{level + 1}to{level}")(flows[-1])
        x = getattr(net, f"smooth_conv{level}")(torch.cat([maps[level], up, up_flow], 1))
        flows.append(getattr(net, f"conv_pr{level}")(x))
    return flows


VGG = {"1_1": 64, "1_2": 64, "2_1": 128, "2_2": 128, "3_1": 256, "3_2": 256, "3_3": 256,
       "4_1": 512, "4_2": 512, "4_3": 512, "5_1": 512, "5_2": 512, "5_3": 512}


def add_vgg(net, c, cells, suffix=""):
    for name, width in VGG.items():
        net.add_module(f"conv{name}{suffix}", nn.Conv2d(c, width, 3, padding=1))
        c = width
    for name, c_in, c_out in (("fc6", c * cells, 4096), ("fc7", 4096, 4096), ("fc8", 4096, CLASSES)):
        net.add_module(name + suffix, nn.Linear(c_in, c_out))


def vgg(net, x, suffix=""):
    for name in VGG:
        x = relu(getattr(net, f"conv{name}{suffix}")(x))
        if name in ("1_2", "2_2", "3_3", "4_3", "5_3"): x = F.max_pool2d(x, 2)
    x = relu(getattr(net, f"fc6{suffix}")(x.flatten(1)))
    x = relu(getattr(net, f"fc7{suffix}")(x))
    return getattr(net, f"fc8{suffix}")(x), x


class Temporal(nn.Module):
    def __init__(self, frames, cells):
        super().__init__()
        add_motion_net(self, frames)
        add_vgg(self, 2 * (frames - 1), cells, "_vgg16")

    def forward(self, clip):
        flow = motion_net(self, clip)[-1]
        # Caffe's "bilinear" filler of a deconvolution, 4 x 4 by 2: each channel by itself.
        line = torch.tensor([0.25, 0.75, 0.75, 0.25], dtype=flow.dtype)
        kernel = (line[:, None] * line).expand(flow.shape[1], 1, 4, 4)
        x = (20 * flow).clamp(-20, 20).add(20).mul(6.375)
        x = F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=flow.shape[1]) - 128
        return vgg(self, x, "_vgg16")


class TwoStream(nn.Module):
    """Softmax scores, the temporal ones weighted 1.5; logits are their logarithms. VGG-16 sees bytes, MotionNet a 255th."""

    def __init__(self, frames, cells):
        super().__init__()
        self.spatial, self.temporal = nn.Module(), Temporal(frames, cells)
        add_vgg(self.spatial, 3, cells)

    def forward(self, clip):
        spatial, frame = vgg(self.spatial, 255 * clip[:, :, clip.shape[2] // 2])
        temporal, motion = self.temporal(clip)
        scores = (spatial.softmax(1) + 1.5 * temporal.softmax(1)) / 2.5
        return scores.log(), torch.cat([frame, motion], 1)


# So that some of the flow is cut, and most is not.
CLIP = ((2, 3, 11, 64, 96), 0.3)

MODELS = {
    name: (lambda: Temporal(11, 2 * 3), *CLIP) for name in ("hidden-temporal-a", "hidden-temporal-b", "hidden-temporal")
} | {"hidden-two-stream": (lambda: TwoStream(11, 2 * 3), *CLIP)}
