"""Networks with a stream for frames and one for flow."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import relu
from .common import CLASSES


class CnnM(nn.Module):
    """CNN-M-2048. Chatfield et al., BMVC 2014, table 1, with the paddings that give the maps 109, 54, 26, 13, 13, 6;
    AlexNet's normalisation (k 2, n 5, alpha 1e-4, beta 0.75), whose sum torch divides by n."""

    def __init__(self, c_in, side, second_norm=True):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, 96, 7, 2)
        self.conv2 = nn.Conv2d(96, 256, 5, 2, 1)
        self.conv3, self.conv4, self.conv5 = (nn.Conv2d(c, 512, 3, padding=1) for c in (256, 512, 512))
        self.fc6, self.fc7, self.fc8 = nn.Linear(512 * side * side, 4096), nn.Linear(4096, 2048), nn.Linear(2048, CLASSES)
        self.second_norm = second_norm

    def forward(self, x):
        norm = lambda x: F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0)
        pool = lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True)
        x = pool(norm(relu(self.conv1(x))))
        x = relu(self.conv2(x))
        x = pool(norm(x) if self.second_norm else x)
        x = pool(relu(self.conv5(relu(self.conv4(relu(self.conv3(x)))))))
        x = relu(self.fc7(relu(self.fc6(x.flatten(1)))))
        return self.fc8(x), x


class Spatial(CnnM):
    """On the middle frame."""

    def forward(self, x):
        return super().forward(x[:, :3, x.shape[2] // 2])


class Temporal(CnnM):
    """On flow, each field's mean taken from it: x of the first field, y of the first, x of the second. Simonyan and Zisserman,
    NIPS 2014, section 3."""

    def __init__(self, length, side, trajectory=False):
        super().__init__(2 * length, side, second_norm=False)
        self.trajectory = trajectory

    def forward(self, x):
        fields = list(x.unbind(2))
        if self.trajectory: fields = trajectories(fields)
        return super().forward(torch.cat([field - field.mean((2, 3), keepdim=True) for field in fields], 1))


def trajectories(fields):
    """Fields read where the cells of the first frame have come to."""
    n, _, h, w = fields[0].shape
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    at = torch.stack([x, y], -1)[None].expand(n, -1, -1, -1).to(fields[0])
    size, out = torch.tensor([w - 1, h - 1]).to(at), []
    for field in fields:
        moved = F.grid_sample(field, 2 * at / size - 1, align_corners=True, padding_mode="border")
        out.append(moved)
        at = at + moved.permute(0, 2, 3, 1)
    return out


class TwoStream(nn.Module):
    """The mean of the softmax of both streams, as logarithms."""

    def __init__(self, length, side):
        super().__init__()
        self.spatial, self.temporal = Spatial(3, side), Temporal(length, side)

    def forward(self, x):
        (a, fa), (b, fb) = self.spatial(x[:, :3]), self.temporal(x[:, 3:])
        return torch.log((a.softmax(1) + b.softmax(1)) / 2), torch.cat([fa, fb], 1)


class Karpathy(nn.Module):
    """Karpathy et al., CVPR 2014, section 3. `depths` are frames that the first kernels see, with strides of 2 if there are several
    such; `towers` are what towers see, which share their layers or have names."""

    def __init__(self, cells, depths=(1, 1, 1), step=1, towers=None, named=False, pooled=True):
        super().__init__()
        self.step, self.pooled, self.named = step, pooled, named
        self.towers = towers or {"all": lambda x: x}
        for name in self.towers if named else [None]:
            tower = self
            if named: tower = nn.Module(); self.add_module(name, tower)
            conv = lambda c_in, c_out, t, k, s, p: nn.Conv3d(c_in, c_out, (t, k, k), (step if t > 1 else 1, s, s), (0, p, p))
            tower.conv1, tower.conv2 = conv(3, 96, depths[0], 11, 3, 5), conv(96, 256, depths[1], 5, 1, 2)
            tower.conv3 = conv(256, 384, depths[2], 3, 1, 1)
            tower.conv4, tower.conv5 = conv(384, 384, 1, 3, 1, 1), conv(384, 256, 1, 3, 1, 1)
        self.fc6, self.fc7, self.fc8 = nn.Linear(256 * cells * len(self.towers), 4096), nn.Linear(4096, 4096), nn.Linear(4096, CLASSES)

    def maps(self, tower, x):
        norm = lambda x: F.local_response_norm(x, 5, alpha=5e-4, beta=0.5, k=2.0)
        pool = lambda x: F.max_pool3d(x, (1, 2, 2))
        x = pool(norm(relu(tower.conv1(x))))
        x = pool(norm(relu(tower.conv2(x))))
        x = relu(tower.conv5(relu(tower.conv4(relu(tower.conv3(x))))))
        return (pool(x) if self.pooled else x).flatten(1)

    def forward(self, x):
        maps = [self.maps(getattr(self, name) if self.named else self, see(x)) for name, see in self.towers.items()]
        x = relu(self.fc7(relu(self.fc6(torch.cat(maps, 1)))))
        return self.fc8(x), x


def middle(x):
    return x[:, :, x.shape[2] // 2][:, :, None]


def fovea(x):
    h, w = x.shape[3:]
    top, left = (h - h // 2) // 2, (w - w // 2) // 2
    return middle(x)[..., top:top + h // 2, left:left + w // 2]


def context(x):
    return F.avg_pool3d(middle(x), (1, 2, 2))


# The scales make the response normalisation count.
KARPATHY = ((2, 3, 10, 70, 82), 3.0)
MODELS = {
    "spatial": (lambda: Spatial(3, 3), (2, 3, 4, 112, 112), 30.0),
    "temporal": (lambda: Temporal(6, 3), (2, 2, 6, 112, 112), 30.0),
    "temporal-trajectory": (lambda: Temporal(6, 3, trajectory=True), (2, 2, 6, 112, 112), 3.0),
    "temporal-multi-task": (lambda: Temporal(6, 3), (2, 2, 6, 112, 112), 30.0),
    "two-stream": (lambda: TwoStream(6, 3), (2, 5, 6, 112, 112), 30.0),
    "karpathy-single-frame": (lambda: Karpathy(9, towers={"": middle}), *KARPATHY),
    "karpathy-early-fusion": (lambda: Karpathy(9, (10, 1, 1)), *KARPATHY),
    "karpathy-late-fusion": (lambda: Karpathy(9, towers={"": lambda x: x[:, :, :1], " ": lambda x: x[:, :, -1:]}), *KARPATHY),
    "karpathy-slow-fusion": (lambda: Karpathy(9, (4, 2, 2), step=2), *KARPATHY),
    "karpathy-fovea": (lambda: Karpathy(9, towers={"": fovea}, pooled=False), *KARPATHY),
    "karpathy-context": (lambda: Karpathy(9, towers={"": context}, pooled=False), *KARPATHY),
    "karpathy-multiresolution": (
        lambda: Karpathy(9, towers={"fovea": fovea, "context": context}, named=True, pooled=False), *KARPATHY),
}
