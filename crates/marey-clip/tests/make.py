"""Writes fixtures/resize.safetensors: what PyTorch's bilinear interpolation gives.

    python crates/marey-clip/tests/make.py        (needs torch and safetensors)
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.functional import interpolate

SIZES = [("down", (24, 39), (11, 18)), ("odd", (24, 39), (21, 17)), ("up", (9, 13), (17, 22))]


def main():
    torch.manual_seed(0)
    tensors = {}
    for name, size, target in SIZES:
        image = torch.randint(0, 256, (1, 3, *size)).float() / 255
        scaled = interpolate(image, size=target, mode="bilinear", align_corners=False)
        tensors[f"{name}.in"] = image[0]
        tensors[f"{name}.out"] = scaled[0]
    save_file(tensors, Path(__file__).parent / "fixtures" / "resize.safetensors")


if __name__ == "__main__":
    main()
