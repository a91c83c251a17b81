"""Makes the files of `fixtures/` (needs torch and numpy; not run by the tests).

    python tests/make.py

Every array counts up from a number of its own, so that the tests can write down what they expect.
"""

import argparse
import collections
import io
import pickle
import sys
import tarfile
import types
import zipfile
from pathlib import Path

import numpy as np
import torch

OUT = Path(__file__).parent / "fixtures"
OUT.mkdir(exist_ok=True)


def count(start, *shape, dtype=np.float32):
    return np.arange(start, start + int(np.prod(shape))).astype(dtype).reshape(shape)


def stand_in(module, name, value):
    """Lets pickle write a global of a package that need not be installed."""
    parts = module.split(".")
    for i in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    value.__module__, value.__qualname__ = module, name
    setattr(sys.modules[module], name, value)
    return value


# --- PyTorch

state = collections.OrderedDict()
state["conv.weight"] = torch.nn.Parameter(torch.from_numpy(count(1, 2, 3)))
state["conv.bias"] = torch.from_numpy(count(10, 2))
state._metadata = collections.OrderedDict([("", {"version": 1})])
base = torch.from_numpy(count(0, 4, 6))
torch.save(
    {
        "state_dict": state,
        "epoch": 3,
        "best": 0.5,
        "arch": "r3d",
        "resumed": None,
        "finished": True,
        "huge": 2**70,
        "args": argparse.Namespace(lr=0.1, layers=(3, 4), device=torch.device("cpu"), dtype=torch.float32),
        "views": {
            "whole": base,
            "transposed": base.t(),
            "slice": base[1:3, 2:6:2],
            "row": base[2],
            "number": base[3, 5],
            "expanded": torch.tensor([7.0]).expand(2, 3),
            "empty": torch.empty(0, 3),
        },
        "types": [torch.tensor([1, 0, 2]).to(t) for t in (
            torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
            torch.uint8, torch.bool, torch.uint16, torch.uint32, torch.complex64, torch.float8_e4m3fn)],
        "numpy": {"array": count(5, 2, 2, dtype=np.int32), "scalar": np.float64(0.25)},
        "optimizer": {"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": [{"params": list(range(20))}]},
        "milestones": collections.Counter([30, 60]),
        "size": torch.Size([2, 3]),
        "names": {"only"},
    },
    OUT / "torch.pth",
)
torch.save(state, OUT / "torch-protocol4.pth", pickle_protocol=4)
torch.save({"state_dict": state, "row": base[2], "column": base[:, 1], "half": torch.tensor([1.0, 0.5]).half(),
            "long": torch.tensor([3, -1]), "empty": torch.empty(0, 3), "epoch": 3},
           OUT / "torch-legacy.pth", _use_new_zipfile_serialization=False)
torch.save(torch.nn.Linear(2, 1), OUT / "torch-module.pth")

little = {"f": torch.from_numpy(count(1, 3)), "h": torch.from_numpy(count(1, 3, dtype=np.int16)),
          "c": torch.tensor([1 + 2j], dtype=torch.complex64)}
torch.save(little, buffer := io.BytesIO())
with zipfile.ZipFile(buffer) as src, zipfile.ZipFile(OUT / "torch-big-endian.pth", "w") as dst:
    for name, width in zip(("0", "1", "2"), (4, 2, 4)):
        data = src.read(f"archive/data/{name}")
        dst.writestr(f"archive/data/{name}", np.frombuffer(data, f"V{width}").tobytes() if width == 1
                     else np.frombuffer(data, f"<u{width}").astype(f">u{width}").tobytes())
    dst.writestr("archive/data.pkl", src.read("archive/data.pkl"), zipfile.ZIP_DEFLATED)
    dst.writestr("archive/byteorder", "big")
    dst.writestr("archive/version", "3\n")

# --- NumPy

arrays = {
    "f4": count(1, 2, 3), "f8": count(1, 2, dtype="<f8"), "f2": count(1, 2, dtype="<f2"),
    "i8": count(-1, 3, dtype="<i8"), "i4": count(-1, 3, dtype="<i4"), "i2": count(-1, 3, dtype="<i2"),
    "i1": count(-1, 3, dtype="i1"), "u1": count(1, 3, dtype="u1"), "b1": np.array([True, False]),
    "big": count(1, 3, dtype=">f4"), "fortran": np.asfortranarray(count(1, 2, 3)), "zero": np.float32(4).reshape(()),
    "empty": np.zeros((0, 2), np.float32), "words": np.array(["clap", "wave"]), "layer/kernel": count(1, 2),
}
np.savez(OUT / "plain.npz", **arrays)
np.savez_compressed(OUT / "packed.npz", **arrays)
np.save(OUT / "fortran.npy", np.asfortranarray(count(1, 2, 3, 2, dtype=">f8")))
np.save(OUT / "objects.npy", {"conv1": [count(1, 2, 2), count(9, 2)], "name": "vgg"}, allow_pickle=True)
np.save(OUT / "complex.npy", np.zeros(2, np.complex128))

