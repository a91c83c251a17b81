"""Networks with a stream for frames and one for flow."""
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import relu
from .common import CLASSES


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


MODELS = {
    # The scale makes the response normalisation count.
    "spatial": (lambda: Spatial(3), (2, 3, 4, 112, 112), 30.0),
}
