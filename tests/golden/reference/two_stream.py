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


class Fused(nn.Module):
    """Feichtenhofer, Pinz and Zisserman, CVPR 2016: towers meet after the ReLU of convolution `at`; clips are `times` pieces of a frame
    and its flow each. Maps that are pooled over times have the mean of no logits; others have each their own."""

    def __init__(self, build, at, operator, length, times=1, kernel=1, cube=False, both=False):
        super().__init__()
        self.length, self.times, self.operator, self.cube, self.both = length, times, operator, cube, both
        self.spatial, self.temporal = build(3), build(2 * length)
        self.at = self.temporal.steps.index(at)
        c = getattr(self.temporal, at).out_channels
        if operator in ("conv", "conv of sum"):
            self.fusion = nn.Conv3d(2 * c if operator == "conv" else c, c, kernel, padding=kernel // 2)
        if operator == "concat":
            if at == "conv5": self.temporal.fc6 = nn.Linear(2 * self.temporal.fc6.in_features, self.temporal.fc6.out_features)
        if operator == "bilinear": self.fc8 = nn.Linear(c * c, CLASSES)
        unused = [] if both else self.spatial.steps[self.at + 1:] + ["fc6", "fc7", "fc8"]
        for name in unused:
            if hasattr(self.spatial, name): delattr(self.spatial, name)
        if operator == "bilinear":
            for name in self.temporal.steps[self.at + 1:] + ["fc6", "fc7", "fc8"]:
                if hasattr(self.temporal, name): delattr(self.temporal, name)

    def fuse(self, a, b):
        """Maps [N, T, C, H, W]."""
        if self.operator == "sum": return a + b
        if self.operator == "max": return torch.maximum(a, b)
        if self.operator == "conv of sum": both = a + b
        else: both = torch.stack([a, b], 3).flatten(2, 3)  # in turns
        if self.operator == "concat": return both
        return self.fusion(both.transpose(1, 2)).transpose(1, 2)

    def rest(self, net, maps):
        n, t = maps.shape[:2]
        if self.cube: maps, t = maps.amax(1, keepdim=True), 1  # a maximum over a cube is one over times of those over cells
        logits, features = net.after(maps.flatten(0, 1), self.at)
        return logits.view(n, t, -1).mean(1), features.view(n, t, -1).mean(1)

    def forward(self, x):
        n, l = x.shape[0], self.length
        pieces = [x[:, :, i * l:(i + 1) * l] for i in range(self.times)]
        a = torch.stack([self.spatial.until(piece[:, :3, l // 2], self.at) for piece in pieces], 1)
        b = torch.stack([self.temporal.until(piece[:, 3:].transpose(1, 2).flatten(1, 2), self.at) for piece in pieces], 1)
        if self.operator == "bilinear":
            products = torch.einsum("ntihw,ntjhw->nij", a, b).flatten(1)
            features = F.normalize(products.sqrt(), dim=1)
            return self.fc8(features), features
        logits, features = self.rest(self.temporal, self.fuse(a, b))
        if not self.both: return logits, features
        own, kept = self.rest(self.spatial, a)
        return (logits + own) / 2, torch.cat([features, kept], 1)


class Steps(nn.Module):
    """A network of images that can be left after a convolution's ReLU, and entered there."""

    def until(self, x, at):
        for name in self.steps[:at + 1]:
            x = self.step(name, x)
        return x

    def step(self, name, x):
        return relu(getattr(self, name)(x)) if name.startswith("conv") else self.between(name, x)

    def after(self, x, at):
        for name in self.steps[at + 1:]: x = self.step(name, x)
        features = relu(self.fc7(relu(self.fc6(x.flatten(1)))))
        return self.fc8(features), features


class CnnMSteps(Steps):
    steps = ["conv1", "norm", "pool", "conv2", "norm", "pool", "conv3", "conv4", "conv5", "pool"]

    def __init__(self, c_in, side):
        super().__init__()
        for name, module in CnnM(c_in, side).named_children(): self.add_module(name, module)

    def between(self, name, x):
        return F.local_response_norm(x, 5, alpha=5e-4, beta=0.75, k=2.0) if name == "norm" else F.max_pool2d(x, 3, 2, ceil_mode=True)


class Vgg16(Steps):
    """Simonyan and Zisserman, ICLR 2015, configuration D."""
    steps = [s for i, n in enumerate((2, 2, 3, 3, 3)) for s in [f"conv{i + 1}_{j + 1}" for j in range(n)] + ["pool"]]

    def __init__(self, c_in, cells):
        super().__init__()
        widths = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}
        for name in self.steps:
            if name == "pool": continue
            self.add_module(name, nn.Conv2d(c_in, widths[name[4]], 3, padding=1))
            c_in = widths[name[4]]
        self.fc6, self.fc7, self.fc8 = nn.Linear(512 * cells, 4096), nn.Linear(4096, 4096), nn.Linear(4096, CLASSES)

    def between(self, _, x):
        return F.max_pool2d(x, 2)


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
} | {
    f"fused-{name}": (lambda at=at, op=op, both=both: Fused(lambda c: CnnMSteps(c, 3), at, op, 3, both=both), (2, 5, 3, 112, 112), 30.0)
    for name, at, op, both in (
        ("sum", "conv5", "sum", False), ("max", "conv5", "max", False), ("concat", "conv5", "concat", False),
        ("conv", "conv5", "conv", False), ("conv-of-sum", "conv5", "conv of sum", False), ("bilinear", "conv5", "bilinear", False),
        ("conv-relu2", "conv2", "conv", False), ("conv-relu3", "conv3", "conv", False), ("conv-relu4", "conv4", "conv", False),
        ("conv-two-towers", "conv5", "conv", True), ("conv-of-sum-two-towers", "conv5", "conv of sum", True))
} | {
    "fused-3d-vgg-m": (
        lambda: Fused(lambda c: CnnMSteps(c, 3), "conv5", "conv", 2, 5, 3, cube=True, both=True), (2, 5, 10, 112, 112), 30.0),
} | {
    f"fused-{name}": (
        lambda kernel=kernel, cube=cube, both=both: Fused(lambda c: Vgg16(c, 2), "conv5_3", "conv", 2, 5, kernel, cube, both),
        (2, 5, 10, 34, 66), 1.0)
    for name, kernel, cube, both in (
        ("3d-vgg-16", 3, True, True), ("3d-vgg-16-single-tower", 3, True, False),
        ("2d-conv-3d-pool-vgg-16", 1, True, True), ("2d-conv-2d-pool-vgg-16", 1, False, True))
}
