"""Writes all/sgd.json: parameters after each step of torch.optim.SGD, which tests/all/sgd.rs compares with.

Usage: python make.py   (needs torch)
"""

import json
import math
import pathlib

import torch

NAMES = {"a.weight": (2, 3), "b.bias": (4,)}
STEPS = 6
# (rate, momentum, nesterov, weight decay, decay on vectors, clip norm)
CASES = [
    (0.1, 0.0, False, 0.0, True, None),
    (0.1, 0.0, False, 0.05, True, None),
    (0.1, 0.9, False, 0.0, True, None),
    (0.1, 0.9, False, 0.05, True, None),
    (0.1, 0.9, True, 0.05, True, None),
    (0.1, 0.9, True, 0.05, False, 0.7),
]


def value(name, i, step):
    """The parameter's number i (step -1) or its gradient's at a step; sgd.rs has the same formula."""
    return math.sin(len(name) + 1.7 * i + 0.9 * step)


def tensor(name, shape, step):
    flat = [value(name, i, step) for i in range(math.prod(shape))]
    return torch.tensor(flat, dtype=torch.float32).reshape(shape)


cases = []
for rate, momentum, nesterov, decay, on_vectors, clip in CASES:
    params = {name: torch.nn.Parameter(tensor(name, shape, -1)) for name, shape in NAMES.items()}
    groups = [
        {"params": [p], "weight_decay": decay if p.dim() > 1 or on_vectors else 0.0}
        for p in params.values()
    ]
    sgd = torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=nesterov)
    steps = []
    for step in range(STEPS):
        for name, p in params.items():
            # The second parameter gets no gradient at first: torch then leaves it alone.
            p.grad = None if name == "b.bias" and step == 0 else tensor(name, p.shape, step)
        norm = torch.nn.utils.clip_grad_norm_(params.values(), clip or math.inf).item()
        for group in sgd.param_groups:
            group["lr"] = rate * (1 - 0.1 * step)
        sgd.step()
        steps.append({"norm": norm, **{name: p.detach().flatten().tolist() for name, p in params.items()}})
    cases.append({"rate": rate, "momentum": momentum, "nesterov": nesterov, "decay": decay,
                  "on_vectors": on_vectors, "clip": clip, "steps": steps})

path = pathlib.Path(__file__).parent / "all" / "sgd.json"
path.write_text(json.dumps({"torch": torch.__version__.split("+")[0], "cases": cases}, indent=None) + "\n")
