"""Writes layers.safetensors: what PyTorch (in f64) makes of random shapes of every layer, forward and backward.

Needs torch and safetensors. Inputs and gradients of outputs are a formula of their name, so only results are kept.
Names: LAYER.NUMBER.config holds the numbers of the case, LAYER.NUMBER.{y,dx,dw,db} the results.
"""
import math, random, sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

random.seed(1)
out = {}
CASES = 50


def wave(shape, phase):
    """As `wave` in ../golden.rs."""
    n = math.prod(shape)
    return torch.sin(phase + 0.7 * torch.arange(n, dtype=torch.float64)).float().double().reshape(shape)


def axes(lo, hi):
    return [random.randint(lo, hi) for _ in range(3)]


def keep(name, config, y, **grads):
    out[f"{name}.config"] = torch.tensor(config, dtype=torch.int64)
    out[f"{name}.y"] = y.detach().float().contiguous()
    for k, g in grads.items():
        out[f"{name}.{k}"] = g.detach().float().contiguous()


def pads(before, after):
    """F.pad wants the last axis first."""
    return [p for b, a in zip(before[::-1], after[::-1]) for p in (b, a)]


def same(size, kernel, stride):
    total = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(size, kernel, stride)]
    return [t // 2 for t in total], [t - t // 2 for t in total]


def conv(kind, i):
    while True:
        groups = {"conv3d": 1, "conv3d-grouped": random.choice([2, 3]), "conv3d-depthwise": random.choice([2, 3, 5])}[kind]
        cin = groups if kind == "conv3d-depthwise" else groups * random.randint(1, 3)
        cout = groups * random.randint(1, 3)
        n, size, kernel, stride = random.randint(1, 2), axes(1, 7), axes(1, 4), axes(1, 5 if i % 3 == 0 else 2)
        before, after = axes(0, 2), axes(0, 2)
        if i % 5 == 0:
            before, after = same(size, kernel, stride)
        if all(s + b + a >= k for s, b, a, k in zip(size, before, after, kernel)):
            break
    bias = i % 2 == 0
    x, w, b = wave((n, cin, *size), 1), wave((cout, cin // groups, *kernel), 2), wave((cout,), 3)
    for t in (x, w, b):
        t.requires_grad_()
    y = F.conv3d(F.pad(x, pads(before, after)), w, b if bias else None, stride, groups=groups)
    y.backward(wave(y.shape, 4))
    grads = dict(dx=x.grad, dw=w.grad, **(dict(db=b.grad) if bias else {}))
    keep(f"{kind}.{i}", [n, cin, cout, groups, *size, *kernel, *stride, *before, *after, int(bias), int(i % 5 == 0)], y, **grads)


def pool(kind, i):
    flat = kind.endswith("2d")
    while True:
        n, c, size, kernel, stride = random.randint(1, 2), random.randint(1, 3), axes(1, 8), axes(1, 3), axes(1, 4 if i % 3 == 0 else 2)
        pad = [random.randint(0, k // 2) for k in kernel]
        if flat:
            size[0], kernel[0], stride[0], pad[0] = 1, 1, 1, 0
        ceil, count = random.random() < 0.5, random.random() < 0.5
        # PyTorch refuses averages of windows larger than the input.
        if all(s + 2 * p * kind.startswith("max") >= k for s, p, k in zip(size, pad, kernel)):
            break
    x = wave((n, c, *size), 1).requires_grad_()
    if flat:
        z, a = x.squeeze(2), (kernel[1:], stride[1:], pad[1:])
        y = F.max_pool2d(z, *a, ceil_mode=ceil) if kind.startswith("max") else F.avg_pool2d(z, *a, ceil_mode=ceil, count_include_pad=count)
    elif kind == "max_pool3d":
        y = F.max_pool3d(x, kernel, stride, pad, ceil_mode=ceil)
    else:
        y = F.avg_pool3d(x, kernel, stride, pad, ceil_mode=ceil, count_include_pad=count)
    y.backward(wave(y.shape, 4))
    keep(f"{kind}.{i}", [n, c, *size, *kernel, *stride, *pad, int(ceil), int(count)], y, dx=x.grad)


def same_pool(i):
    """TensorFlow's max pooling: the padding is minus infinity."""
    n, c, size, kernel, stride = 1, random.randint(1, 3), axes(1, 8), axes(1, 3), axes(1, 3)
    before, after = same(size, kernel, stride)
    x = wave((n, c, *size), 1).requires_grad_()
    y = F.max_pool3d(F.pad(x, pads(before, after), value=-math.inf), kernel, stride)
    y.backward(wave(y.shape, 4))
    keep(f"max_pool3d-same.{i}", [n, c, *size, *kernel, *stride], y, dx=x.grad)


def norm(i):
    n, c, size, train = random.randint(1, 3), random.randint(1, 4), axes(1, 4), i % 2 == 0
    size[0] += 1
    x, w, b = wave((n, c, *size), 1) * 2 + 0.5, wave((c,), 2), wave((c,), 3)
    x = x.float().double()
    mean, var = wave((c,), 5), (1.5 + wave((c,), 6)).float().double()
    for t in (x, w, b):
        t.requires_grad_()
    y = F.batch_norm(x, mean, var, w, b, train, 0.1, 1e-3)
    y.backward(wave(y.shape, 4))
    keep(f"batch_norm.{i}", [n, c, *size, int(train)], y, dx=x.grad, dw=w.grad, db=b.grad, mean=mean, var=var)


def lrn(i):
    n, c, size, k = random.randint(1, 2), random.randint(1, 7), axes(1, 3), random.randint(1, 5)
    x = (wave((n, c, *size), 1) * 3).float().double().requires_grad_()
    y = F.local_response_norm(x, k, alpha=0.5, beta=0.75, k=2.0)
    y.backward(wave(y.shape, 4))
    keep(f"lrn.{i}", [n, c, *size, k], y, dx=x.grad)


def conv_transpose(i):
    """Every third case is of one frame, as upward convolutions of images are."""
    while True:
        groups = random.choice([1, 1, 2])
        cin, cout = groups * random.randint(1, 3), groups * random.randint(1, 3)
        n, size, kernel, stride, pad = random.randint(1, 2), axes(1, 5), axes(1, 4), axes(1, 3), axes(0, 2)
        if i % 3 == 0:
            size[0], kernel[0], stride[0], pad[0] = 1, 1, 1, 0
        if all((s - 1) * d + k - 2 * p > 0 for s, k, d, p in zip(size, kernel, stride, pad)):
            break
    bias = i % 2 == 0
    x, w, b = wave((n, cin, *size), 1), wave((cin, cout // groups, *kernel), 2), wave((cout,), 3)
    for t in (x, w, b):
        t.requires_grad_()
    y = F.conv_transpose3d(x, w, b if bias else None, stride, pad, groups=groups)
    y.backward(wave(y.shape, 4))
    grads = dict(dx=x.grad, dw=w.grad, **(dict(db=b.grad) if bias else {}))
    keep(f"conv_transpose3d.{i}", [n, cin, cout, groups, *size, *kernel, *stride, *pad, int(bias)], y, **grads)


def leaky(i):
    n, c, size = random.randint(1, 2), random.randint(1, 7), axes(1, 3)
    x = wave((n, c, *size), 1).requires_grad_()
    y = F.leaky_relu(x, 0.1)
    y.backward(wave(y.shape, 4))
    keep(f"leaky_relu.{i}", [n, c, *size], y, dx=x.grad)


for i in range(CASES):
    for kind in ("conv3d", "conv3d-grouped", "conv3d-depthwise"):
        conv(kind, i)
    for kind in ("max_pool3d", "avg_pool3d", "max_pool2d", "avg_pool2d"):
        pool(kind, i)
    same_pool(i)
    norm(i)
    lrn(i)
for i in range(CASES):
    conv_transpose(i)
    leaky(i)
save_file(out, sys.argv[1])
