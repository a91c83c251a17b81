"""Writes the golden files: what PyTorch computes for every network of the zoo from formula weights.

    python make.py FOLDER [NAME..]

needs torch, torchvision, numpy and safetensors. Weights are a formula of their names (`values`, as in `support.rs`), so a
file holds none: only the input's shape and scale, the logits and features in f64 arithmetic, and the reference's list of
tensors. R3D, MC3, R(2+1)D and S3D are torchvision's; the others are written in `reference/` from their papers: modules that
give logits and features, or that wrap such a network as their `inner`.
"""
import math, sys
import numpy as np
import torch
from safetensors.torch import save_file
from reference import channel_separated, factorized, hidden, recurrent, segments, three_d, two_stream

MODELS = two_stream.MODELS | three_d.MODELS | factorized.MODELS | channel_separated.MODELS | recurrent.MODELS
MODELS |= hidden.MODELS | segments.MODELS


def noise(name, count):
    """Numbers in [-1, 1), multiples of 2^-23: SplitMix64 from the FNV-1a hash of the name."""
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    z = np.uint64(state) + (np.arange(count, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def values(name, shape):
    w = noise(name, math.prod(shape))
    last = name.rsplit(".", 1)[-1]
    if last == "running_var": w = 1 + 0.5 * w * w
    elif last == "weight" and len(shape) == 1: w = 1 + 0.1 * w
    elif last == "weight": w = w * math.sqrt(6 / math.prod(shape[1:]))  # He et al. 2015: the variance is 2 / fan-in
    else: w = 0.1 * w
    return torch.from_numpy(w.astype(np.float32).reshape(shape))


def make(name, folder):
    build, dims, scale = MODELS[name]
    torch.manual_seed(0)
    net = build().eval()
    inner = getattr(net, "inner", net)
    state = {k: v for k, v in inner.state_dict().items() if not k.endswith("num_batches_tracked")}
    inner.load_state_dict({k: values(k, tuple(v.shape)) for k, v in state.items()}, strict=False)
    net.double()
    clip = torch.from_numpy((noise("clip", math.prod(dims)) * scale).astype(np.float32).reshape(dims))
    with torch.no_grad():
        logits, features = net(clip.double())
    # A convolution over an image is kept as one over a clip, with a kernel of one frame.
    shape = lambda v: [*v.shape[:2], 1, *v.shape[2:]] if v.ndim == 4 else list(v.shape)
    tensors = "\n".join(sorted(f"{k} {shape(v)}" for k, v in state.items()))
    save_file({
        "input": torch.tensor(dims),
        "scale": torch.tensor([scale]),
        "logits": logits.float().contiguous(),
        "features": features.float().contiguous(),
        "tensors": torch.tensor(list(tensors.encode()), dtype=torch.uint8),
    }, f"{folder}/{name}.safetensors")
    print(f"{name:12} {len(state)} tensors, logits {logits.abs().max():.3g} at most, of deviation {logits.std(1).tolist()}, "
          f"features {features.abs().mean():.3g}, alive {(features > 0).double().mean():.2f}, "
          f"the two clips differ by {(logits[0] - logits[1]).abs().max():.3g}")


if __name__ == "__main__":
    for name in sys.argv[2:] or MODELS:
        make(name, sys.argv[1])
