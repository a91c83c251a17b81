"""Networks that walk through the frames of a clip."""
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import relu
from .common import CLASSES
from .inception import I3d, flat, same_pool


class Lstm(nn.Module):
    """Without peepholes; the rows are those of the input gate, the forget gate, the output gate and the candidate."""

    def __init__(self, d, units):
        super().__init__()
        self.input, self.hidden = nn.Linear(d, 4 * units), nn.Linear(units, 4 * units, bias=False)

    def forward(self, x):
        """[N, T, D] to [N, T, H]."""
        h = c = torch.zeros(len(x), self.hidden.in_features, dtype=x.dtype)
        outputs = []
        for t in range(x.shape[1]):
            i, f, o, g = (self.input(x[:, t]) + self.hidden(h)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs, 1)


def frames(x):
    """[N, C, T, H, W] to [N T, C, H, W]."""
    return x.transpose(1, 2).flatten(0, 1)


class SingleFrame(nn.Module):
    """The ConvNet of LRCN, from its released definition for Caffe: poolings before norms, the last window beyond the end."""

    def __init__(self, cells, fc7=True, classes="fc8-ucf"):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(3, 96, 7, 2), nn.Conv2d(96, 384, 5, 2, groups=2)
        self.conv3, self.conv4 = nn.Conv2d(384, 512, 3, 1, 1), nn.Conv2d(512, 512, 3, 1, 1, groups=2)
        self.conv5 = nn.Conv2d(512, 384, 3, 1, 1, groups=2)
        self.fc6 = nn.Linear(384 * cells, 4096)
        self.fc7 = nn.Linear(4096, 4096) if fc7 else None
        self.classes = classes
        self.add_module(classes, nn.Linear(4096, CLASSES))

    def last(self, x):
        """The last full layer of images [N, 3, H, W]."""
        pool = lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True)
        norm = lambda x: F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)
        x = norm(pool(relu(self.conv1(x))))
        x = norm(pool(relu(self.conv2(x))))
        x = pool(relu(self.conv5(relu(self.conv4(relu(self.conv3(x)))))))
        x = relu(self.fc6(x.flatten(1)))
        return relu(self.fc7(x)) if self.fc7 else x

    def forward(self, x):
        x = self.last(frames(x))
        return getattr(self, self.classes)(x), x


class Lrcn(SingleFrame):
    """Donahue et al., CVPR 2015, section 4: scores are the mean over frames."""

    def __init__(self, cells, units, fc7=False):
        super().__init__(cells, fc7, "fc8-final")
        self.lstm1 = Lstm(4096, units)
        self.add_module(self.classes, nn.Linear(units, CLASSES))

    def forward(self, x):
        h = self.lstm1(self.last(frames(x)).unflatten(0, (len(x), -1)))
        scores = getattr(self, self.classes)(h).softmax(2)
        return scores.mean(1).log(), h[:, -1]


class ConvNetLstm(I3d):
    """Carreira and Zisserman, CVPR 2017, figure 2 (a): Inception-v1 on each frame; the answer is that after the last."""

    def __init__(self):
        super().__init__(unit=lambda part: flat)
        self.lstm, self.logits = Lstm(1024, 512), nn.Linear(512, CLASSES)

    def forward(self, x):
        def last(clip):
            """Of a clip of one frame: poolings and strides then leave it its time."""
            x = same_pool(self.Conv3d_1a_7x7(clip), (1, 3, 3), (1, 2, 2))
            x = same_pool(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), (1, 3, 3), (1, 2, 2))
            for name in self.MIXED:
                if name == "4b": x = same_pool(x, (1, 3, 3), (1, 2, 2))
                if name == "5b": x = same_pool(x, (1, 2, 2), (1, 2, 2))
                x = getattr(self, f"Mixed_{name}")(x)
            return x.mean((2, 3, 4))

        h = self.lstm(torch.stack([last(x[:, :, t:t + 1]) for t in range(x.shape[2])], 1))[:, -1]
        return self.logits(h), h


class ConvLstm(nn.Conv2d):
    """The cell of Zhang et al., over [x_t, h]: gates i, j, f, o and a forget bias of 1."""

    def __init__(self, c_in, c):
        super().__init__(c_in + c, 4 * c, 3, padding=1)
        self.c = c

    def forward(self, xs):
        """From a list of maps to the list of outputs in the same order."""
        h = c = torch.zeros(len(xs[0]), self.c, *xs[0].shape[2:], dtype=xs[0].dtype)
        outputs = []
        for x in xs:
            i, j, f, o = super().forward(torch.cat([x, h], 1)).chunk(4, 1)
            c = c * torch.sigmoid(f + 1) + torch.sigmoid(i) * torch.tanh(j)
            h = torch.tanh(c) * torch.sigmoid(o)
            outputs.append(h)
        return outputs


