"""Writes all/optimizer.json: parameters after each step of torch.optim.SGD and AdamW, which tests/all/optimizer.rs compares with.

Usage: python make.py   (needs torch)
"""

import json
import math
import pathlib

import torch

NAMES = {"a.weight": (2, 3), "b.bias": (4,)}
STEPS = 6
# (settings of torch's optimizer, decay on vectors, clip norm, clip value)
SGD = [
    (dict(lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.0), True, None, None),
    (dict(lr=0.1, momentum=0.0, nesterov=False, weight_decay=0.05), True, None, None),
    (dict(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.0), True, None, None),
    (dict(lr=0.1, momentum=0.9, nesterov=False, weight_decay=0.05), True, None, None),
    (dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05), True, None, None),
    (dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05), False, 0.7, None),
    (dict(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.05), False, None, 0.3),
]
ADAMW = [
    (dict(lr=0.1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0), True, None, None),
    (dict(lr=0.1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05), True, None, None),
    (dict(lr=0.01, betas=(0.8, 0.95), eps=0.1, weight_decay=0.5), False, 0.7, None),
    (dict(lr=0.01, betas=(0.0, 0.0), eps=1e-3, weight_decay=0.01), True, None, 0.3),
]


def value(name, i, step):
    """The parameter's number i (step -1) or its gradient's at a step; optimizer.rs has the same formula."""
    return math.sin(len(name) + 1.7 * i + 0.9 * step)


def tensor(name, shape, step):
    flat = [value(name, i, step) for i in range(math.prod(shape))]
    return torch.tensor(flat, dtype=torch.float32).reshape(shape)


def case(optimizer, settings, on_vectors, clip, clip_value):
    params = {name: torch.nn.Parameter(tensor(name, shape, -1)) for name, shape in NAMES.items()}
    decay = settings["weight_decay"]
    groups = [
        {"params": [p], "weight_decay": decay if p.dim() > 1 or on_vectors else 0.0}
        for p in params.values()
    ]
    optimizer = optimizer(groups, **settings)
    steps = []
    for step in range(STEPS):
        for name, p in params.items():
            # The second parameter gets no gradient at first: torch then leaves it alone.
            p.grad = None if name == "b.bias" and step == 0 else tensor(name, p.shape, step)
        if clip_value:
            torch.nn.utils.clip_grad_value_(params.values(), clip_value)
        norm = torch.nn.utils.clip_grad_norm_(params.values(), clip or math.inf).item()
        for group in optimizer.param_groups:
            group["lr"] = settings["lr"] * (1 - 0.1 * step)
        optimizer.step()
        steps.append({"norm": norm, **{name: p.detach().flatten().tolist() for name, p in params.items()}})
    return {**settings, "on_vectors": on_vectors, "clip": clip, "clip_value": clip_value, "steps": steps}


path = pathlib.Path(__file__).parent / "all" / "optimizer.json"
path.write_text(json.dumps({
    "torch": torch.__version__.split("+")[0],
    "sgd": [case(torch.optim.SGD, *settings) for settings in SGD],
    "adamw": [case(torch.optim.AdamW, *settings) for settings in ADAMW],
}) + "\n")
