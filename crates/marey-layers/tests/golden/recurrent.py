"""Writes recurrent.safetensors: what PyTorch (in f64) makes of random shapes of the recurrent layers, forward and backward.

As make.py, whose names it follows. LSTMs are torch.nn.LSTM, with its gates in another order. ConvLSTMs are written from
Shi et al., NIPS 2015, equation 3 (without peepholes: Zhang et al., ICCVW 2017).
"""
import math, random, sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

random.seed(2)
out = {}
CASES = 50


def wave(shape, phase):
    """As `wave` in ../golden.rs."""
    n = math.prod(shape)
    return torch.sin(phase + 0.7 * torch.arange(n, dtype=torch.float64)).float().double().reshape(shape).requires_grad_()


def keep(name, config, y, **parts):
    y.backward(wave(y.shape, 4).detach())
    out[f"{name}.config"] = torch.tensor(config, dtype=torch.int64)
    for k, part in dict(y=y, **parts).items():
        part = part.grad if k.startswith("d") else part
        out[f"{name}.{k}"] = part.detach().float().contiguous()


def lstm(i):
    n, d, units, t = (random.randint(1, 6) for _ in range(4))
    stated, forget = i % 2, i // 2 % 2
    x, w, b, v = wave((n, d, t), 1), wave((4 * units, d), 2), wave((4 * units,), 3), wave((4 * units, units), 5)
    state = [wave((1, n, units), phase).detach() for phase in (6, 7)]
    torchs = lambda rows: torch.cat([rows[k * units:(k + 1) * units] for k in (0, 1, 3, 2)])
    bias = torch.zeros(4 * units, dtype=torch.float64)
    bias[units:2 * units] = forget
    layer = torch.nn.LSTM(d, units, batch_first=True).double()
    values = dict(weight_ih_l0=torchs(w), weight_hh_l0=torchs(v), bias_ih_l0=torchs(b), bias_hh_l0=bias)
    y, (h, c) = torch.func.functional_call(layer, values, (x.transpose(1, 2), state if stated else None))
    keep(f"lstm.{i}", [n, d, units, t, stated, forget], y.transpose(1, 2), h=h[0], c=c[0], dx=x, dw=w, db=b, dv=v)


def conv_lstm(i):
    n, c_in, channels, t, kh, kw = (random.randint(1, top) for top in (2, 3, 3, 4, 3, 3))
    height, width = random.randint(1, 5), random.randint(1, 5)
    stated, peep, reverse, forget = i % 2, i // 2 % 2, i // 4 % 2, i // 8 % 2
    x, w = wave((n, c_in, t, height, width), 1), wave((4 * channels, c_in + channels, 1, kh, kw), 2)
    b, p = wave((4 * channels,), 3), wave((3, channels, height, width), 5)
    h, c = (wave((n, channels, height, width), phase).detach() * stated for phase in (6, 7))
    p_i, p_f, p_o = p if peep else torch.zeros_like(p)
    ys = [None] * t
    for k in reversed(range(t)) if reverse else range(t):
        # SAME padding: of an even kernel, the odd cell is at the end.
        pads = ((kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2)
        z = F.conv2d(F.pad(torch.cat([x[:, :, k], h], 1), pads), w[:, :, 0], b)
        i_, j, f, o = z.chunk(4, 1)
        c = torch.sigmoid(f + p_f * c + forget) * c + torch.sigmoid(i_ + p_i * c) * torch.tanh(j)
        h = torch.sigmoid(o + p_o * c) * torch.tanh(c)
        ys[k] = h
    config = [n, c_in, channels, stated, peep, reverse, forget, t, height, width, kh, kw]
    keep(f"conv_lstm.{i}", config, torch.stack(ys, 2), h=h, c=c, dx=x, dw=w, db=b, **(dict(dp=p) if peep else {}))


for i in range(CASES):
    lstm(i)
    conv_lstm(i)
save_file(out, sys.argv[1])
