"""Makes extremes.json with PyTorch: activations and their gradients at NaN, infinities and the edges of float32, and cross-entropy over extreme logits.

Activations are computed in float32 (what a layer shows of NaN and infinity), the loss in float64 from float32 logits. Numbers that JSON has not are strings.
Run: python extremes.py
"""

import json
import math
import os

import torch
import torch.nn.functional as F

here = os.path.dirname(os.path.abspath(__file__))
inf = math.inf


def plain(tensor):
    return [float(f"{value:.9g}") if math.isfinite(value) else str(value) for value in tensor.detach().flatten().tolist()]


special = [math.nan, inf, -inf, 3e38, -3e38, 1e20, -1e20, 1e-40, -1e-40, 0.0, -0.0, 6.0, 3.0, -3.0, 0.5, -0.5]
activations = {
    "relu": F.relu,
    "relu6": F.relu6,
    "leakyRelu": F.leaky_relu,
    "hardtanh": F.hardtanh,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "silu": F.silu,
    "softplus": F.softplus,
}


def activation(function):
    x = torch.tensor(special, dtype=torch.float32, requires_grad=True)
    y = function(x)
    (dx,) = torch.autograd.grad(y, x, torch.full_like(y, 0.5))
    return {"y": plain(y), "dx": plain(dx)}


def logits(rows, classes, offset):
    return [[offset + ((row * 37 + column * 101) % 83) / 16 - 2.5 for column in range(classes)] for row in range(rows)]


def loss_cases():
    for rows, classes in [(1, 1), (1, 3), (3, 1), (4, 5)]:
        targets = [(row * 5 + 1) % classes for row in range(rows)]
        weight = [0.25 + (c * 7 % 5) / 4 for c in range(classes)]
        for offset in [0, 1e3, -1e4, 1e5, 1e6, 1e7, -1e7]:
            yield f"[{rows}, {classes}] + {offset:g}", logits(rows, classes, offset), targets, {}
        x = logits(rows, classes, 1e7)
        yield f"[{rows}, {classes}] + 1e7, weights and ignored rows", x, [t if i % 2 == 0 else -100 for i, t in enumerate(targets)], {"weight": weight}
        yield f"[{rows}, {classes}] + 1e7, smoothed", x, targets, {"labelSmoothing": 0.1}
        yield f"[{rows}, {classes}] + 1e7, everything", x, [t if i != 1 else -100 for i, t in enumerate(targets)], {"weight": weight, "labelSmoothing": 0.25}
        yield f"[{rows}, {classes}], every row ignored", logits(rows, classes, 0), [-100] * rows, {}
        if classes == 1:
            continue
        for masked in [-inf, -1e9, -3e38]:
            for offset in [0, 1e6]:
                some = logits(rows, classes, offset)
                all_but_one = [[value if c == t else masked for c, value in enumerate(row)] for row, t in zip(some, targets)]
                for row, t in zip(some, targets):
                    row[0 if t != 0 else 1] = masked
                yield f"[{rows}, {classes}] + {offset:g}, {masked:g} in each row", some, targets, {"weight": weight}
                yield f"[{rows}, {classes}] + {offset:g}, all but one {masked:g}", all_but_one, targets, {}
        wrong = logits(rows, classes, 0)
        wrong[0][targets[0]] = -inf
        yield f"[{rows}, {classes}], the target's class masked", wrong, targets, {}
        odd = logits(rows, classes, 0)
        odd[0][0] = math.nan
        yield f"[{rows}, {classes}], NaN in a row that is ignored", odd, [-100] + targets[1:], {}
        odd = logits(rows, classes, 0)
        odd[0][0] = inf
        yield f"[{rows}, {classes}], an infinite logit", odd, targets, {}


def cross_entropy(name, x, targets, options):
    found = {"name": name, "logits": plain(torch.tensor(x)), "shape": [len(x), len(x[0])], "target": targets, "options": options, "results": {}}
    for reduction in ["mean", "sum", "none"]:
        leaf = torch.tensor(x, dtype=torch.float32).double().requires_grad_()
        weight = torch.tensor(options["weight"], dtype=torch.float32).double() if "weight" in options else None
        loss = F.cross_entropy(leaf, torch.tensor(targets), weight, reduction=reduction, label_smoothing=options.get("labelSmoothing", 0.0))
        loss.sum().backward()
        found["results"][reduction] = {"loss": plain(loss), "dx": plain(leaf.grad)}
    return found


if __name__ == "__main__":
    found = {
        "torch": torch.__version__,
        "special": plain(torch.tensor(special)),
        "activations": {name: activation(function) for name, function in activations.items()},
        "crossEntropy": [cross_entropy(*case) for case in loss_cases()],
    }
    with open(os.path.join(here, "extremes.json"), "w") as file:
        json.dump(found, file, separators=(",", ":"))
        file.write("\n")