def halve(x, window):
    """TensorFlow's SAME: the last window may be smaller."""
    return same_pool(x, window, window)


class Gestures(nn.Module):
    """The 3DCNN of c3d_biclstm.py and c3d_clstm.py."""

    def __init__(self):
        super().__init__()
        conv = lambda c_in, c_out: nn.Conv3d(c_in, c_out, 3, padding=1, bias=False)
        self.Conv3d_1, self.BatchNorm_1 = conv(3, 64), nn.BatchNorm3d(64)
        self.Conv3d_2_3x3, self.BatchNorm_2_3x3 = conv(64, 128), nn.BatchNorm3d(128)
        self.Conv3d_3a_3x3, self.Conv3d_3b_3x3 = conv(128, 256), conv(256, 256)
        self.BatchNorm_3_3x3 = nn.BatchNorm3d(256)

    def maps(self, x):
        """A list of what is made of the frames."""
        x = halve(relu(self.BatchNorm_1(self.Conv3d_1(x))), (1, 2, 2))
        x = halve(relu(self.BatchNorm_2_3x3(self.Conv3d_2_3x3(x))), (2, 2, 2))
        return list(relu(self.BatchNorm_3_3x3(self.Conv3d_3b_3x3(self.Conv3d_3a_3x3(x)))).unbind(2))


class BiConvLstm(Gestures):
    """Zhang et al., ICCVW 2017."""

    def __init__(self, cells, released):
        super().__init__()
        self.released = released
        for way in "fw", "bw":
            self.add_module(f"{way}clstm_layer_1", ConvLstm(256, 256))
            self.add_module(f"{way}clstm_layer_2", ConvLstm(256, 384))
        for i, (c_in, c_out) in enumerate(((768, 128), (128, 256), (256, 256))):
            self.add_module(f"Conv2d_{i + 1}", nn.Conv2d(c_in, c_out, 3, padding=1, bias=False))
            self.add_module(f"BatchNorm_{i + 3}", nn.BatchNorm2d(c_out))
        self.Classes = nn.Linear(256 * cells, CLASSES)

    def forward(self, x):
        maps = self.maps(x)
        there = self.fwclstm_layer_2(self.fwclstm_layer_1(maps))
        # The released code never turns the outputs of the way back around.
        back = self.bwclstm_layer_2(self.bwclstm_layer_1(maps[::-1]))
        steps = []
        for both in zip(there, back if self.released else back[::-1]):
            x = torch.cat(both, 1)
            for i in 1, 2, 3:
                x = relu(getattr(self, f"BatchNorm_{i + 2}")(getattr(self, f"Conv2d_{i}")(x)))
                x = halve(x[:, :, None], (1, 2, 2))[:, :, 0]
            steps.append(x)
        x = torch.stack(steps).mean(0).flatten(1)
        return self.Classes(x), x


class ConvLstmNet(Gestures):
    """Zhu et al., IEEE Access 2017."""

    def __init__(self, cells):
        super().__init__()
        self.clstm_layer_1, self.clstm_layer_2 = ConvLstm(256, 256), ConvLstm(256, 384)
        self.Classes = nn.Linear(384 * cells, CLASSES)

    def forward(self, x):
        last = self.clstm_layer_2(self.clstm_layer_1(self.maps(x)))[-1]
        pyramid = [halve(last[:, :, None], (1, side, side)).flatten(1) for side in (28, 14, 7, 4)]
        x = torch.cat(pyramid, 1)
        return self.Classes(x), x


# Maps of 36 and 43 cells after conv1: the poolings of the first reach beyond its end, the others of the second do.
LRCN = ((2, 3, 4, 77, 91), 0.25)
GESTURES = ((2, 3, 7, 30, 38), 1.0)
MODELS = {
    # The scale makes the response normalisation count.
    "lrcn-single-frame": (lambda: SingleFrame(2), (2, 3, 1, 77, 91), 100.0),
    "lrcn-fc6": (lambda: Lrcn(2, 256), *LRCN),
    "lrcn-fc7": (lambda: Lrcn(2, 256, fc7=True), *LRCN),
    "lrcn-fc6-flow": (lambda: Lrcn(2, 1024), *LRCN),
    "lrcn-fc7-flow": (lambda: Lrcn(2, 1024, fc7=True), *LRCN),
    "convnet-lstm": (ConvNetLstm, (2, 3, 3, 70, 86), 1.0),
    "conv3d-biconvlstm": (lambda: BiConvLstm(1 * 2, False), *GESTURES),
    "conv3d-biconvlstm-released": (lambda: BiConvLstm(1 * 2, True), *GESTURES),
    "conv3d-convlstm": (lambda: ConvLstmNet(1 + 1 + 2 * 2 + 2 * 3), *GESTURES),
}
