"""Writes what `first_weights.rs` has of torchvision's networks of images.

    python images.py FOLDER

needs torch, torchvision, numpy and safetensors. `NAME.txt` lists the names and shapes of a network's state dict. `r2d-18.safetensors`,
in the format of `golden/make.py`, has what ResNet-18 without its max pooling computes of an image from formula weights: R2D-18 is that
network, over frames that its first kernel sees all at once.
"""
import math, pathlib, sys
import torch
import torchvision
from safetensors.torch import save_file

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "golden"))
from make import noise, values

NETWORKS = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "googlenet"]


def build(name):
    more = {"init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(**more)


def write_list(name, folder):
    sides = lambda v: ",".join(map(str, v.shape)) or "-"
    with open(f"{folder}/{name}.txt", "w") as file:
        version = torchvision.__version__.split("+")[0]
        print(f"# torchvision {version}, its state dict of torchvision.models.{name}()", file=file)
        for key, value in build(name).state_dict().items():
            print(key, sides(value), file=file)


def write_golden(folder):
    net = build("resnet18").eval()
    net.maxpool = torch.nn.Identity()
    state = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    net.load_state_dict({k: values(k, tuple(v.shape)) for k, v in state.items()}, strict=False)
    seen = []
    net.fc.register_forward_pre_hook(lambda _, xs: seen.append(xs[0]))
    dims = (2, 3, 1, 48, 48)
    image = torch.from_numpy(noise("clip", math.prod(dims)).astype("float32").reshape(dims))
    with torch.no_grad():
        logits = net.double()(image.double().squeeze(2))
    tensors = "\n".join(f"{k} {list(v.shape)}" for k, v in state.items())
    save_file({
        "input": torch.tensor(dims),
        "scale": torch.tensor([1.0]),
        "logits": logits.float().contiguous(),
        "features": seen[0].float().contiguous(),
        "tensors": torch.tensor(list(tensors.encode()), dtype=torch.uint8),
    }, f"{folder}/r2d-18.safetensors")
    print(f"logits {logits.abs().max():.3g} at most, of deviation {logits.std(1).tolist()}")


for name in NETWORKS:
    write_list(name, sys.argv[1])
write_golden(sys.argv[1])
