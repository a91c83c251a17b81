"""Compares marey with released packages: random weights saved as they save them, their logits against `xtask infer`.

    python check.py XTASK [NAME..]

needs torch and torchvision, and for some networks pytorchvideo (with fvcore and iopath) or mmaction2 (with mmengine and
mmcv-lite); without them it says so and goes on. XTASK is the program, built for release. Prints by how much its logits, and
the package's own in f32, differ from the package's in f64, as a share of the largest.
"""
import importlib, importlib.util, subprocess, sys, tempfile, types
import torch
from torch import nn
from safetensors.torch import load_file, save_file


def randomize(net, clip):
    """Weights as their network draws them, but so small before batch norms that epsilon counts; scales and shifts at random, and
    the statistics of the clip."""
    norms = [module for module in net.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    with torch.no_grad():
        for module in net.modules():
            if norms and isinstance(module, nn.Conv3d): module.weight *= 0.2 if module.out_channels != 400 else 1
        for norm in norms:
            nn.init.uniform_(norm.weight, 0.5, 1.5)
            nn.init.uniform_(norm.bias, -0.3, 0.3)
            norm.momentum = 1.0
        net.train()(clip)
    return net.eval()


def compare(name, xtask, net, model, dims, save, classes=400):
    """`save` writes the network's weights to a path."""
    torch.manual_seed(0)
    clip = torch.randn(dims)
    randomize(net, clip)
    if save.to == torch.float16: net.half().float()
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        save(net, f"{folder}/weights")
        save_file({"clip": clip}, f"{folder}/clip")
        subprocess.run([xtask, "infer", "--model", model, "--classes", str(classes), "--weights", f"{folder}/weights",
                        "--input", f"{folder}/clip", "--output", f"{folder}/out", "--precision", "f32-exact"], check=True)
        ours, single, double = load_file(f"{folder}/out")["logits"].double(), net(clip).double(), net.double()(clip.double())
    share = lambda logits: (logits - double).abs().max() / double.abs().max()
    print(f"{name:28} {model:13} differs by {share(ours):.1e}, its own f32 by {share(single):.1e}; logits up to "
          f"{double.abs().max():.3g}, of deviation {double.std():.3g}", flush=True)
    # Deep networks with random weights amplify rounding.
    assert share(ours) < max(1e-5, 10 * share(single)), name


def wrapped(key=None, prefix="", to=None):
    """Saves a state dict under `key`, with a prefix and as another type."""
    def save(net, path):
        state = {prefix + k: v.to(to) if to and v.is_floating_point() else v for k, v in net.state_dict().items()}
        torch.save({key: state, "epoch": 3} if key else state, path)
    save.to = to
    return save


def torchvision(xtask, wants):
    from torchvision.models import video
    for name, model, dims in (("r3d_18", "r3d-18", (2, 3, 8, 56, 56)), ("mc3_18", "mc3-18", (2, 3, 8, 56, 56)),
                              ("r2plus1d_18", "r2plus1d-18", (2, 3, 8, 56, 56)), ("s3d", "s3d", (2, 3, 16, 224, 224))):
        for how, save in (("", wrapped()), (" module. in state_dict", wrapped("state_dict", "module.")),
                          (" f64 in model", wrapped("model", to=torch.float64)), (" f16", wrapped(to=torch.float16))):
            if wants(name) and (not how or name == "mc3_18"):
                compare(name + how, xtask, getattr(video, name)(), model, dims, save)


def pytorchvideo(xtask, wants):
    from pytorchvideo.models.hub.csn import csn_r101
    if wants("csn_r101"):
        compare("csn_r101", xtask, csn_r101(), "ir-csn-101", (1, 3, 32, 224, 224), wrapped("model_state"))


def mmaction2(xtask, wants):
    # The wheel lacks what its packages import: their modules are taken alone.
    root = importlib.util.find_spec("mmaction").submodule_search_locations[0]
    for package in ("", ".models", ".models.backbones", ".utils"):
        stub = types.ModuleType("mmaction" + package)
        stub.__path__ = [root + package.replace(".", "/")]
        sys.modules[stub.__name__] = stub
    from mmaction.models.backbones.c3d import C3D
    from mmaction.models.backbones.resnet3d_csn import ResNet3dCSN

    class Recognizer(nn.Module):
        """Its Recognizer3D with an I3DHead, without their dropout: the mean over time and space, and a full layer."""

        def __init__(self, backbone, c, classes):
            super().__init__()
            self.backbone, self.cls_head = backbone, nn.ModuleDict({"fc_cls": nn.Linear(c, classes)})

        def forward(self, x):
            x = self.backbone(x)
            return self.cls_head["fc_cls"](x.mean((2, 3, 4)) if x.ndim == 5 else x)

    csn = dict(pretrained=None, pretrained2d=False, with_pool2=False, norm_eval=False, zero_init_residual=False)
    for depth, mode in ((50, "ir"), (152, "ir"), (152, "ip")):
        if wants(f"{mode}csn_r{depth}"):
            net = Recognizer(ResNet3dCSN(depth, bottleneck_mode=mode, **csn), 2048, 400)
            compare(f"{mode}csn_r{depth}", xtask, net, f"{mode}-csn-{depth}", (1, 3, 8, 64, 64), wrapped("state_dict"))
    if wants("c3d"):
        compare("c3d", xtask, Recognizer(C3D(), 4096, 101), "c3d-padded", (2, 3, 16, 112, 112), wrapped("state_dict"), classes=101)


if __name__ == "__main__":
    chosen = sys.argv[2:]
    for release in (torchvision, pytorchvideo, mmaction2):
        if importlib.util.find_spec(release.__name__.replace("mmaction2", "mmaction")) is None:
            print(f"skipped: {release.__name__} is not installed")
            continue
        release(sys.argv[1], lambda name: not chosen or name in chosen)