# --- Pickles

nested = {
    "params": {"conv": {"kernel": count(1, 2, 3), "fortran": np.asfortranarray(count(1, 2, 3))}},
    "batch_stats": collections.OrderedDict(mean=count(1, 1, 1, 2, dtype=np.float64)),
    "list": [count(1, 1), {"deep": count(2, 1, dtype=np.int64)}],
    "shared": None,
    "step": 7, "negative": -70000, "rate": 1e-3, "name": "i3d\n\u20ac", "raw": b"\x00\xff", "done": False,
    "scalar": np.float32(1.5), "count": np.int64(9),
    "default": collections.defaultdict(list, {"a": [1, 2.5, None]}),
    "objects": np.array([count(3, 2), None], dtype=object),
    "words": np.array(["a"]),
    "set": {5},
    ("tuple", "key"): count(8, 1),
    "big": count(1, 3, dtype=">i2"),
}
nested["shared"] = nested["params"]["conv"]["kernel"]
for protocol in range(6):
    data = pickle.dumps(nested, protocol)
    if protocol == 2:  # as NumPy before 2.0 wrote it
        data = data.replace(b"cnumpy._core.", b"cnumpy.core.")
    (OUT / f"pickle{protocol}.pkl").write_bytes(data)
    assert pickle.loads(data)["params"]["conv"]["kernel"][1, 2] == 6


@lambda cls: stand_in("flax.core.frozen_dict", "FrozenDict", cls)
class FrozenDict(dict):
    def __reduce__(self):
        return FrozenDict, (dict(self),)


@lambda f: stand_in("jax._src.array", "_reconstruct_array", f)
def reconstruct_array(fun, args, arr_state, aval_state):
    array = fun(*args)
    array.__setstate__(arr_state)
    return array


class JaxArray:
    def __init__(self, array):
        self.array = array

    def __reduce__(self):
        fun, args, state = self.array.__reduce__()
        return reconstruct_array, (fun, args, state, {"weak_type": False})


@lambda cls: stand_in("ml_dtypes", "bfloat16", cls)
class bfloat16:
    pass


class Bfloat16Dtype:  # as numpy pickles the dtype of a registered type
    def __reduce__(self):
        return np.dtype, (bfloat16, False, True), (3, "<", None, None, None, -1, -1, 0)


class Bfloat16Array:
    def __reduce__(self):
        fun, args, _ = np.zeros(1).__reduce__()
        return fun, args, (1, (2,), Bfloat16Dtype(), False, b"\x80\x3f\x20\xc0")


flax = FrozenDict(params={"w": JaxArray(count(1, 2, 2)), "b": Bfloat16Array()})
(OUT / "flax.pkl").write_bytes(pickle.dumps(flax, 4))

PYTHON2 = b"""(dp0
S'w'
p1
cnumpy.core.multiarray
_reconstruct
p2
(cnumpy
ndarray
p3
(I0
tp4
S'b'
p5
tp6
Rp7
(I1
(I1
I2
tp8
cnumpy
dtype
p9
(S'f4'
p10
I0
I1
tp11
Rp12
(I3
S'<'
p13
NNNI-1
I-1
I0
tp14
bI00
S'\\x00\\x00\\x80?\\x00\\x00\\x00@'
p15
tp16
bsS'epoch'
p17
L12L
s."""
assert pickle.loads(PYTHON2, encoding="latin1")["w"].tolist() == [[1.0, 2.0]]
(OUT / "python2.pkl").write_bytes(PYTHON2)

# --- Source packages

ckpt = pickle.dumps({"params": {"w": count(1, 2)}}, 4)
for name, members in {
    "package.tar.gz": {"p/README": b"text", "p/w/a.ckpt": ckpt},
    "package-two.tar.gz": {"p/a.ckpt": ckpt, "p/b.ckpt": ckpt},
    "package-none.tar.gz": {"p/README": b"text"},
}.items():
    with tarfile.open(OUT / name, "w:gz") as tar:
        for path, data in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))

print(sum(f.stat().st_size for f in OUT.iterdir()), "bytes")
